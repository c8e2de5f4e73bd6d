/** Ways to run something in a sandbox and look at how it ends, for the checks. */
import assert from 'node:assert/strict';
import { ByteReader } from '../../node/sandbox/bytes.ts';
import { newDecoded, readInstruction } from '../../node/sandbox/instructions.ts';
import { readModule } from '../../node/sandbox/module.ts';
import { assemble, type KernelParts, kernel } from '../sandbox/kernels.ts';
import { COUNTABLE } from '../sandbox/run.ts';
import type { Sandbox, TaskResult } from './test-build.ts';

export const MODES = ['simple', 'merged'] as const;
export type Mode = (typeof MODES)[number];

export interface Check {
  readonly name: string;
  run(sandbox: Sandbox): void | Promise<void>;
}

export const FUEL = 1_000_000;
export const NONE = new Uint8Array(0);

export interface Options {
  readonly fuelMax?: number;
  readonly pages?: number;
  readonly mode?: Mode;
}

export function runBytes(sandbox: Sandbox, bytes: Uint8Array, options: Options = {}): TaskResult {
  const { fuelMax = FUEL, pages = 16, mode = 'merged' } = options;
  const metered = sandbox.meter(bytes, { memoryPagesMax: pages, mode, weights: COUNTABLE });
  const module = new WebAssembly.Module(metered as Uint8Array<ArrayBuffer>);
  return sandbox.runTask(module, NONE, NONE, 1, { fuelMax, outputBytesMax: 4_096 });
}

export function run(sandbox: Sandbox, parts: KernelParts, options: Options = {}): TaskResult {
  return runBytes(sandbox, kernel(parts), options);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function words(result: TaskResult): readonly string[] {
  return hex(result.output).match(/.{16}/g) ?? [];
}

export function both(check: (mode: Mode) => void): void {
  for (const mode of MODES) check(mode);
}

export function refuses(sandbox: Sandbox, what: string, bytes: Uint8Array, code: string): void {
  for (const look of [
    () => sandbox.inspect(bytes),
    () => sandbox.meter(bytes, { memoryPagesMax: 16, mode: 'merged' }),
  ]) {
    try {
      look();
    } catch (error) {
      assert.equal((error as { code?: string }).code, code, `${what} is refused as something else: ${error}`);
      return;
    }
  }
  assert.fail(`${what} is not refused`);
}

/** A module out of raw sections. */
export function sections(...parts: readonly (readonly [number, readonly number[]])[]): Uint8Array {
  return Uint8Array.from([
    0,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    ...parts.flatMap(([id, bytes]) => [id, ...leb(bytes.length), ...bytes]),
  ]);
}

function leb(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}

export function withCode(...code: readonly number[]): Uint8Array {
  const items = [1, ...leb(code.length + 2), 0, ...code, 0x0b];
  return sections([1, [1, 0x60, 0, 0]], [3, [1, 0]], [5, [1, 0, 1]], [10, items]);
}

export function fuelOf(sandbox: Sandbox, bytes: Uint8Array, argument: number, mode: Mode): number {
  const metered = sandbox.meter(bytes, { memoryPagesMax: 16, mode, weights: COUNTABLE }) as Uint8Array<ArrayBuffer>;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(metered), {});
  const fuel = exports['shoal:fuel'] as WebAssembly.Global;
  fuel.value = BigInt(FUEL);
  (exports.run as (value: number) => unknown)(argument);
  return FUEL - Number(fuel.value);
}

/** First byte of memory behind a call with little fuel. */
export function firstByte(sandbox: Sandbox, bytes: Uint8Array, argument: number, mode: Mode): number {
  const metered = sandbox.meter(bytes, { memoryPagesMax: 16, mode, weights: COUNTABLE }) as Uint8Array<ArrayBuffer>;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(metered), {});
  (exports['shoal:fuel'] as WebAssembly.Global).value = 100n;
  assert.throws(() => (exports.run as (value: number) => unknown)(argument), WebAssembly.RuntimeError);
  return new Uint8Array((exports.memory as WebAssembly.Memory).buffer)[0]!;
}

