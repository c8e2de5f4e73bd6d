/**
 * One job's board and who says what on it, in the words of the verdict: seal, reveal, close, open, accuse. Statements
 * are real bodies with real ids; re-execution is an oracle that knows the true leaves.
 */
import type { Cid, Digest, JobId, PeerKey, StatementId, UnitIndex } from '../../../../node/protocol/ids.ts';
import { leafAt } from '../../../../node/protocol/trust/commitment.ts';
import type { Verdict } from '../../../../node/protocol/trust/verdict.ts';
import { digestOf } from '../../../../node/protocol/wire/block.ts';
import type { BodyOf } from '../../../../node/protocol/wire/statement.ts';
import { JobBoard } from '../../../../node/protocol/work/board.ts';
import type { JobSpec } from '../../../../node/protocol/work/job.ts';
import {
  type Attestation,
  announce,
  attest,
  digest,
  idOf,
  key,
  leavesOf,
  modelJob,
  PARAMETERS,
  START_MS,
} from '../fixtures.ts';

export const SUBMITTER = key('submitter');

export type Said =
  | { readonly author: PeerKey; readonly body: BodyOf<'commit'> }
  | { readonly author: PeerKey; readonly body: BodyOf<'reveal'> }
  | { readonly author: PeerKey; readonly body: BodyOf<'close'> }
  | { readonly author: PeerKey; readonly body: BodyOf<'opening'> }
  | { readonly author: PeerKey; readonly body: BodyOf<'wrong-leaf'> }
  | { readonly author: PeerKey; readonly body: BodyOf<'raise'> }
  | { readonly author: PeerKey; readonly body: BodyOf<'satisfied'> };

export class Story {
  readonly job: JobId;
  readonly board: JobBoard;
  readonly said: Said[] = [];
  readonly tasks: number;
  readonly #inputs: readonly Digest[];
  readonly #announcement: BodyOf<'job-announce'>;
  readonly #unitInputs: readonly Cid[];

  constructor(spec: Partial<JobSpec> = {}, roster: readonly PeerKey[] = []) {
    const model = modelJob(spec, roster);
    const body = announce(model);
    this.tasks = model.spec.tasksPerUnit;
    this.job = idOf(SUBMITTER, body) as string as JobId;
    this.#announcement = body;
    this.#unitInputs = model.unitInputs;
    this.board = this.freshBoard();
    this.#inputs = model.unitInputs.map(digestOf);
  }

