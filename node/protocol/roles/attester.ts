/**
 * What this peer says about a unit it has run: commit, hold, reveal, and afterwards Close and Opening where others
 * need them. The hold is what keeps copiers out: whoever sees m commits waits a third of it, freezes every seal it
 * then has, waits the rest, reveals. The third gives later commits a chance to be listed (three replicas that freeze
 * at two would list each other in a ring and find no quorum).
 *
 * Everything here may happen twice or late without harm: own statements are persisted before they are sent, and
 * after a restart they are repeated, never made anew.
 */
import type { Core } from '../core.ts';
import type { Execution } from '../effect.ts';
import type { Cid, Digest, JobId, Millis, PeerKey, UnitIndex } from '../ids.ts';
import { CLOSING_SEALS_MAX } from '../limits.ts';
import { saltOf, sealOf } from '../trust/commitment.ts';
import { closingOf } from '../trust/evidence.ts';
import type { Turn } from '../turn.ts';
import { BlockError, decodeUnitOutput } from '../wire/block.ts';
import type { BodyOf } from '../wire/statement.ts';
import type { JobBoard } from '../work/board.ts';
import { createReplica, encodeReplicaResult, type Replica } from '../work/replica.ts';
import type { Volunteer } from './volunteer.ts';

export class Attester {
  readonly #core: Core;
  readonly #volunteer: Volunteer;

  constructor(core: Core, volunteer: Volunteer) {
    this.#core = core;
    this.#volunteer = volunteer;
  }

  /** A finished run becomes a commitment: the output is kept before anything is said about it. */
  commit(turn: Turn, board: JobBoard, replica: Replica, execution: Execution): void {
    const { cid, bytes } = execution.output!;
    turn.emit({ type: 'put-block', job: board.id, cid, bytes });
    replica.phase = 'committing';
    this.#core.outbox.commit(board.id, { unit: replica.unit, seal: this.#sealOf(board, replica) });
    turn.notify({ type: 'replica', job: board.id, unit: replica.unit, phase: 'committing' });
  }

  /** Records to persist together with our own commit, so that a restart can reveal what it sealed. */
  recordsFor(body: BodyOf<'commit'>): readonly { readonly key: string; readonly value: Uint8Array }[] {
    return body.entries.flatMap(({ unit }) => {
      const result = this.#volunteer.replica(body.job, unit)?.result;
      return result === undefined ? [] : [{ key: replicaKey(body.job, unit), value: encodeReplicaResult(result) }];
    });
  }

  /** Our own commit is in the set. */
  onCommitted(turn: Turn, body: BodyOf<'commit'>): void {
    for (const { unit } of body.entries) {
      const replica = this.#volunteer.replica(body.job, unit);
      if (replica?.phase !== 'committing') continue;
      this.#moveTo(turn, replica, 'committed');
      replica.committedAtMs = turn.now;
    }
  }

  onRevealed(turn: Turn, body: BodyOf<'reveal'>): void {
    for (const { unit } of body.entries) {
      const replica = this.#volunteer.replica(body.job, unit);
      if (replica === undefined) continue;
      this.#moveTo(turn, replica, 'revealed');
      replica.revealedAtMs = turn.now;
    }
  }

  /** From disk: own commits go on where they were. A commit whose result was lost is left to others. */
  restore(board: JobBoard, results: ReadonlyMap<UnitIndex, NonNullable<Replica['result']>>, now: Millis): void {
    for (const [unit, row] of board.rows()) {
      if (!row.evidence.commits.has(this.#core.self)) continue;
      const result = results.get(unit);
      const reveal = row.evidence.reveals.get(this.#core.self);
      const replica = createReplica(board.id, unit, reveal !== undefined ? 'revealed' : 'committed', now);
      if (result === undefined && reveal === undefined) {
        replica.phase = 'failed';
        replica.failure = { code: 'lost', detail: 'the result of this commit was lost with the disk' };
      }
      replica.result = result;
      replica.revealedAtMs = now;
      this.#volunteer.adopt(replica);
    }
  }

  /** Called whenever the unit was settled or its time has come. */
  advance(turn: Turn, board: JobBoard, unit: UnitIndex): void {
    const replica = this.#volunteer.replica(board.id, unit);
    if (replica?.result === undefined || board.cancelled) return;
    if (replica.phase === 'committed') this.#freeze(turn, board, replica);
    if (replica.phase === 'frozen') this.#reveal(turn, board, replica, false);
    if (replica.phase === 'revealed') {
      this.#open(turn, board, replica);
      this.#close(turn, board, replica);
    }
  }

  /** A goodbye: what is frozen is revealed at once, since nobody can be copied from any more. */
  revealAllFrozen(turn: Turn): void {
    for (const replica of this.#volunteer.replicas()) {
      const board = this.#core.boards.get(replica.job);
      if (replica.phase === 'frozen' && board !== undefined) this.#reveal(turn, board, replica, true);
    }
  }

  onLeaves(turn: Turn, board: JobBoard, unit: UnitIndex, bytes: Uint8Array | undefined): void {
    const replica = this.#volunteer.replica(board.id, unit);
    if (replica === undefined || bytes === undefined) return;
    try {
      const { leaves } = decodeUnitOutput(bytes);
      this.#core.outbox.say(turn, { kind: 'opening', job: board.id, unit, leaves });
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
    }
  }

  #freeze(turn: Turn, board: JobBoard, replica: Replica): void {
    const row = board.row(replica.unit);
    const quorum = board.quorumFor(replica.unit);
    const holdMs = quorum === 1 ? 0 : this.#core.holdMs();
    if (quorum > 1) {
      const since = row.quorumSinceMs ?? this.#lateSince(board, replica, quorum);
      if (since === undefined) return;
      const freezeAt = Math.max(since, replica.committedAtMs) + holdMs / 3;
      if (turn.now < freezeAt) return this.#lookAgain(replica, freezeAt);
    }
    const seals = [...row.evidence.commits]
      .filter(([author]) => !board.voided.has(author) && !row.evidence.equivocators.has(author))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { seal }]) => seal);
    const own = row.evidence.commits.get(this.#core.self)!.seal;
    replica.closing = [own, ...seals.filter((seal) => seal !== own)].slice(0, CLOSING_SEALS_MAX);
    replica.revealAtMs = turn.now + (2 * holdMs) / 3;
    this.#moveTo(turn, replica, 'frozen');
  }