export function callRun(
  sandbox: Sandbox,
  bytes: Uint8Array,
  argument: number,
  mode: Mode,
  fuelMax: number,
): { readonly completed: boolean; readonly used: number } {
  const metered = sandbox.meter(bytes, { memoryPagesMax: 16, mode, weights: COUNTABLE }) as Uint8Array<ArrayBuffer>;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(metered), {});
  const fuel = exports['shoal:fuel'] as WebAssembly.Global;
  fuel.value = BigInt(fuelMax);
  let completed = true;
  try {
    (exports.run as (value: number) => unknown)(argument);
  } catch {
    completed = false;
  }
  return { completed, used: fuelMax - Number(fuel.value) };
}

/** Frames until the limit: the deepest recursion that completes. */
export function depthOf(sandbox: Sandbox, locals: string, mode: Mode): number {
  const text = `(module (func $run (export "run") (param i32) (result i32) ${locals}
    (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
    (i32.add (i32.const 1) (call $run (i32.sub (local.get 0) (i32.const 1))))))`;
  const bytes = assemble(text);
  let [low, high] = [0, 4_000];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    try {
      fuelOf(sandbox, bytes, middle, mode);
      low = middle;
    } catch (error) {
      assert.ok(error instanceof WebAssembly.RuntimeError, `not a trap of ours: ${error}`);
      high = middle - 1;
    }
  }
  return low;
}

/** The memory's own maximum lowered behind the rewriter's back. */
export function withMaximum(metered: Uint8Array, from: number, to: number): Uint8Array<ArrayBuffer> {
  const changed = Uint8Array.from(metered);
  const section = [0x05, 0x04, 0x01, 0x01, 0x01, from];
  const at = changed.findIndex((_, index) => section.every((byte, offset) => changed[index + offset] === byte));
  assert.ok(at >= 0, 'the memory has another maximum than the job allows');
  changed[at + 5] = to;
  return changed;
}

/** While `body` runs, no instance can be made. */
export function withoutMemory(body: () => void): void {
  const { Instance } = WebAssembly;
  try {
    Object.assign(WebAssembly, {
      Instance: class {
        constructor() {
          throw new RangeError('WebAssembly.Instance(): Out of memory');
        }
      },
    });
    body();
  } finally {
    Object.assign(WebAssembly, { Instance });
  }
}

/** What a question gets whose worker never answers. */
export async function timedOut({ WorkerQueue }: Sandbox): Promise<{ type: string; code: string | undefined }> {
  const workers = new WorkerQueue(
    (listener) => {
      queueMicrotask(() => listener.reply({ type: 'ready' }));
      return { post: () => undefined, interrupt: () => undefined, terminate: async () => undefined };
    },
    (_, callback) => {
      const timer = setTimeout(callback, 0);
      return () => clearTimeout(timer);
    },
    1,
  );
  const reply = await new Promise<{ type: string; code?: string }>((resolve, reject) => {
    const overdue = setTimeout(() => reject(new Error('a worker that never answers is waited for without end')), 5_000);
    workers.run(
      async (lease) => {
        resolve(await lease.ask({ type: 'inspect', bytes: NONE }, 1));
        clearTimeout(overdue);
      },
      (failure) => resolve(failure),
    );
  });
  await workers.close();
  return { type: reply.type, code: reply.code };
}

/** Names of the instructions right in front of those with the given codes, over all functions of a module. */
export function operandsOf(wasm: Uint8Array, codes: readonly number[]): readonly string[] {
  // The reader refuses names that the rewriter keeps for itself.
  const bytes = Uint8Array.from(
    Buffer.from(Buffer.from(wasm).toString('latin1').replaceAll('shoal:', 'other:'), 'latin1'),
  );
  const module = readModule(bytes);
  const decoded = newDecoded();
  return module.bodies.flatMap((body) => {
    if (body === undefined) return [];
    const reader = new ByteReader(bytes, body.start, body.end);
    const found: string[] = [];
    for (let before = 'nothing'; !reader.done; before = decoded.instruction.name) {
      readInstruction(reader, decoded);
      if (decoded.prefix === 0 && codes.includes(decoded.code)) found.push(before);
    }
    return found;
  });
}
