/**
 * How jobs go: cancelled, paused and forgotten by their owner, over by time or because all is agreed, or dropped for one
 * more. A job that is closed leaves nothing behind: no statements, records, blocks or moments in the agenda.
 */
import type { Core } from './core.ts';
import type { JobId } from './ids.ts';
import { CLOSED_AFTER_MS, type Intake, statementKey } from './intake.ts';
import { JOBS_MAX } from './limits.ts';
import type { Inputs } from './roles/inputs.ts';
import type { Refuter } from './roles/refuter.ts';
import type { Submitter } from './roles/submitter.ts';
import type { Volunteer } from './roles/volunteer.ts';
import type { Turn } from './turn.ts';
import type { JobBoard } from './work/board.ts';

export interface JobEndsParts {
  readonly core: Core;
  readonly intake: Intake;
  readonly inputs: Inputs;
  readonly volunteer: Volunteer;
  readonly submitter: Submitter;
  readonly refuter: Refuter;
}

export class JobEnds {
  readonly #core: Core;
  readonly #intake: Intake;
  readonly #inputs: Inputs;
  readonly #volunteer: Volunteer;
  readonly #submitter: Submitter;
  readonly #refuter: Refuter;

  constructor(parts: JobEndsParts) {
    this.#core = parts.core;
    this.#intake = parts.intake;
    this.#inputs = parts.inputs;
    this.#volunteer = parts.volunteer;
    this.#submitter = parts.submitter;
    this.#refuter = parts.refuter;
  }

  control(turn: Turn, job: JobId, action: 'cancel' | 'pause' | 'resume' | 'forget'): void {
    const board = this.#core.boards.get(job);
    if (board === undefined) return;
    if (action === 'forget') return this.close(turn, board);
    if (board.submitter !== this.#core.self) return;
    if (action === 'cancel') return this.#submitter.cancel(turn, board);
    board.paused = action === 'pause';
    board.touchAll();
  }

  /** Its time is over: results of our own stay until the owner forgets them. */
  onDue(turn: Turn, board: JobBoard): void {
    board.touchAll();
    if (board.submitter === this.#core.self && !board.cancelled) return;
    if (board.isDone || board.cancelled || turn.now >= board.expiresAtMs + CLOSED_AFTER_MS) this.close(turn, board);
    else this.#core.agenda.set(`job ${board.id}`, board.expiresAtMs + CLOSED_AFTER_MS);
  }

  /** Makes room for one more job by dropping the oldest that is over. False when all are running. */
  makeRoom(turn: Turn): boolean {
    const { boards } = this.#core;
    if (boards.size < JOBS_MAX) return true;
    for (const board of boards.values()) {
      const over = board.isDone || board.cancelled || turn.now >= board.expiresAtMs;
      if (over && board.submitter !== this.#core.self) {
        this.close(turn, board);
        return true;
      }
    }
    return false;
  }

  close(turn: Turn, board: JobBoard): void {
    const { ledger, boards, agenda } = this.#core;
    const job = board.id;
    const keys = [
      ...ledger.idsOf(job).map((id) => statementKey(job, id)),
      ...[...board.rows()].flatMap(([unit]) => {
        const padded = String(unit).padStart(8, '0');
        return [`replica/${job}/${padded}`, `result/${job}/${padded}`];
      }),
    ];
    turn.emit({ type: 'persist', writes: keys.map((key) => ({ key, value: undefined })), sync: false });
    turn.emit({ type: 'release-blocks', job });
    for (const [unit] of board.rows()) {
      for (const kind of ['unit', 'replica', 'renew', 'result']) agenda.set(`${kind} ${job} ${unit}`, undefined);
    }
    agenda.set(`job ${job}`, undefined);
    this.#volunteer.forget(job);
    this.#submitter.forget(job);
    this.#inputs.forget(job);
    this.#refuter.forget(board);
    ledger.dropJob(job);
    boards.delete(job);
    this.#intake.closeJob(job);
  }
}
