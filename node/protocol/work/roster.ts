/**
 * Who may work on a job, and in which order on which unit. The announcement names the first peers, appends by the
 * submitter add later ones from some unit on; a unit is ranked over the roster in force for it:
 *
 *   rank of an author on a unit = its place when everybody is sorted by H(nonce | unit | author)
 *
 * The nonce is fixed after the roster is, so nobody can choose a key that gets a known unit, and anyone can check
 * who should have started. In a roster of up to 16 the rank only orders who starts; in larger ones it decides who
 * may: units open at the job's pace, and level by level further ranks are let in.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, fromHex, uint32Bytes } from '../bytes.ts';
import type { Digest, Millis, PeerKey, StatementId, UnitIndex } from '../ids.ts';
import { RANKED_UNITS_MAX, ROSTER_APPENDS_MAX, ROSTER_MAX } from '../limits.ts';
import type { Parameters } from '../parameters.ts';
import type { BodyOf } from '../wire/statement.ts';
import type { JobSpec } from './job.ts';

export type RosterAppend = BodyOf<'roster-append'>;

interface Append extends RosterAppend {
  readonly id: StatementId;
}

/** The roster in force for some units. */
interface Epoch {
  readonly members: ReadonlySet<PeerKey>;
  readonly keys: readonly { readonly author: PeerKey; readonly bytes: Uint8Array }[];
  readonly nonce: Digest;
}

export class Roster {
  readonly #parameters: Parameters;
  readonly #spec: JobSpec;
  readonly #announced: readonly PeerKey[];
  /** What this peer believes the announcement's time was: never later than when it first saw it. */
  readonly #announcedAtMs: Millis;
  #appends: readonly Append[] = [];
  #epochs = new Map<UnitIndex, Epoch>();
  #ranks = new Map<UnitIndex, readonly PeerKey[]>();
  /** Ranks asked for, remembered for as long as the unit's order is. */
  #rankOf = new Map<UnitIndex, Map<PeerKey, number>>();
  #members: ReadonlySet<PeerKey>;
  /** The first append that went beyond the bounds: it and all behind it are left out. */
  #cutoff: Append | undefined;

  constructor(parameters: Parameters, spec: JobSpec, announced: readonly PeerKey[], firstSeenMs: Millis) {
    this.#parameters = parameters;
    this.#spec = spec;
    this.#announced = announced;
    // A submitter whose clock runs ahead must not keep its units closed here.
    this.#announcedAtMs = Math.min(spec.announcedAtMs, firstSeenMs);
    this.#members = new Set(announced);
  }

  /** Everybody who may work on some unit. */
  get members(): ReadonlySet<PeerKey> {
    return this.#members;
  }

  get nextSeq(): number {
    return this.#appends.reduce((next, { seq }) => Math.max(next, seq + 1), 0);
  }

