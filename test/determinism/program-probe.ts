/** What a WASI program may learn of its host, asked by a program that answers with all it was told. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { TRAP } from '../../node/protocol/trust/commitment.ts';
import { assemble, WITHOUT_GC } from '../sandbox/kernels.ts';
import { COUNTABLE } from '../sandbox/run.ts';
import { both } from './probes.ts';
import type { Sandbox } from './test-build.ts';

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
const WASI_ABI = 2;
const FAULT = 21;
/** Eleven calls, four buffers, 38 bytes of output, 16 random ones, and their seed of 2 and 1. */
const HOST_FUEL = 11 * 1_024 + 4 * 256 + 38 * 4 + 16 * 256 + 3 * 16;
/** At most: a page of growth, and the instructions around the calls. */
const OWN_FUEL_MAX = 5_000;
/** 2000-01-01, in nanoseconds. */
const REAL_TIME = 946_684_800_000_000_000n;

const importing = (module: string, name: string, parameters: string): string =>
  `(import "${module}" "${name}" (func $${name} (param ${parameters}) (result i32)))`;
const wasi = (name: string, parameters: string): string => importing('wasi_snapshot_preview1', name, parameters);
const program = (imports: string, body: string): Uint8Array =>
  assemble(`(module ${imports} (memory (export "memory") 1) (func (export "_start") ${body}))`, WITHOUT_GC);

const time = (clock: number, address: number): string =>
  `(call $clock_time_get (i32.const ${clock}) (i64.const 0) (i32.const ${address}))`;
const write = (list: number, result: number): string =>
  `(call $fd_write (i32.const 1) (i32.const ${list}) (i32.const 1) (i32.const ${result}))`;
const random = (address: number): string => `(call $random_get (i32.const ${address}) (i32.const 16))`;
const buffer = (address: number, length: number): string =>
  `(i32.store (i32.const 0) (i32.const ${address})) (i32.store (i32.const 4) (i32.const ${length}))`;

/** From 64 on: both clocks, 16 random bytes, what pointers outside the two pages of memory gave; and all of it, written. */
const ASKS = program(
  wasi('clock_time_get', 'i32 i64 i32') + wasi('random_get', 'i32 i32') + wasi('fd_write', 'i32 i32 i32 i32'),
  `(drop ${time(0, 64)}) (drop (memory.grow (i32.const 1))) (drop ${time(1, 72)}) (drop ${random(80)})
   ${[random(-8), random(131_064), time(0, 131_068), write(-4, 32), write(0, -1)]
     .map((call, index) => `(i32.store8 (i32.const ${96 + index}) ${call})`)
     .join('')}
   ${buffer(131_064, 9)} (i32.store8 (i32.const 101) ${write(0, 32)})
   ${buffer(64, 38)} (drop ${write(0, 32)})
   (drop ${time(0, 64)})`,
);

/** Arguments and input, as tasks' inputs are laid out. */
function framed(parameters: Uint8Array, input: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(parameters.length);
  return Buffer.concat([length, parameters, input]);
}

/** Throws where a program is told anything that two machines, or two moments, would not tell alike. */
export function checkPrograms(sandbox: Sandbox): void {
  const allowImport = sandbox.importsOf(WASI_ABI);
  const meter = (bytes: Uint8Array, mode: 'simple' | 'merged' = 'merged') =>
    new WebAssembly.Module(
      sandbox.meter(bytes, { memoryPagesMax: 16, mode, allowImport, weights: COUNTABLE }) as Uint8Array<ArrayBuffer>,
    );
  // A name that WASI has, of a module that is not WASI.
  assert.throws(() => meter(program(importing('env', 'fd_close', 'i32'), '')), { code: 'forbidden-import' });
  const expected = (parameters: Uint8Array, input: Uint8Array): Buffer => {
    const clocks = Buffer.alloc(16);
    clocks.writeBigUInt64LE(REAL_TIME);
    const seed = sha256(Buffer.concat([Buffer.from('shoal wasi random'), framed(parameters, input)]));
    const bytes = sha256(Buffer.concat([seed, Buffer.alloc(8)])).subarray(0, 16);
    return Buffer.concat([clocks, bytes, Buffer.alloc(6, FAULT)]);
  };
  const fuels = new Set<number>();
  both((mode) => {
    const module = meter(ASKS, mode);
    for (const [name, text] of ['a 1', 'a 2', 'b 1'].map((words) => words.split(' '))) {
      const [parameters, input] = [Buffer.from(`${name}\0`), Buffer.from(text!)];
      const limits = { fuelMax: 1_000_000, outputBytesMax: 4_096 };
      const { trap, output, fuel } = sandbox.runProgram(module, parameters, input, limits, sha256);
      assert.equal(trap, TRAP.none);
      assert.equal(
        Buffer.from(output).toString('hex'),
        expected(parameters, input).toString('hex'),
        'what it was told',
      );
      fuels.add(fuel);
    }
  });
  assert.equal(fuels.size, 1, 'fuel differs');
  const own = [...fuels][0]! - HOST_FUEL;
  assert.ok(own > 0 && own < OWN_FUEL_MAX, `beside what the host takes it costs ${own}`);
}
