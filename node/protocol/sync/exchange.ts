/**
 * Have and want: how a peer that joins late, or comes back, gets the statements it missed. On every connect, and now
 * and then with a random neighbour, two peers compare count and digest of each live job's set; where they differ one
 * lists its ids, the other asks for what it lacks and sends what the first one lacks. Statements that arrive this way
 * pass the same checks as gossip, except for clocks and rates: they are old by nature.
 *
 *   A ── jobs (count, digest each) ──► B
 *   A ◄── ids of the jobs that differ ─ B
 *   A ── want …, statements … ────────► B
 *   A ◄── statements … ─────────────── B
 *
 * Plain on purpose: cost grows with the set of a job that differs. Reconciliation by ranges can take its place behind
 * the same four calls.
 */
import { decode, encode } from '@ipld/dag-cbor';
import type { Core } from '../core.ts';
import type { Digest, JobId, PeerKey, StatementId } from '../ids.ts';
import { EXCHANGE_IDS_MAX, EXCHANGE_JOBS_MAX, EXCHANGES_MAX, STATEMENT_BYTES_MAX, STATEMENTS_MAX } from '../limits.ts';
import type { Turn } from '../turn.ts';
import {
  byteString,
  flag,
  hexBytes,
  integer,
  listOf,
  record,
  type Shape,
  type ValueOf,
  WireError,
} from '../wire/schema.ts';

/** Identities handed to a newly connected peer: enough for a roster in a small network. */
const IDENTITIES_SENT = 256;
/** Time between exchanges with a random neighbour, ± 50 %. */
const PERIOD_MS = 10_000;

const jobId = hexBytes<JobId>(32);
const statementId = hexBytes<StatementId>(32);
const jobSummary = record({ job: jobId, count: integer(0, STATEMENTS_MAX), digest: hexBytes<Digest>(32) });

const SHAPES = {
  jobs: record({ jobs: listOf(jobSummary, 0, EXCHANGE_JOBS_MAX) }),
  ids: record({ job: jobId, ids: listOf(statementId, 0, EXCHANGE_IDS_MAX), more: flag }),
  want: record({ job: jobId, ids: listOf(statementId, 1, EXCHANGE_IDS_MAX) }),
  statements: record({ envelopes: listOf(byteString(STATEMENT_BYTES_MAX), 1, 1_024) }),
} as const;

type Kind = keyof typeof SHAPES;
type Message = { [K in Kind]: { readonly kind: K } & ValueOf<(typeof SHAPES)[K]> }[Kind];

export interface ExchangeParts {
  readonly core: Core;
  /** Hands an envelope that came by exchange to admission. */
  readonly onEnvelope: (turn: Turn, bytes: Uint8Array, from: PeerKey) => void;
  /** Already authenticated once, whether or not it was kept. */
  readonly isSeen: (id: StatementId) => boolean;
  /** A job this peer has finished with and will not take again. */
  readonly isClosed: (job: JobId) => boolean;
}

export class Exchange {
  readonly #core: Core;
  readonly #parts: ExchangeParts;
  /** Pages of ids that are still coming, by peer and job. */
  readonly #pages = new Map<string, StatementId[]>();

  constructor(parts: ExchangeParts) {
    this.#core = parts.core;
    this.#parts = parts;
  }

  get pending(): number {
    return this.#pages.size;
  }

