import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SANDBOX_FOLDER } from '../../node/daemon/installation.ts';
import type { ProcessExecutor } from '../../node/daemon/workers/process-executor.ts';
import { createSandbox } from '../../node/daemon/workers/sandbox.ts';
import { nativeSha256 } from '../../node/daemon/workers/sha256.ts';
import type { ExecutionRequest } from '../../node/protocol/effect.ts';
import { encodeUnitInput } from '../../node/protocol/wire/block.ts';
import { type LogLevel, silentLogger } from '../../node/runtime/log.ts';
import { KernelRefusedError, METERING, meter, ReduceError, runUnit } from '../../node/sandbox/index.ts';
import { weightsOf } from '../../node/sandbox/weights.ts';
import { describeExecutor } from '../contract/executor.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { assemble, kernel, kernelText, sumKernel } from './kernels.ts';
import { keepRequest, outcomeOf } from './requests.ts';
import { compile } from './run.ts';

// Processes and threads come up slowly on a busy machine, and kernels run at the lowest priority.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const endlessKernel = kernel({ init: '(loop $forever (br $forever)) (i32.const 0)' });

describeExecutor('the sandbox process', (store) => ({
  executor: createSandbox({ folder: SANDBOX_FOLDER, cores: 2, blocks: store.blocks, logger: silentLogger }),
  kernel: assemble(sumKernel),
  endlessKernel,
}));

