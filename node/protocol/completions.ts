/**
 * What the world has done for us goes to whoever asked for it: an effect carries a ticket, its completion the same one,
 * and the ticket's purpose says which part waits, for which job and unit. A completion nobody waits for any more, of a
 * job that is gone or of an earlier life, is dropped.
 */
import type { Core, Purpose } from './core.ts';
import type { BlocksUnavailableEvent, Event, ExecutedEvent, ExecutionFailedEvent } from './event.ts';
import type { Ticket } from './ids.ts';
import type { Intake } from './intake.ts';
import type { Attester } from './roles/attester.ts';
import type { Inputs } from './roles/inputs.ts';
import type { Refuter } from './roles/refuter.ts';
import type { Submitter } from './roles/submitter.ts';
import type { Volunteer } from './roles/volunteer.ts';
import type { Turn } from './turn.ts';
import type { JobBoard } from './work/board.ts';

export interface CompletionsParts {
  readonly core: Core;
  readonly intake: Intake;
  readonly inputs: Inputs;
  readonly volunteer: Volunteer;
  readonly attester: Attester;
  readonly submitter: Submitter;
  readonly refuter: Refuter;
  readonly onSigned: (turn: Turn, purpose: Extract<Purpose, { for: 'signature' }>, signature: Uint8Array) => void;
}

export class Completions {
  readonly #core: Core;
  readonly #intake: Intake;
  readonly #inputs: Inputs;
  readonly #volunteer: Volunteer;
  readonly #attester: Attester;
  readonly #submitter: Submitter;
  readonly #refuter: Refuter;
  readonly #onSigned: CompletionsParts['onSigned'];

  constructor(parts: CompletionsParts) {
    this.#core = parts.core;
    this.#intake = parts.intake;
    this.#inputs = parts.inputs;
    this.#volunteer = parts.volunteer;
    this.#attester = parts.attester;
    this.#submitter = parts.submitter;
    this.#refuter = parts.refuter;
    this.#onSigned = parts.onSigned;
  }

  complete(turn: Turn, event: Extract<Event, { ticket: Ticket }>): void {
    const purpose = this.#core.tickets.take(event.ticket);
    if (purpose === undefined) return;
    switch (event.type) {
      case 'verified':
        if (purpose.for === 'verification') this.#intake.onVerified(turn, purpose, event.valid);
        return;
      case 'signed':
        if (purpose.for === 'signature') this.#onSigned(turn, purpose, event.signature);
        return;
      default:
        break;
    }
    if (!('job' in purpose)) return;
    const board = this.#core.boards.get(purpose.job);
    if (board === undefined) return;
    switch (event.type) {
      case 'block-read':
        return this.#onBlockRead(turn, board, purpose, event.bytes);
      case 'blocks-fetched':
        return this.#onFetched(turn, board, purpose);
      case 'blocks-unavailable':
        return this.#onUnavailable(turn, board, purpose, event);
      case 'executed':
      case 'execution-failed':
        return this.#onExecutionEnded(turn, board, purpose, event);
    }
  }

  #onBlockRead(turn: Turn, board: JobBoard, purpose: Purpose, bytes: Uint8Array | undefined): void {
    if (purpose.for === 'job-index') {
      this.#inputs.onIndex(turn, board, bytes);
      this.#refuter.next(turn);
      this.#core.agenda.setEarlier('schedule', turn.now);
    } else if (purpose.for === 'leaves') this.#attester.onLeaves(turn, board, purpose.unit, bytes);
    else if (purpose.for === 'result-block')
      this.#submitter.onResultBlock(turn, board, purpose.unit, purpose.root, bytes);
  }

  #onFetched(turn: Turn, board: JobBoard, purpose: Purpose): void {
    if (purpose.for === 'job-inputs') this.#inputs.onFetched(turn, board);
    else if (purpose.for === 'unit-input') this.#volunteer.onInputFetched(turn, board, purpose.unit);
    else if (purpose.for === 're-execution-input') this.#refuter.onInput(turn, board, purpose.unit, purpose.task);
    else if (purpose.for === 'result') this.#submitter.onResultFetched(turn, board, purpose.unit, purpose.root);
  }

  #onUnavailable(turn: Turn, board: JobBoard, purpose: Purpose, event: BlocksUnavailableEvent): void {
    const missing = { cids: event.missing, asked: event.asked };
    if (purpose.for === 'job-inputs') this.#inputs.onUnavailable(turn, board, missing);
    else if (purpose.for === 'unit-input') this.#volunteer.onInputUnavailable(turn, board, purpose.unit);
    else if (purpose.for === 're-execution-input') this.#refuter.onFailed(turn);
    else if (purpose.for === 'result') this.#submitter.onResultUnavailable(turn, board, purpose.unit, purpose.root);
  }

  #onExecutionEnded(turn: Turn, board: JobBoard, purpose: Purpose, event: ExecutedEvent | ExecutionFailedEvent): void {
    if (purpose.for === 'execution') {
      if (event.type === 'executed') this.#volunteer.onExecuted(turn, board, purpose.unit, event.execution);
      else this.#volunteer.onExecutionFailed(turn, board, purpose.unit, event.code, event.detail);
      this.#core.agenda.setEarlier('schedule', turn.now);
    } else if (purpose.for === 're-execution') {
      if (event.type === 'executed') this.#refuter.onExecuted(turn, board, purpose.unit, purpose.task, event.execution);
      else this.#refuter.onFailed(turn);
    }
  }
}