  onConnected(turn: Turn, peer: PeerKey): void {
    this.#sendStatements(turn, peer, this.#core.peers.identities(turn.now, IDENTITIES_SENT));
    // One of the two begins, or they would do everything twice.
    if (this.#core.self < peer) this.begin(turn, peer);
  }

  onDisconnected(peer: PeerKey): void {
    for (const key of this.#pages.keys()) if (key.startsWith(peer)) this.#pages.delete(key);
  }

  /** The periodic exchange with a random neighbour. */
  tick(turn: Turn): void {
    const { connected } = this.#core.peers;
    const peer = connected[Math.floor(this.#core.random() * connected.length)];
    if (peer !== undefined && this.#core.boards.size > 0) this.begin(turn, peer);
    this.#core.agenda.set('exchange', turn.now + PERIOD_MS * (0.5 + this.#core.random()));
  }

  begin(turn: Turn, peer: PeerKey): void {
    const jobs = [...this.#core.boards.keys()].map((job) => ({
      job,
      count: this.#core.ledger.count(job),
      digest: this.#core.ledger.digest(job),
    }));
    for (let i = 0; i === 0 || i < jobs.length; i += EXCHANGE_JOBS_MAX) {
      this.#send(turn, peer, { kind: 'jobs', jobs: jobs.slice(i, i + EXCHANGE_JOBS_MAX) });
    }
  }

  /** Throws nothing: a malformed message is dropped, and its code returned for the log. */
  onMessage(turn: Turn, peer: PeerKey, bytes: Uint8Array): 'malformed' | undefined {
    let message: Message;
    try {
      message = decodeMessage(bytes);
    } catch (error) {
      if (error instanceof WireError) return 'malformed';
      throw error;
    }
    switch (message.kind) {
      case 'jobs':
        this.#onJobs(turn, peer, message.jobs);
        return undefined;
      case 'ids':
        this.#onIds(turn, peer, message);
        return undefined;
      case 'want': {
        const { job } = message;
        const envelopes = message.ids.flatMap((id) => this.#core.ledger.bytesOf(job, id) ?? []);
        this.#sendStatements(turn, peer, envelopes);
        return undefined;
      }
      case 'statements':
        for (const envelope of message.envelopes) this.#parts.onEnvelope(turn, envelope, peer);
        return undefined;
    }
  }

  #onJobs(turn: Turn, peer: PeerKey, theirs: readonly { job: JobId; count: number; digest: Digest }[]): void {
    const listed = new Set(theirs.map(({ job }) => job));
    for (const { job, count, digest } of theirs) {
      if (this.#parts.isClosed(job)) continue;
      const equal = this.#core.ledger.count(job) === count && this.#core.ledger.digest(job) === digest;
      if (!equal) this.#sendIds(turn, peer, job);
    }
    // A full page may be one of several: what it does not list may stand on the next.
    if (theirs.length === EXCHANGE_JOBS_MAX) return;
    for (const job of this.#core.boards.keys()) if (!listed.has(job)) this.#sendIds(turn, peer, job);
  }

  #onIds(turn: Turn, peer: PeerKey, page: { job: JobId; ids: readonly StatementId[]; more: boolean }): void {
    const { job } = page;
    if (this.#parts.isClosed(job)) return;
    const key = `${peer} ${job}`;
    const ids = [...(this.#pages.get(key) ?? []), ...page.ids];
    if (page.more) {
      const known = this.#pages.has(key);
      if (ids.length <= STATEMENTS_MAX && (known || this.#pages.size < EXCHANGES_MAX)) this.#pages.set(key, ids);
      return;
    }
    this.#pages.delete(key);
    const theirs = new Set(ids);
    const lacking = ids.filter((id) => !this.#core.ledger.has(job, id) && !this.#parts.isSeen(id));
    for (let i = 0; i < lacking.length; i += EXCHANGE_IDS_MAX) {
      this.#send(turn, peer, { kind: 'want', job, ids: lacking.slice(i, i + EXCHANGE_IDS_MAX) });
    }
    const extra = this.#core.ledger.idsOf(job).filter((id) => !theirs.has(id));
    this.#sendStatements(
      turn,
      peer,
      extra.flatMap((id) => this.#core.ledger.bytesOf(job, id) ?? []),
    );
  }

  #sendIds(turn: Turn, peer: PeerKey, job: JobId): void {
    const ids = this.#core.ledger.idsOf(job);
    for (let i = 0; i === 0 || i < ids.length; i += EXCHANGE_IDS_MAX) {
      const more = i + EXCHANGE_IDS_MAX < ids.length;
      this.#send(turn, peer, { kind: 'ids', job, ids: ids.slice(i, i + EXCHANGE_IDS_MAX), more });
    }
  }

  /** As many envelopes a message as fit. */
  #sendStatements(turn: Turn, peer: PeerKey, envelopes: readonly Uint8Array[]): void {
    let batch: Uint8Array[] = [];
    let size = 0;
    const flush = () => {
      if (batch.length > 0) this.#send(turn, peer, { kind: 'statements', envelopes: batch });
      batch = [];
      size = 0;
    };
    for (const envelope of envelopes) {
      if (size + envelope.length + 16 > STATEMENT_BYTES_MAX || batch.length === 1_024) flush();
      batch.push(envelope);
      size += envelope.length + 16;
    }
    flush();
  }

  #send(turn: Turn, peer: PeerKey, message: Message): void {
    const shape = SHAPES[message.kind] as Shape<unknown>;
    turn.emit({ type: 'send', peer, bytes: encode([message.kind, shape.encode(message)]) });
  }
}

function decodeMessage(bytes: Uint8Array): Message {
  let data: unknown;
  try {
    data = decode(bytes);
  } catch (error) {
    throw new WireError(`exchange: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!Array.isArray(data) || data.length !== 2) throw new WireError('exchange: not a pair');
  const [kind, content] = data as [unknown, unknown];
  if (typeof kind !== 'string' || !Object.hasOwn(SHAPES, kind)) throw new WireError('exchange: unknown kind');
  const shape = SHAPES[kind as Kind] as Shape<object>;
  return { ...shape.decode(content, kind), kind } as Message;
}
