/**
 * Getting what a job needs before its units can be run: the kernel and the input index, once per job. Asked of the
 * submitter first, then of the peers rostered for it. While a provider is missing the job waits and says so.
 */
import type { Core } from '../core.ts';
import type { Cid, JobId, Millis, PeerKey, UnitIndex } from '../ids.ts';
import { BLOCK_BYTES_MAX } from '../limits.ts';
import type { Turn } from '../turn.ts';
import { BlockError, decodeInputIndex } from '../wire/block.ts';
import type { JobBoard } from '../work/board.ts';

/** First and longest wait before missing blocks are asked for again. */
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 30_000;

export interface Missing {
  readonly cids: readonly Cid[];
  readonly asked: readonly PeerKey[];
}

interface InputState {
  busy: boolean;
  attempts: number;
  /** Not asked for again before this. */
  retryAtMs: Millis;
  missing: Missing | undefined;
  /** The index is no index: nothing can ever be run. */
  malformed: string | undefined;
}

export class Inputs {
  readonly #core: Core;
  readonly #states = new Map<JobId, InputState>();

  constructor(core: Core) {
    this.#core = core;
  }

  /** True once kernel and index are kept here; otherwise sees to it. */
  ensure(turn: Turn, board: JobBoard): boolean {
    if (board.unitInputs !== undefined) return true;
    const state = this.#states.get(board.id) ?? fresh();
    this.#states.set(board.id, state);
    if (state.busy || state.malformed !== undefined || turn.now < state.retryAtMs) return false;
    state.busy = true;
    turn.emit({
      type: 'fetch-blocks',
      ticket: this.#core.tickets.open({ for: 'job-inputs', job: board.id }),
      job: board.id,
      cids: [board.spec.kernel, board.spec.input],
      providers: providersFor(board, this.#core.self),
      bytesMax: 2 * BLOCK_BYTES_MAX,
    });
    return false;
  }

  /** Whoever has come may have what is missing: nobody waits for the end of a pause. */
  onConnected(): void {
    for (const state of this.#states.values()) {
      state.attempts = 0;
      state.retryAtMs = 0;
    }
  }

  /** The pause after a failed fetch is over. */
  retry(turn: Turn, board: JobBoard): void {
    const state = this.#states.get(board.id);
    if (state !== undefined && !state.busy) this.ensure(turn, board);
  }

  problem(job: JobId): { readonly missing: Missing | undefined; readonly malformed: string | undefined } | undefined {
    return this.#states.get(job);
  }

  onFetched(turn: Turn, board: JobBoard): void {
    turn.emit({
      type: 'read-block',
      ticket: this.#core.tickets.open({ for: 'job-index', job: board.id }),
      cid: board.spec.input,
    });
  }

  onUnavailable(turn: Turn, board: JobBoard, missing: Missing): void {
    const state = this.#states.get(board.id);
    if (state === undefined) return;
    state.busy = false;
    state.missing = missing;
    state.attempts++;
    state.retryAtMs = turn.now + retryMs(state.attempts);
    this.#core.agenda.set(`inputs ${board.id}`, state.retryAtMs);
  }

  onIndex(turn: Turn, board: JobBoard, bytes: Uint8Array | undefined): void {
    if (bytes === undefined) return this.onUnavailable(turn, board, { cids: [board.spec.input], asked: [] });
    const state = this.#states.get(board.id);
    try {
      const units = decodeInputIndex(bytes);
      if (units.length !== board.units)
        throw new BlockError(`input index: ${units.length} links for ${board.units} units`);
      board.unitInputs = units;
      board.touchAll();
      this.#states.delete(board.id);
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
      if (state !== undefined) state.malformed = error.message;
    }
  }

  forget(job: JobId): void {
    this.#states.delete(job);
    this.#core.agenda.set(`inputs ${job}`, undefined);
  }
}

function fresh(): InputState {
  return { busy: false, attempts: 0, retryAtMs: 0, missing: undefined, malformed: undefined };
}

export function retryMs(attempts: number): Millis {
  return Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(attempts - 1, 10));
}

/** The submitter has everything. Whoever has committed to the unit has its input; most of the roster never will. */
export function providersForUnit(board: JobBoard, unit: UnitIndex, self: PeerKey): readonly PeerKey[] {
  const { commits } = board.row(unit).evidence;
  return [board.submitter, ...commits.keys()].filter((peer) => peer !== self);
}

/** The submitter has everything; rostered peers have the kernel once they have begun. */
function providersFor(board: JobBoard, self: PeerKey): readonly PeerKey[] {
  return [board.submitter, ...board.roster.members].filter((peer) => peer !== self).slice(0, 16);
}
