/**
 * A unit that is interrupted is saved at its next step boundary and goes on from there when it is executed again, with
 * the same execution as in one go. With worker threads, which see the interrupt in shared memory, and with a worker
 * that lets messages in between steps and keeps its checkpoints itself, as those of a tab do.
 */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SANDBOX_FOLDER } from '../../node/daemon/installation.ts';
import { createSandbox } from '../../node/daemon/workers/sandbox.ts';
import { nativeSha256 } from '../../node/daemon/workers/sha256.ts';
import type { Execution, ExecutionRequest } from '../../node/protocol/effect.ts';
import type { JobId } from '../../node/protocol/ids.ts';
import type { RunProgress } from '../../node/protocol/view.ts';
import { cidOf, encodeUnitInput } from '../../node/protocol/wire/block.ts';
import type { CheckpointKey, CheckpointStore } from '../../node/runtime/checkpoint-store.ts';
import { type ExecutionOutcome, type Executor, StorageError } from '../../node/runtime/environment.ts';
import type { Logger, LogLevel } from '../../node/runtime/log.ts';
import { METERING, meter, runUnit, SandboxExecutor } from '../../node/sandbox/index.ts';
import { answerRequest, type WorkerHost } from '../../node/sandbox/worker.ts';
import type { SpawnWorker } from '../../node/sandbox/worker-queue.ts';
import { MemoryCheckpoints } from '../support/memory-checkpoints.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { kernel } from './kernels.ts';
import { compile } from './run.ts';
import { slowKernel } from './slow-kernel.ts';

// Worker threads work at the lowest priority: on a busy machine they come to nothing for seconds.
vi.setConfig({ testTimeout: 120_000 });

const KEY: CheckpointKey = { job: 'cd'.repeat(32) as JobId, unit: 3, task: undefined };
const store = createMemoryStore();
const open: Executor[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((executor) => executor.close()));
});

function schedule(afterMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, afterMs);
  return () => clearTimeout(timer);
}

/** A worker on this thread, with everything a tab's worker has. */
function inThread(checkpoints: CheckpointStore): SpawnWorker {
  return (listener) => {
    let interrupted = 0;
    let ended = false;
    const say = (message: Parameters<typeof listener.reply>[0]) => void (ended || listener.reply(message));
    const host: WorkerHost = {
      sha256: nativeSha256,
      now: () => performance.now(),
      isInterrupted: (run) => interrupted === run,
      breathe: () => new Promise((resolve) => setImmediate(resolve)),
      tell: say,
      keep: (key, bytes) => checkpoints.put(key, bytes),
    };
    queueMicrotask(() => say({ type: 'ready' }));
    return {
      post: (request) => void answerRequest(request, host).then(({ reply }) => say(reply)),
      interrupt: (run) => {
        interrupted = run;
      },
      terminate: async () => {
        ended = true;
      },
    };
  };
}

const PLATFORMS = [
  [
    'a worker thread',
    (checkpoints: CheckpointStore, logger: Logger) => {
      return createSandbox({ folder: SANDBOX_FOLDER, cores: 1, blocks: store.blocks, checkpoints, logger });
    },
  ],
  [
    'a worker that breathes',
    (checkpoints: CheckpointStore, logger: Logger) => {
      const parts = { schedule, sha256: nativeSha256, blocks: store.blocks, checkpoints, logger, cores: 1 };
      return new SandboxExecutor({ ...parts, spawn: inThread(checkpoints) });
    },
  ],
] as const;