  /** The same job, on which nothing has been said yet. */
  freshBoard(): JobBoard {
    const board = new JobBoard(PARAMETERS, this.job, SUBMITTER, this.#announcement, START_MS);
    board.unitInputs = this.#unitInputs;
    return board;
  }

  /** What the author found: the truth, but for these tasks. */
  found(
    author: PeerKey,
    unit: UnitIndex,
    lies: Readonly<Record<number, string>> = {},
    options: { readonly stale?: boolean; readonly salt?: string } = {},
  ): Attestation {
    const inputDigest = options.stale === true ? digest('an older input') : this.#inputs[unit]!;
    return attest(this.job, author, unit, leavesOf(unit, this.tasks, lies), inputDigest, options.salt ?? '');
  }

  seal(...attestations: readonly Attestation[]): void {
    for (const { author, unit, seal } of attestations)
      this.say({ author, body: { kind: 'commit', job: this.job, entries: [{ unit, seal }] } });
  }

  /** Reveals with a closing that lists these, the author's own seal first. */
  reveal(attestation: Attestation, ...listed: readonly (Attestation | Digest)[]): void {
    const others = listed.map((item) => (typeof item === 'string' ? item : item.seal));
    const closing = [attestation.seal, ...others.filter((seal) => seal !== attestation.seal)];
    const entries = [attestation.reveal(closing)];
    this.say({ author: attestation.author, body: { kind: 'reveal', job: this.job, entries } });
  }

  close(by: Attestation, n: number, ...listed: readonly Attestation[]): void {
    const seals = listed.map(({ seal }) => seal);
    this.say({ author: by.author, body: { kind: 'close', job: this.job, unit: by.unit, n, seals } });
  }

  open({ author, unit, leaves }: Attestation): void {
    this.say({ author, body: { kind: 'opening', job: this.job, unit, leaves } });
  }

  accuse(author: PeerKey, { unit, root }: Attestation, leaf: number): void {
    this.say({ author, body: { kind: 'wrong-leaf', job: this.job, unit, root, leaf } });
  }

  /** Everybody seals first and lists everybody: the honest course. */
  together(...attestations: readonly Attestation[]): void {
    this.seal(...attestations);
    for (const attestation of attestations) this.reveal(attestation, ...attestations);
  }

  raise(quorum: number, ...units: readonly UnitIndex[]): void {
    const ranges = units.map((unit) => ({ first: unit, count: 1 }));
    this.say({ author: SUBMITTER, body: { kind: 'raise', job: this.job, seq: 0, quorum, ranges } });
  }

  satisfy(...units: readonly UnitIndex[]): void {
    const ranges = units.map((unit) => ({ first: unit, count: 1 }));
    this.say({ author: SUBMITTER, body: { kind: 'satisfied', job: this.job, seq: 0, ranges } });
  }

  say(said: Said): void {
    this.said.push(said);
    applyTo(this.board, said);
  }

  /** Settles with re-execution. */
  verdict(unit: UnitIndex = 0): Verdict {
    settleWithOracle(this.board, this.tasks);
    return this.board.row(unit).verdict;
  }

  /** Settles while nobody has re-executed anything yet. */
  unsettled(unit: UnitIndex = 0): Verdict {
    settleOnce(this.board);
    return this.board.row(unit).verdict;
  }

  authors(unit: UnitIndex = 0): readonly PeerKey[] {
    const verdict = this.verdict(unit);
    return verdict.state === 'agreed' ? verdict.counted.authors : [];
  }
}

const ids = new WeakMap<Said, StatementId>();

export function applyTo(board: JobBoard, said: Said): void {
  const { author, body } = said;
  const id = ids.get(said) ?? idOf(author, body);
  ids.set(said, id);
  switch (body.kind) {
    case 'commit':
      return board.applyCommit(id, author, body, START_MS);
    case 'reveal':
      return board.applyReveal(id, author, body, START_MS);
    case 'close':
      return board.applyClose(id, author, body);
    case 'opening':
      return board.applyOpening(body);
    case 'wrong-leaf':
      return board.applyWrongLeaf(body);
    case 'raise':
      return board.applyRaise(body.ranges, body.quorum);
    case 'satisfied':
      return board.applySatisfied(body.ranges);
  }
}

export function settleOnce(board: JobBoard): void {
  board.settle({
    now: START_MS,
    self: SUBMITTER,
    parameters: PARAMETERS,
    holdMs: 100,
    goneSince: () => undefined,
  });
}

/** Settles, re-executes whatever is asked for, and settles again until nothing is asked for. */
export function settleWithOracle(board: JobBoard, tasks: number): void {
  for (let round = 0; round < 10_000; round++) {
    settleOnce(board);
    const wanted = [...board.rows()].flatMap(([unit, { refutation }]) =>
      refutation.wantsTasks.slice(0, 1).map((task) => ({ unit, task })),
    );
    if (wanted.length === 0) return;
    for (const { unit, task } of wanted) board.applyTruth(unit, task, leafAt(leavesOf(unit, tasks), task));
  }
  throw new Error('re-execution never ends');
}

/** Everything a verdict says, in a form that compares. */
export function outcome(board: JobBoard): unknown {
  return {
    units: Array.from({ length: board.units }, (_, unit) => {
      const row = board.peek(unit);
      return { verdict: row?.verdict ?? { state: 'pending' }, refuted: [...(row?.refutation.refuted ?? [])].sort() };
    }),
    voided: [...board.voided].sort(([a], [b]) => (a < b ? -1 : 1)),
    done: board.doneUnits,
    firstOpen: board.firstOpenUnit,
  };
}
