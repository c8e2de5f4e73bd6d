/**
 * What this peer is about to say. Bodies become signed envelopes here; commits, reveals and claims of one job travel
 * together, and a bucket keeps the peer under 80 % of what its neighbours would let through, so that honest speech is
 * never dropped. While the bucket is empty entries collect, and leave as one statement.
 */
import type { Tickets } from './core.ts';
import type { JobId, Millis, PeerKey, UnitIndex } from './ids.ts';
import { REVEALS_PER_STATEMENT_MAX, UNITS_PER_STATEMENT_MAX } from './limits.ts';
import type { Parameters } from './parameters.ts';
import { TokenBuckets } from './trust/bucket.ts';
import type { Turn } from './turn.ts';
import { encodeBody, signedBytes } from './wire/envelope.ts';
import type { Body, CommitEntry, RevealEntry } from './wire/statement.ts';

/** Share of a neighbour's bucket that an honest sender uses. */
const HONEST_SHARE = 0.8;

type Paced = 'commit' | 'reveal' | 'claim';

export class Outbox {
  readonly #parameters: Parameters;
  readonly #self: PeerKey;
  readonly #tickets: Tickets;
  readonly #buckets: TokenBuckets;
  readonly #commits = new Map<JobId, CommitEntry[]>();
  readonly #reveals = new Map<JobId, RevealEntry[]>();
  /** Units by job and lease length. */
  readonly #claims = new Map<string, { readonly job: JobId; readonly leaseMs: Millis; readonly units: UnitIndex[] }>();

  constructor(parameters: Parameters, self: PeerKey, tickets: Tickets) {
    this.#parameters = parameters;
    this.#self = self;
    this.#tickets = tickets;
    this.#buckets = new TokenBuckets(
      parameters.messagesPerSecond * HONEST_SHARE,
      parameters.messageBurst * HONEST_SHARE,
    );
  }

  commit(job: JobId, entry: CommitEntry): void {
    listIn(this.#commits, job).push(entry);
  }

  reveal(job: JobId, entry: RevealEntry): void {
    listIn(this.#reveals, job).push(entry);
  }

  claim(job: JobId, unit: UnitIndex, leaseMs: Millis): void {
    const key = `${job} ${leaseMs}`;
    const waiting = this.#claims.get(key) ?? { job, leaseMs, units: [] };
    waiting.units.push(unit);
    this.#claims.set(key, waiting);
  }

  /** Signs at once: announcements, openings and the like are rare. */
  say(turn: Turn, body: Body): void {
    const signed = signedBytes(this.#parameters.network, this.#self, encodeBody(body));
    turn.emit({ type: 'sign', ticket: this.#tickets.open({ for: 'signature', body, signed }), bytes: signed });
  }

  /** Says what the buckets allow. Returns when more can be said, if something waits. `force` empties it: a goodbye. */
  flush(turn: Turn, force = false): Millis | undefined {
    const may = (kind: Paced): boolean => force || this.#buckets.take(kind, turn.now);
    for (const [job, entries] of this.#commits) {
      while (entries.length > 0 && may('commit')) {
        this.say(turn, { kind: 'commit', job, entries: entries.splice(0, UNITS_PER_STATEMENT_MAX) });
      }
      if (entries.length === 0) this.#commits.delete(job);
    }
    for (const [job, entries] of this.#reveals) {
      while (entries.length > 0 && may('reveal')) {
        this.say(turn, { kind: 'reveal', job, entries: entries.splice(0, REVEALS_PER_STATEMENT_MAX) });
      }
      if (entries.length === 0) this.#reveals.delete(job);
    }
    for (const [key, { job, leaseMs, units }] of this.#claims) {
      while (units.length > 0 && may('claim')) {
        this.say(turn, {
          kind: 'claim',
          job,
          leaseMs,
          issuedAtMs: turn.now,
          units: units.splice(0, UNITS_PER_STATEMENT_MAX),
        });
      }
      if (units.length === 0) this.#claims.delete(key);
    }
    return this.#nextAt(turn.now);
  }

  #nextAt(now: Millis): Millis | undefined {
    const waiting: Paced[] = [];
    if (this.#commits.size > 0) waiting.push('commit');
    if (this.#reveals.size > 0) waiting.push('reveal');
    if (this.#claims.size > 0) waiting.push('claim');
    return waiting.length === 0 ? undefined : Math.min(...waiting.map((kind) => this.#buckets.nextAt(kind, now)));
  }
}

function listIn<K, V>(map: Map<K, V[]>, key: K): V[] {
  let list = map.get(key);
  if (list === undefined) {
    list = [];
    map.set(key, list);
  }
  return list;
}