const log = vi.fn<(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void>();
const logged = (message: string) => log.mock.calls.filter(([, text]) => text === message).map(([, , fields]) => fields);

function opened<E extends Executor>(made: E): E {
  log.mockClear();
  open.push(made);
  return made;
}

function breathing(checkpoints: CheckpointStore): SandboxExecutor {
  return opened(PLATFORMS[1][1](checkpoints, { log }));
}

async function request(bytes: Uint8Array, changes: Partial<ExecutionRequest> = {}): Promise<ExecutionRequest> {
  const input = encodeUnitInput([Uint8Array.of(1), Uint8Array.of(2)]);
  const [kernelCid, unitInput] = [cidOf(bytes, 'raw'), cidOf(input, 'dag-cbor')];
  await store.blocks.put(kernelCid, bytes, undefined);
  await store.blocks.put(unitInput, input, undefined);
  return {
    ...{ ...KEY, taskCount: 2, kernel: kernelCid, abi: 1, metering: METERING, stepQuantum: 1, unitInput },
    ...{ parameters: new Uint8Array(0), fuelPerTaskMax: 2 ** 40, memoryPagesMax: 16, outputBytesPerTaskMax: 64 },
    ...{ wallClockMaxMs: 60_000, ...changes },
  };
}

async function unbroken(wanted: ExecutionRequest): Promise<Execution> {
  const [bytes, unitInput] = await Promise.all([wanted.kernel, wanted.unitInput].map((cid) => store.blocks.get(cid)));
  const module = compile(meter(bytes!, { memoryPagesMax: wanted.memoryPagesMax, mode: wanted.metering.mode }));
  return runUnit(module, { ...wanted, unitInput: unitInput! }, nativeSha256, () => 0);
}

/** Runs until it has come at least so far, then interrupts it. */
async function interrupted(
  on: Executor,
  wanted: ExecutionRequest,
  when: (progress: RunProgress) => boolean,
): Promise<ExecutionOutcome> {
  return new Promise((resolve) => {
    on.execute(1, wanted, resolve, (progress) => {
      if (when(progress)) on.cancel(1, true);
    });
  });
}

function whole(on: Executor, wanted: ExecutionRequest, shown: RunProgress[] = []): Promise<ExecutionOutcome> {
  return new Promise((resolve) => on.execute(2, wanted, resolve, (progress) => shown.push(progress)));
}

const same = (outcome: ExecutionOutcome, expected: Execution): void => {
  if (!outcome.ok) throw new Error(outcome.detail);
  expect({ ...outcome.execution, wallClockMs: 0 }).toEqual({ ...expected, wallClockMs: 0 });
};

describe.each(PLATFORMS)('%s', (_, create) => {
  const executor = (checkpoints: CheckpointStore) => opened(create(checkpoints, { log }));

  it('goes on exactly where it was, in another worker, with the execution of one go', async () => {
    const checkpoints = new MemoryCheckpoints();
    const wanted = await request(slowKernel(150));
    const outcome = await interrupted(executor(checkpoints), wanted, ({ stepsDone }) => stepsDone > 0);
    expect(outcome).toMatchObject({ ok: false, code: 'cancelled' });
    const [stopped] = logged('unit interrupted');
    expect(stopped!.stepsDone).toBeGreaterThan(0);
    expect(await checkpoints.keys()).toEqual([KEY]);

    const shown: RunProgress[] = [];
    const later = await whole(executor(checkpoints), wanted, shown);
    same(later, await unbroken(wanted));
    // Not one step was lost.
    expect(logged('unit resumed')).toEqual([stopped]);
    expect(shown[0]!.resumedAt).toBeCloseTo((stopped!.stepsDone as number) / 300, 5);
    expect(await checkpoints.keys()).toEqual([]);
    if (later.ok) expect(later.execution.wallClockMs).toBeGreaterThan(50);
  });

  it('keeps what it has when the executor is closed, and nothing of what nobody wants any more', async () => {
    const checkpoints = new MemoryCheckpoints();
    const wanted = await request(slowKernel(60));
    const first = executor(checkpoints);
    const closed = new Promise<ExecutionOutcome>((resolve) => {
      first.execute(1, wanted, resolve, ({ stepsDone }) => stepsDone > 0 && void first.close());
    });
    expect(await closed).toMatchObject({ ok: false, code: 'cancelled' });
    expect(await checkpoints.keys()).toEqual([KEY]);

    const second = executor(checkpoints);
    const unwanted = new Promise<ExecutionOutcome>((resolve) => {
      second.execute(1, wanted, resolve, ({ resumedAt }) => resumedAt > 0 && second.cancel(1));
    });
    expect(await unwanted).toMatchObject({ ok: false, code: 'cancelled' });
    expect(await checkpoints.keys()).toEqual([]);
  });
});

describe('a checkpoint', () => {
  it('begins again, with a warning, when what was kept is damaged or of other work', async () => {
    const checkpoints = new MemoryCheckpoints();
    const wanted = await request(slowKernel(60));
    await interrupted(breathing(checkpoints), wanted, ({ stepsDone }) => stepsDone > 0);
    const kept = (await checkpoints.get(KEY))!;
    for (const change of ['damage', 'other limits'] as const) {
      const bytes = kept.slice();
      if (change === 'damage') bytes[bytes.length >> 1]! ^= 4;
      await checkpoints.put(KEY, bytes);
      const now = change === 'damage' ? wanted : { ...wanted, fuelPerTaskMax: 2 ** 41 };
      const shown: RunProgress[] = [];
      same(await whole(breathing(checkpoints), now, shown), await unbroken(now));
      expect(logged('a checkpoint is damaged or of other work, so its unit begins again')).toHaveLength(1);
      expect(logged('unit resumed')).toEqual([]);
      expect(shown.every(({ resumedAt }) => resumedAt === 0)).toBe(true);
      expect(await checkpoints.keys()).toEqual([]);
    }
  });

  it('goes on from the last finished task where a kernel cannot be saved', async () => {
    const checkpoints = new MemoryCheckpoints();
    // The first task ends at once, the second one takes its time.
    const dropping = kernel({
      fields: '(global $left (mut i32) (i32.const 0)) (data $extra "abc")',
      init: `(data.drop $extra) (global.set $out_length (i32.const 4))
        (if (i32.eq (i32.load8_u (i32.const 1028)) (i32.const 2)) (then (global.set $left (i32.const 900))))
        (global.get $left)`,
      step: `(local.set $n (i32.const 1000000)) (loop $more (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (global.set $left (i32.sub (global.get $left) (i32.const 1))) (global.get $left)`,
    });
    const wanted = await request(dropping);
    await interrupted(breathing(checkpoints), wanted, ({ tasksDone }) => tasksDone === 1);
    same(await whole(breathing(checkpoints), wanted), await unbroken(wanted));
    expect(logged('unit resumed')).toMatchObject([{ tasksDone: 1, stepsDone: 0 }]);
  });

  it('computes all the same where nothing can be kept or read', async () => {
    const refuse = () => Promise.reject(new StorageError('disk-full', 'no room'));
    const broken = { put: refuse, get: refuse, drop: refuse, dropJob: refuse, keys: refuse };
    const wanted = await request(slowKernel(60));
    const on = breathing(broken);
    expect(await interrupted(on, wanted, ({ stepsDone }) => stepsDone > 0)).toMatchObject({ code: 'cancelled' });
    expect(logged('a checkpoint was not kept')).toHaveLength(1);
    same(await whole(on, wanted), await unbroken(wanted));
  });
});

describe('a unit that does not come to a boundary', () => {
  it('is ended where it is after a while, and what was kept of it before stays', async () => {
    const checkpoints = new MemoryCheckpoints();
    await checkpoints.put(KEY, Uint8Array.of(1));
    const timers: { readonly afterMs: number; readonly fire: () => void }[] = [];
    const terminated = vi.fn(async () => undefined);
    let asked: () => void = () => undefined;
    const running = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const endless: SpawnWorker = (listener) => ({
      ...inThread(checkpoints)(listener),
      post: (wanted) => {
        if (wanted.type === 'unit') return asked();
        const host = { sha256: nativeSha256, now: () => 0, isInterrupted: () => false, tell: () => undefined };
        void answerRequest(wanted, host).then(({ reply }) => listener.reply(reply));
      },
      terminate: terminated,
    });
    const on = opened(
      new SandboxExecutor({
        ...{ sha256: nativeSha256, blocks: store.blocks, checkpoints, logger: { log }, cores: 1, spawn: endless },
        schedule: (afterMs, fire) => {
          timers.push({ afterMs, fire });
          return () => undefined;
        },
      }),
    );
    const outcome = whole(on, await request(slowKernel(60)));
    await running;
    const before = timers.length;
    on.cancel(2, true);
    on.cancel(2, true);
    expect(timers).toHaveLength(before + 1);
    expect(terminated).not.toHaveBeenCalled();
    timers[before]!.fire();
    expect(await outcome).toMatchObject({ ok: false, code: 'cancelled' });
    expect(terminated).toHaveBeenCalledOnce();
    expect(await checkpoints.keys()).toEqual([KEY]);
  });
});
