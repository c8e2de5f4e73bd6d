/**
 * Re-executes single tasks where opened roots differ or somebody accuses one: submitter and workers of the job, one
 * task at a time, so that a flood of disputes costs a peer one slot at most. What it finds is not a statement; every
 * peer that needs to know finds out the same.
 */
import type { Core } from '../core.ts';
import type { Execution } from '../effect.ts';
import type { Millis, UnitIndex } from '../ids.ts';
import { BLOCK_BYTES_MAX } from '../limits.ts';
import type { Turn } from '../turn.ts';
import type { JobBoard } from '../work/board.ts';
import type { Inputs } from './inputs.ts';
import { providersForUnit } from './inputs.ts';
import { executionRequest } from './volunteer.ts';

/** Before a re-execution that could not be done here is tried again. */
const RETRY_MS: Millis = 2_000;

export class Refuter {
  readonly #core: Core;
  readonly #inputs: Inputs;
  readonly #wanted = new Map<string, { readonly board: JobBoard; readonly unit: UnitIndex; readonly task: number }>();
  readonly #accused = new Set<string>();
  #busy: string | undefined;

  constructor(core: Core, inputs: Inputs) {
    this.#core = core;
    this.#inputs = inputs;
  }

  onSettled(turn: Turn, board: JobBoard, unit: UnitIndex): void {
    if (!board.isWorker(unit, this.#core.self)) return;
    const [task] = board.row(unit).refutation.wantsTasks;
    const key = `${board.id} ${unit}`;
    if (task === undefined) this.#wanted.delete(key);
    else this.#wanted.set(key, { board, unit, task });
    this.next(turn);
  }

  /** Starts the next wanted re-execution, if none is under way. */
  next(turn: Turn): void {
    if (this.#busy !== undefined) return;
    for (const [key, { board, unit, task }] of this.#wanted) {
      if (!this.#inputs.ensure(turn, board)) continue;
      this.#busy = key;
      turn.emit({
        type: 'fetch-blocks',
        ticket: this.#core.tickets.open({ for: 're-execution-input', job: board.id, unit, task }),
        job: board.id,
        cids: [board.unitInputs![unit]!],
        providers: providersForUnit(board, unit, this.#core.self),
        bytesMax: BLOCK_BYTES_MAX,
      });
      return;
    }
  }

  onInput(turn: Turn, board: JobBoard, unit: UnitIndex, task: number): void {
    const ticket = this.#core.tickets.open({ for: 're-execution', job: board.id, unit, task });
    turn.emit({ type: 'execute', ticket, request: executionRequest(board, unit, task) });
  }

  onExecuted(turn: Turn, board: JobBoard, unit: UnitIndex, task: number, execution: Execution): void {
    this.#finish();
    board.applyTruth(unit, task, execution.leaves);
    this.#accuse(turn, board, unit);
    this.next(turn);
  }

  onFailed(turn: Turn): void {
    // Other disputes get their turn first: this one goes to the back of the queue.
    const key = this.#busy;
    const wanted = key === undefined ? undefined : this.#wanted.get(key);
    this.#finish();
    if (key !== undefined && wanted !== undefined) this.#wanted.set(key, wanted);
    this.#core.agenda.setEarlier('refuter', turn.now + RETRY_MS);
  }

  forget(board: JobBoard): void {
    for (const key of this.#wanted.keys()) if (key.startsWith(board.id)) this.#wanted.delete(key);
    for (const key of this.#accused) if (key.startsWith(board.id)) this.#accused.delete(key);
    if (this.#busy?.startsWith(board.id) === true) this.#busy = undefined;
  }

  /** A truth found here contradicts an opened root that nothing in the set would make others look at: say so. */
  #accuse(turn: Turn, board: JobBoard, unit: UnitIndex): void {
    board.settleRefutations();
    for (const { root, leaf } of board.contradicted(unit)) {
      const key = `${board.id} ${unit} ${root}`;
      if (this.#accused.has(key)) continue;
      this.#accused.add(key);
      this.#core.outbox.say(turn, { kind: 'wrong-leaf', job: board.id, unit, root, leaf });
    }
  }

  #finish(): void {
    if (this.#busy !== undefined) this.#wanted.delete(this.#busy);
    this.#busy = undefined;
  }
}