describe('the sandbox process', () => {
  const store = createMemoryStore();
  const sandboxes: ProcessExecutor[] = [];

  function sandbox(cores: number, log: (level: LogLevel, message: string) => void = () => undefined): ProcessExecutor {
    const made = createSandbox({ folder: SANDBOX_FOLDER, cores, blocks: store.blocks, logger: { log } });
    sandboxes.push(made);
    return made;
  }

  afterEach(async () => {
    await Promise.all(sandboxes.splice(0).map((made) => made.close()));
  });

  const request = (bytes: Uint8Array, changes: Partial<ExecutionRequest> = {}): Promise<ExecutionRequest> =>
    keepRequest(store.blocks, bytes, changes);

  const recursion = kernelText({
    fields: `(func $down (param $n i32) (result i32) (local f64 f64 v128)
      (local.set 1 (f64.add (local.get 1) (f64.convert_i32_s (local.get $n))))
      (i32.add (i32.const 1) (call $down (i32.add (local.get $n) (i32.const 1)))))`,
    init: '(call $down (i32.const 0))',
  });

  it.each([
    ['a plain kernel', sumKernel],
    ['a stack that runs over', recursion],
    ['a division by zero', kernelText({ init: '(i32.div_s (i32.const 1) (i32.const 0))' })],
  ])('gives the same bytes and fuel as this thread: %s', async (_, text) => {
    const bytes = assemble(text);
    const wanted = await request(bytes);
    const there = await outcomeOf(sandbox(1), 1, wanted);
    if (!there.ok) throw new Error(there.detail);
    const unitInput = (await store.blocks.get(wanted.unitInput))!;
    const module = compile(meter(bytes, { memoryPagesMax: 16 }));
    const here = runUnit(module, { ...wanted, unitInput }, nativeSha256, () => 0);
    expect({ ...there.execution, wallClockMs: 0 }).toEqual(here);
  });

  it('counts fuel by the weights a job names, and does not run one whose weights it does not have', async () => {
    const made = sandbox(1);
    const bytes = assemble(sumKernel);
    const unitInput = encodeUnitInput([Uint8Array.of(1, 2), Uint8Array.of(3)]);
    const fuels: number[] = [];
    for (const weights of [1, 2, 1]) {
      const there = await outcomeOf(made, weights, await request(bytes, { metering: { ...METERING, weights } }));
      if (!there.ok) throw new Error(there.detail);
      const module = compile(meter(bytes, { memoryPagesMax: 16, weights: weightsOf(weights)! }));
      const here = runUnit(module, { ...(await request(bytes)), unitInput }, nativeSha256, () => 0);
      expect(there.execution.fuel).toBe(here.fuel);
      fuels.push(there.execution.fuel);
    }
    expect(fuels[2]).toBe(fuels[0]);
    expect(fuels[1]).not.toBe(fuels[0]);
    const unknown = await outcomeOf(made, 9, await request(bytes, { metering: { ...METERING, weights: 65_535 } }));
    expect(unknown).toMatchObject({ ok: false, code: 'kernel-refused', detail: expect.stringContaining('65535') });
  });

  it('meters and compiles a kernel once, and again only under another memory limit', async () => {
    const log = vi.fn();
    const made = sandbox(1, log);
    const bytes = assemble(sumKernel);
    for (const ticket of [1, 2, 3]) await outcomeOf(made, ticket, await request(bytes));
    const prepared = () => log.mock.calls.filter(([, message]) => message === 'kernel prepared').length;
    expect(prepared()).toBe(1);
    await outcomeOf(made, 4, await request(bytes, { memoryPagesMax: 17 }));
    expect(prepared()).toBe(2);
  });

  it('runs units in the order of their arrival', async () => {
    const made = sandbox(1);
    const wanted = await request(assemble(sumKernel));
    const order: number[] = [];
    const tickets = Array.from({ length: 20 }, (_, ticket) => ticket);
    await Promise.all(tickets.map((ticket) => outcomeOf(made, ticket, wanted).then(() => order.push(ticket))));
    expect(order).toEqual(tickets);
  });

  it('says that a kernel begins with too much memory, or that the memory is not there', async () => {
    const made = sandbox(1);
    const wanted = await request(kernel({ memory: '40' }));
    const outcome = await outcomeOf(made, 1, wanted);
    expect(outcome).toMatchObject({ ok: false, code: 'kernel-refused', detail: expect.stringContaining('40 pages') });
  });

  it('can be given more cores and fewer', async () => {
    const made = sandbox(1);
    const endless = await request(endlessKernel, { fuelPerTaskMax: 2 ** 42 });
    const quick = await request(assemble(sumKernel));
    const blocked = outcomeOf(made, 1, endless);
    const waiting = outcomeOf(made, 2, quick);
    made.resize(2);
    expect(await waiting).toMatchObject({ ok: true });
    made.resize(1);
    made.cancel(1);
    expect(await blocked).toMatchObject({ ok: false, code: 'cancelled' });
    expect(await outcomeOf(made, 3, quick)).toMatchObject({ ok: true });
    expect(() => made.resize(0)).toThrow(RangeError);
    expect(() => sandbox(0.5)).toThrow(RangeError);
  });

  it('inspects', async () => {
    const made = sandbox(1);
    expect(await made.inspect(assemble(sumKernel))).toMatchObject({ hasReduce: true, functionCount: 8 });
    await expect(made.inspect(Uint8Array.of(1, 2, 3))).rejects.toMatchObject({
      name: 'KernelRefusedError',
      code: 'not-wasm',
    });
    await expect(made.inspect(Uint8Array.of(1, 2, 3))).rejects.toBeInstanceOf(KernelRefusedError);
  });

  it('merges outputs, with a kernel by its CID or by its bytes', async () => {
    const made = sandbox(1);
    const bytes = assemble(sumKernel);
    const { kernel: cid } = await request(bytes);
    const limits = { fuelMax: 10_000, memoryPagesMax: 4, outputBytesMax: 100, wallClockMaxMs: 60_000 };
    const rest = { parameters: new Uint8Array(0), outputs: [Uint8Array.of(1), Uint8Array.of(2)], limits };
    expect([...(await made.reduce({ kernel: cid, ...rest }))]).toEqual([2, 0, 0, 0, 0, 0, 0, 0]);
    expect([...(await made.reduce({ kernel: bytes, ...rest }))]).toEqual([2, 0, 0, 0, 0, 0, 0, 0]);
    const failures: [Uint8Array, Partial<typeof limits>, string][] = [
      [endlessKernel, {}, 'no-reduce'],
      [kernel({ reduce: '(i32.const -1)' }), {}, 'kernel-error'],
      [kernel({ reduce: '(unreachable)' }), {}, 'trap'],
      [kernel({ reduce: '(loop $l (br $l)) (i32.const 0)' }), {}, 'out-of-fuel'],
      [kernel({ reduce: '(loop $l (br $l)) (i32.const 0)' }), { fuelMax: 2 ** 42, wallClockMaxMs: 50 }, 'wall-clock'],
      [bytes, { outputBytesMax: 7 }, 'output-too-large'],
    ];
    for (const [failing, changes, code] of failures) {
      const wanted = { kernel: failing, ...rest, limits: { ...limits, ...changes } };
      const error = await made.reduce(wanted).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(ReduceError);
      expect((error as ReduceError).code).toBe(code);
    }
    await expect(made.reduce({ kernel: Uint8Array.of(0), ...rest })).rejects.toBeInstanceOf(KernelRefusedError);
  });

  it.runIf(process.platform === 'linux')(
    'computes at the lowest priority, and leaves other threads alone',
    async () => {
      const made = sandbox(2);
      const endless = await request(endlessKernel, { fuelPerTaskMax: 2 ** 42 });
      const runs = [1, 2].map((ticket) => outcomeOf(made, ticket, endless));
      // Field 19 of a thread's stat is its nice value; the name in field 2 may contain spaces.
      const niceOf = (thread: string) => {
        const stat = readFileSync(`${thread}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
      };
      const threads = () => readdirSync(`/proc/${made.pid}/task`).filter((id) => Number(id) !== made.pid);
      await vi.waitFor(
        () => {
          // Two for kernels, the others the engine's, which compile them.
          expect(threads().length).toBeGreaterThan(2);
          for (const id of threads()) expect(niceOf(`/proc/${made.pid}/task/${id}`)).toBe(19);
        },
        { timeout: 20_000 },
      );
      expect(niceOf(`/proc/${made.pid}`)).toBeLessThan(19);
      expect(niceOf('/proc/thread-self')).toBeLessThan(19);
      expect(readFileSync(`/proc/${made.pid}/oom_score_adj`, 'utf8').trim()).toBe('900');
      for (const ticket of [1, 2]) made.cancel(ticket);
      await Promise.all(runs);
    },
  );
});