  /**
   * False when it brings nothing new or the roster is full. Appends of one seq by a submitter that forks are united.
   * The longest run of lowest ones that fits the bounds stays, so that it is the same run whatever came first.
   */
  append(id: StatementId, body: RosterAppend): boolean {
    const append: Append = { ...body, id };
    if (this.#appends.some((known) => known.id === id)) return false;
    if (this.#cutoff !== undefined && inOrder(append, this.#cutoff) >= 0) return false;
    const kept: Append[] = [];
    const members = new Set(this.#announced);
    for (const next of [...this.#appends, append].sort(inOrder)) {
      const size = members.size + next.roster.filter((author) => !members.has(author)).length;
      if (kept.length === ROSTER_APPENDS_MAX || size > ROSTER_MAX) {
        this.#cutoff = next;
        break;
      }
      kept.push(next);
      for (const author of next.roster) members.add(author);
    }
    this.#appends = kept;
    this.#members = members;
    this.#epochs.clear();
    this.#ranks.clear();
    this.#rankOf.clear();
    return kept.includes(append);
  }

  sizeFor(unit: UnitIndex): number {
    return this.#epochFor(unit).members.size;
  }

  isMember(unit: UnitIndex, author: PeerKey): boolean {
    return this.#epochFor(unit).members.has(author);
  }

  /** Everybody in force for the unit, lowest rank first. */
  ranksFor(unit: UnitIndex): readonly PeerKey[] {
    let ranks = this.#ranks.get(unit);
    if (ranks === undefined) {
      const { keys, nonce } = this.#epochFor(unit);
      // One buffer for all: this runs for every member of every unit that is looked at.
      const input = concatBytes(fromHex(nonce), uint32Bytes(unit), new Uint8Array(32));
      ranks = keys
        .map(({ author, bytes }) => {
          input.set(bytes, input.length - bytes.length);
          return { author, order: sha256(input) };
        })
        .sort((a, b) => compareBytes(a.order, b.order))
        .map(({ author }) => author);
      this.#ranks.set(unit, ranks);
      if (this.#ranks.size > RANKED_UNITS_MAX) this.#forgetOldest();
    }
    return ranks;
  }

  /** Place of an author in the unit's order; the roster's size for anybody who is not in it. */
  rankOf(unit: UnitIndex, author: PeerKey): number {
    let known = this.#rankOf.get(unit);
    if (known === undefined) {
      known = new Map();
      this.#rankOf.set(unit, known);
    }
    let rank = known.get(author);
    if (rank === undefined) {
      const ranks = this.ranksFor(unit);
      const place = ranks.indexOf(author);
      rank = place < 0 ? ranks.length : place;
      known.set(author, rank);
    }
    return rank;
  }

  /** When anybody may start the unit. */
  openAt(unit: UnitIndex): Millis {
    if (this.sizeFor(unit) <= this.#parameters.openRosterMax) return this.#announcedAtMs;
    const paced = this.#appends.filter(({ from, pacePerSecond }) => from <= unit && pacePerSecond > 0).at(-1);
    if (paced !== undefined) return paced.openAtMs + (1_000 * (unit - paced.from)) / paced.pacePerSecond;
    const { pacePerSecond } = this.#spec;
    return this.#announcedAtMs + (pacePerSecond > 0 ? (1_000 * unit) / pacePerSecond : 0);
  }

  /** When this rank may start the unit and its commit is admitted. Ranks beyond the roster come last. */
  admittedFrom(unit: UnitIndex, rank: number): Millis {
    const openAt = this.openAt(unit);
    if (this.sizeFor(unit) <= this.#parameters.openRosterMax) return openAt;
    return openAt + levelOf(rank, this.#parameters.firstRanks) * (4 * this.#spec.expectedUnitMs + 2_000);
  }

  /** First unit that is not open yet at `now`: where an append to a paced roster may begin. */
  firstUnopened(now: Millis, units: number): UnitIndex {
    let low = 0;
    let high = units;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.openAt(middle) > now) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #forgetOldest(): void {
    const oldest = this.#ranks.keys().next();
    if (oldest.done === true) return;
    this.#ranks.delete(oldest.value);
    this.#rankOf.delete(oldest.value);
  }

  #epochFor(unit: UnitIndex): Epoch {
    // The first unit of an epoch names it: units between two appends share their roster.
    let key = 0;
    for (const { from } of this.#appends) if (from <= unit && from > key) key = from;
    let epoch = this.#epochs.get(key);
    if (epoch === undefined) {
      const inForce = this.#appends.filter(({ from }) => from <= unit);
      const members = new Set([...this.#announced, ...inForce.flatMap(({ roster }) => roster)]);
      const keys = [...members].map((author) => ({ author, bytes: fromHex(author) }));
      epoch = { members, keys, nonce: inForce.at(-1)?.nonce ?? this.#spec.rosterNonce };
      this.#epochs.set(key, epoch);
    }
    return epoch;
  }
}

function inOrder(a: Append, b: Append): number {
  return a.seq - b.seq || (a.id === b.id ? 0 : a.id < b.id ? -1 : 1);
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}

/** Level 0 for the first ranks, then 1 + ⌊log2(rank / first)⌋: each level lets in as many as all before it. */
export function levelOf(rank: number, firstRanks: number): number {
  let level = 0;
  for (let bound = firstRanks; rank >= bound; bound *= 2) level++;
  return level;
}
