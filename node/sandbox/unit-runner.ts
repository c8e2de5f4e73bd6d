/**
 * Runs a unit inside a worker, from one step boundary to the next, and looks up in between: whether it is to stop, whether
 * it is time to save what there is, to tell how far it has come, or to let messages in. A step that ends soon looks at
 * one number and the clock.
 */
import type { CheckpointKey } from '../runtime/checkpoint-store.ts';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts';
import type { UnitRequest, UnitSaving, WorkerNews, WorkerReply } from './messages.ts';
import { SandboxFailure } from './sandbox-failure.ts';
import { type Sha256, UnitRun } from './unit.ts';

/** What a worker's platform gives. */
export interface WorkerHost {
  readonly sha256: Sha256;
  /** Milliseconds. */
  readonly now: () => number;
  /** Whether the run of that number is to stop at its next step boundary. */
  isInterrupted(run: number): boolean;
  /** Lets messages in; undefined where an interrupt shows without. */
  readonly breathe?: () => Promise<void>;
  tell(news: WorkerNews, transfer: readonly ArrayBuffer[]): void;
  /** Keeps a checkpoint here, where the worker's owner may be gone by the time it hears of one. Undefined: it is told. */
  readonly keep?: (key: CheckpointKey, bytes: Uint8Array) => Promise<void>;
}

/** Bytes of memory that are not zero in a checkpoint. Beyond it, a unit goes on from its last finished task. */
export const SAVED_MEMORY_BYTES_MAX = 64 * 1024 * 1024;
/** Least time between two checkpoints: what a crash may cost. */
export const SAVE_INTERVAL_MS = 3_000;
/** Saving takes at most this part of the time, */
const SAVE_SHARE_MAX = 1 / 50;
/** and writes at most so much: disks of volunteers wear out. */
const SAVED_BYTES_PER_MS_MAX = 1_048;
/** A unit that is over sooner tells nothing. */
const TELL_FIRST_MS = 50;
const TELL_INTERVAL_MS = 500;
/** Shorter than a closing page is held, so that its workers still hear of it. */
const BREATH_INTERVAL_MS = 16;

export async function runUnitInWorker(request: UnitRequest, host: WorkerHost): Promise<WorkerReply> {
  const { run, saving } = request;
  const unit = openUnit(request, host);
  let savedAt = host.now();
  let saveAt = saving === undefined ? Number.POSITIVE_INFINITY : savedAt + SAVE_INTERVAL_MS;
  let tellAt = savedAt + TELL_FIRST_MS;
  let breatheAt = host.breathe === undefined ? Number.POSITIVE_INFINITY : savedAt + BREATH_INTERVAL_MS;
  let lookUpAt = Math.min(saveAt, tellAt, breatheAt);
  while (unit.advance()) {
    if (host.isInterrupted(run)) break;
    let now = host.now();
    if (now < lookUpAt) continue;
    if (now >= breatheAt) {
      await host.breathe!();
      if (host.isInterrupted(run)) break;
      breatheAt = host.now() + BREATH_INTERVAL_MS;
    }
    if (now >= tellAt) {
      host.tell({ type: 'unit-progress', progress: unit.progress }, []);
      tellAt = now + TELL_INTERVAL_MS;
    }
    if (now >= saveAt) {
      now = host.now();
      const bytes = await save(unit, saving!, host);
      savedAt = host.now();
      const tookMs = savedAt - now;
      saveAt = savedAt + Math.max(SAVE_INTERVAL_MS, tookMs / SAVE_SHARE_MAX, bytes / SAVED_BYTES_PER_MS_MAX);
    }
    lookUpAt = Math.min(saveAt, tellAt, breatheAt);
  }
  if (host.isInterrupted(run)) {
    if (saving !== undefined) await save(unit, saving, host);
    return { type: 'unit-stopped', progress: unit.progress };
  }
  return { type: 'unit-done', execution: unit.finish(), note: unit.note };
}

/** Goes on from the checkpoint, if there is one of this very work. Throws a SandboxFailure. */
function openUnit({ module, work, saving }: UnitRequest, host: WorkerHost): UnitRun {
  const { sha256, now } = host;
  if (saving?.checkpoint !== undefined) {
    const resumed = resume(saving, saving.checkpoint);
    host.tell({ type: 'unit-resumed', progress: resumed?.progress }, []);
    if (resumed !== undefined) return resumed;
  }
  return new UnitRun(module, work, sha256, now);

  function resume({ identity }: UnitSaving, checkpoint: Uint8Array): UnitRun | undefined {
    try {
      const state = decodeCheckpoint(identity, checkpoint, sha256);
      return state && new UnitRun(module, work, sha256, now, state);
    } catch (error) {
      // A want of memory would not be mended by beginning again; anything else is a checkpoint that is none.
      if (error instanceof SandboxFailure) throw error;
      return undefined;
    }
  }
}

/** Resolves to the bytes it took. */
async function save(unit: UnitRun, { key, identity }: UnitSaving, host: WorkerHost): Promise<number> {
  const bytes = encodeCheckpoint(identity, unit.save(SAVED_MEMORY_BYTES_MAX), host.sha256);
  const { length } = bytes;
  if (host.keep === undefined) host.tell({ type: 'checkpoint', bytes }, [bytes.buffer as ArrayBuffer]);
  else {
    const failure = await host.keep(key, bytes).then(
      () => undefined,
      (error: unknown) => String(error),
    );
    host.tell({ type: 'checkpoint-kept', failure }, []);
  }
  return length;
}