  /**
   * Too few commits count here because others have revealed without listing this one, and their time for a Close is
   * over. With them there are enough all the same, and where nobody else is left they wait for this reveal: they can
   * list it as soon as they see it. Undefined where even they are too few.
   */
  #lateSince(board: JobBoard, replica: Replica, quorum: number): Millis | undefined {
    const { evidence, lackingSinceMs } = board.row(replica.unit);
    const valid = [...evidence.commits].filter(([author, { seal }]) => {
      if (board.voided.has(author) || evidence.equivocators.has(author)) return false;
      return author === this.#core.self || evidence.reveals.get(author)?.seal === seal;
    });
    if (valid.length < quorum) return undefined;
    const { overdueMs } = this.#core.parameters;
    // Whoever could still be the one that counts has had as long as others have for theirs.
    return Math.max(replica.committedAtMs, lackingSinceMs ?? 0) + this.#core.holdMs() + 3 * overdueMs;
  }

  #reveal(turn: Turn, board: JobBoard, replica: Replica, atOnce: boolean): void {
    if (!atOnce && turn.now < replica.revealAtMs) return this.#lookAgain(replica, replica.revealAtMs);
    const { merkle, fuel, inputDigest, output } = replica.result!;
    const { unit, closing } = replica;
    const salt = saltOf(this.#core.saltSecret, board.id, unit);
    this.#core.outbox.reveal(board.id, { unit, merkle, fuel, inputDigest, salt, closing, output });
    this.#moveTo(turn, replica, 'revealing');
  }

  /** Another root was revealed for this unit: show the leaves, so that the difference can be found. */
  #open(turn: Turn, board: JobBoard, replica: Replica): void {
    const { evidence } = board.row(replica.unit);
    const { root, output } = replica.result!;
    if (replica.opened || evidence.openings.has(root)) return;
    const contested = [...evidence.reveals].some(([author, reveal]) => {
      return reveal.root !== root && !board.voided.has(author) && !evidence.equivocators.has(author);
    });
    if (!contested) return;
    replica.opened = true;
    const ticket = this.#core.tickets.open({ for: 'leaves', job: board.id, unit: replica.unit });
    turn.emit({ type: 'read-block', ticket, cid: output });
  }

  /** The unit lacks its quorum a while after our reveal: list those who found the same and had listed us. */
  #close(turn: Turn, board: JobBoard, replica: Replica): void {
    const row = board.row(replica.unit);
    if (row.verdict.state === 'agreed' || row.satisfied || replica.closesSent >= this.#core.parameters.closesMax)
      return;
    const from = replica.revealedAtMs + this.#core.parameters.overdueMs;
    if (turn.now < from) return this.#lookAgain(replica, from);
    const { evidence } = row;
    const own = evidence.commits.get(this.#core.self)?.seal;
    const listed = closingOf(evidence, this.#core.self);
    const later: Digest[] = [];
    for (const [author, { seal }] of evidence.commits) {
      const reveal = evidence.reveals.get(author);
      if (own === undefined || listed.has(seal) || reveal?.seal !== seal) continue;
      if (reveal.root === replica.result!.root && closingOf(evidence, author).has(own)) later.push(seal);
    }
    if (later.length === 0) return;
    const sent = Math.max(replica.closesSent, evidence.closes.get(this.#core.self)?.size ?? 0);
    replica.closesSent = sent + 1;
    this.#core.outbox.say(turn, {
      kind: 'close',
      job: board.id,
      unit: replica.unit,
      n: sent,
      seals: later.slice(0, CLOSING_SEALS_MAX),
    });
  }

  #sealOf(board: JobBoard, replica: Replica): Digest {
    const { root, inputDigest } = replica.result!;
    const salt = saltOf(this.#core.saltSecret, board.id, replica.unit);
    return sealOf({ author: this.#core.self, job: board.id, unit: replica.unit, inputDigest, root, salt });
  }

  #moveTo(turn: Turn, replica: Replica, phase: Replica['phase']): void {
    replica.phase = phase;
    replica.sinceMs = turn.now;
    this.#core.agenda.setEarlier(`replica ${replica.job} ${replica.unit}`, turn.now);
    turn.notify({ type: 'replica', job: replica.job, unit: replica.unit, phase });
  }

  #lookAgain(replica: Replica, at: Millis): void {
    this.#core.agenda.setEarlier(`replica ${replica.job} ${replica.unit}`, at);
  }
}

export function replicaKey(job: JobId, unit: UnitIndex): string {
  return `replica/${job}/${String(unit).padStart(8, '0')}`;
}

/** Where an agreed root's output may be fetched, by the hints of those who revealed it. */
export function outputHints(board: JobBoard, unit: UnitIndex, root: Digest): ReadonlyMap<Cid, readonly PeerKey[]> {
  const hints = new Map<Cid, PeerKey[]>();
  for (const [author, reveal] of board.row(unit).evidence.reveals) {
    if (reveal.root === root) hints.set(reveal.output, [...(hints.get(reveal.output) ?? []), author]);
  }
  return hints;
}
