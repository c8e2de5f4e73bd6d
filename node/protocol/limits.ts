/**
 * Every bound on memory and message size, with its reason and with what happens when it is reached. A peer that
 * listens to strangers must be able to say, for each map it keeps, how large that can grow; a limit that is not in
 * this file does not exist.
 */

/** One message on gossip or one statement in an exchange, so that it fits a 64 KiB frame with its wrapping. Larger: rejected before decoding. */
export const STATEMENT_BYTES_MAX = 60 * 1024;
/** JobSpec without its roster. Larger: the announcement is rejected. Keeps 1,024 jobs under 5 MiB. */
export const JOB_SPEC_BYTES_MAX = 4 * 1024;
/** Identities in one announcement or append: 32 KiB of keys fit one statement. Larger: refused at submit, rejected on the wire. */
export const ROSTER_MAX = 1_024;
/** Appends of one job; the lowest sequence numbers stay. 64 appends of 1,024 peers exceed any network planned. */
export const ROSTER_APPENDS_MAX = 64;
/** Tasks in one unit: 1,024 leaves of 41 bytes fill an Opening of 42 KiB, under one statement. */
export const TASKS_PER_UNIT_MAX = 1_024;
/** Units in one job: bounds the unit table (about 1 KiB a unit once statements arrive). Larger jobs are split into parts. */
export const UNITS_MAX = 65_536;
/** Units named by one commit or claim statement. More: sent as several. */
export const UNITS_PER_STATEMENT_MAX = 32;
/** Seals one closing can list. A unit never has more authors than this. */
export const CLOSING_SEALS_MAX = 17;
/** Authors kept per unit: those of lowest rank, never the first to arrive, so that flooding does not crowd out the honest. */
export const AUTHORS_PER_UNIT_MAX = 16;
/** Jobs known at a time. Beyond it: finished and expired ones are evicted whole, oldest first, then announcements are ignored. */
export const JOBS_MAX = 1_024;
/** Statements over all jobs. Beyond it: whole finished jobs are evicted, then new statements are ignored; exchange heals later. */
export const STATEMENTS_MAX = 1_000_000;
/** Bytes of all statements: a million commits of 300 bytes. Statements of the largest size reach this long before their number. */
export const STATEMENTS_BYTES_MAX = 320 * 1024 * 1024;
/** Ids remembered as seen, so that duplicates cost one lookup. Oldest forgotten first; a forgotten one is verified again, which is harmless. */
export const SEEN_MAX = 65_536;
/** Statements waiting for a prerequisite (their job, a level that opens later). Oldest dropped first; exchange brings them back. */
export const WAITING_MAX = 4_096;
/** Signature checks under way. Beyond it gossip is ignored (not rejected): load is not an offence. */
export const VERIFYING_MAX = 4_096;
/** Peers with a row of their own (identity, links). Disconnected ones are evicted first, oldest first. */
export const PEERS_MAX = 4_096;
/** Unexpired claims kept per job. Soft state: oldest dropped first, at worst somebody starts a unit twice. */
export const CLAIMS_PER_JOB_MAX = 4_096;
/** Claimants remembered per unit, so that renewing a claim for ever does not keep it. Oldest forgotten first: it may delay the unit once more. */
export const CLAIMANTS_PER_UNIT_MAX = 16;
/** Claims one identity may hold at once. More are ignored. */
export const CLAIMS_PER_IDENTITY_MAX = 8;
/** Own commits that nobody has answered. A lone volunteer then stops and says it waits for a quorum. */
export const UNREVEALED_MAX = 256;
/** Units held at once for each core: one running, one fetching or waiting for its turn. */
export const CLAIMS_PER_CORE = 2;
/** Round trips remembered per peer for the p99; oldest dropped. */
export const ROUND_TRIPS_MAX = 64;
/** Failed dials remembered for `why`; oldest dropped. */
export const DIAL_FAILURES_MAX = 32;
/** Ids in one message of the exchange: 1,500 ids are 48 KiB. More: sent as several. */
export const EXCHANGE_IDS_MAX = 1_500;
/** Largest block: what other IPFS tools accept. Larger inputs are split, larger outputs are a trap. */
export const BLOCK_BYTES_MAX = 2 * 1024 * 1024;
/** Highest fuel per task, so that the sum over a unit stays a safe integer. */
export const FUEL_PER_TASK_MAX = 2 ** 43 - 1;
/** 1 GiB: the most one kernel instance may be given. */
export const MEMORY_PAGES_MAX = 16_384;
/** Bytes of parameters that head each task's input. */
export const PARAMETER_BYTES_MAX = 1_024;
/** Quorum and replicas: a unit keeps 16 authors. */
export const REPLICAS_MAX = 8;
/** A week: jobs beyond that are renewed by submitting them again. */
export const JOB_TTL_MAX_MS = 7 * 24 * 3_600_000;
/** An announcement may be this far in the future before it waits: clocks of volunteers are off by minutes. */
export const CLOCK_SKEW_MAX_MS = 10 * 60_000;
/** Token buckets kept (one per forwarder and per author). Fullest evicted first: they hold no memory of misuse. */
export const BUCKETS_MAX = 8_192;
/** Title and purpose of a job, in UTF-8 bytes. */
export const TITLE_BYTES_MAX = 128;
export const PURPOSE_BYTES_MAX = 512;
/** Addresses and agent of an identity: about 2 KiB in all. */
export const IDENTITY_TEXT_MAX = 256;
export const IDENTITY_ADDRESSES_MAX = 8;
/** Tasks in one job: UNITS_MAX units of TASKS_PER_UNIT_MAX. */
export const TASKS_MAX = UNITS_MAX * TASKS_PER_UNIT_MAX;
/** An output must fit its unit's output block beside the leaves. */
export const OUTPUT_BYTES_PER_TASK_MAX = BLOCK_BYTES_MAX - 64 * 1024;
/** Reveals in one statement: 16 of 725 bytes, so that two of them still fit a proof of equivocation. */
export const REVEALS_PER_STATEMENT_MAX = 16;
/** Ranges in one `satisfied`; more are sent as several statements. */
export const SATISFIED_RANGES_MAX = 512;
/** Units opened per second in a large roster; the sum of a hundred thousand cores at 1 s a unit. */
export const PACE_MAX = 100_000;
/** Year 2100: a time beyond it is a mistake. */
export const TIME_MAX_MS = 4_102_444_800_000;
export const ABI_VERSION_MAX = 255;
/** One message of the exchange: a statement of the largest size, with its wrapping. What one direct frame carries. */
export const EXCHANGE_MESSAGE_BYTES_MAX = 64 * 1024;
/** Jobs in one message of the exchange: 512 summaries are 38 KiB. More: sent as several. */
export const EXCHANGE_JOBS_MAX = 512;
/** Lists of ids that are still arriving in pages. Beyond it the list is dropped; the next exchange tries again. */
export const EXCHANGES_MAX = 256;
/** Jobs remembered as closed, so that an exchange does not bring them back. Oldest forgotten first. */
export const CLOSED_JOBS_MAX = 8_192;
/** Units of a job whose order is remembered: 2,048 of 1,024 peers are 16 MiB. Oldest forgotten first, and hashed again when asked for. */
export const RANKED_UNITS_MAX = 2_048;
