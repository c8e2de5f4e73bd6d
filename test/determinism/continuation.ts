/**
 * A kernel that is saved at a step boundary and goes on in another instance, and one whose instance is reset between
 * tasks: neither may show. Generated kernels, and some that a particular mistake would get wrong.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { encodeUnitInput } from '../../node/protocol/wire/block.ts';
import { generateKernel } from '../fuzz/generator.ts';
import { kernel } from '../sandbox/kernels.ts';
import { both, type Check } from './probes.ts';
import type { Sandbox } from './test-build.ts';

const SEEDS = 12;
const PAGES = 3;
const BYTES_MAX = 2 ** 20;
const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
const now = (): number => 0;

/** Every kind of global, changed by the first step and put out by the last; memory that is cleared where it began full. */
const careful = kernel({
  fields: `(global $left (mut i32) (i32.const 2)) (global $a (mut i64) (i64.const 1)) (global $b (mut f32) (f32.const 2))
    (global $c (mut f64) (f64.const 3)) (global $d (mut v128) (v128.const i64x2 4 5)) (data (i32.const 8192) "full")`,
  init: '(global.get $left)',
  step: `(global.set $left (i32.sub (global.get $left) (i32.const 1)))
    (i64.store (i32.const 61440) (global.get $a)) (f32.store (i32.const 61448) (global.get $b))
    (f64.store (i32.const 61456) (global.get $c)) (v128.store (i32.const 61464) (global.get $d))
    (i64.store (i32.const 61480) (i64.load (i32.const 8192))) (i64.store (i32.const 61488) (i64.load (i32.const 65528)))
    (global.set $out_length (i32.const 56))
    (global.set $a (i64.const -9)) (global.set $b (f32.const -nan:0x312345)) (global.set $c (f64.const nan:0x8000000012345))
    (global.set $d (v128.const i64x2 -6 -7)) (i64.store (i32.const 8192) (i64.const 0))
    (i64.store (i32.const 65528) (i64.const 77)) (global.get $left)`,
});

/** Puts out how much memory there is, at first and at last, and what stands where it was to stand nothing. */
const memoryOf = (grows: boolean) =>
  kernel({
    fields: '(global $left (mut i32) (i32.const 2))',
    init: `(i32.store (i32.const 61440) (memory.size)) (i32.store (i32.const 61444) (i32.load (i32.const 50000)))
      (i32.store (i32.const 50000) (i32.const 1)) ${grows ? '(drop (memory.grow (i32.const 1)))' : ''} (global.get $left)`,
    step: `(global.set $left (i32.sub (global.get $left) (i32.const 1))) (global.set $out_length (i32.const 12))
      (i32.store (i32.const 61448) (memory.size)) (global.get $left)`,
  });

/** Nothing but the engine knows which segments are dropped, and what stands in the table. */
const hidden = [
  kernel({
    fields: '(global $left (mut i32) (i32.const 2)) (data $extra "abc")',
    init: '(memory.init $extra (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop $extra) (global.get $left)',
    step: `(global.set $left (i32.sub (global.get $left) (i32.const 1)))
      (memory.init $extra (i32.const 0) (i32.const 0) (i32.eqz (global.get $left))) (global.get $left)`,
  }),
  kernel({
    fields: `(global $left (mut i32) (i32.const 2)) (table $t 2 funcref) (type $f (func (result i32)))
      (func $one (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2))
      (elem (table $t) (i32.const 0) func $one $two)`,
    init: '(table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 1)) (global.get $left)',
    step: `(global.set $left (i32.sub (global.get $left) (i32.const 1))) (global.set $out_length (i32.const 4))
      (i32.store (i32.const 61440) (call_indirect $t (type $f) (i32.const 0))) (global.get $left)`,
  }),
];

/** Kernels whose state is easily lost, by what they are. */
export function continuedKernels(): readonly (readonly [name: string, bytes: Uint8Array])[] {
  return [
    ['every kind of global', careful],
    ['memory that stays', memoryOf(false)],
    ['memory that grows', memoryOf(true)],
    ...hidden.map((bytes, index) => [`hidden state ${index}`, bytes] as const),
    ...Array.from({ length: SEEDS }, (_, seed) => [`generated kernel ${seed + 1}`, generateKernel(seed + 1)] as const),
  ];
}

export const CONTINUATION: Check = {
  name: 'going on and resetting',
  run: (sandbox) => {
    for (const [name, bytes] of continuedKernels()) both((mode) => check(sandbox, bytes, mode, `${name}, ${mode}`));
  },
};

function check(sandbox: Sandbox, bytes: Uint8Array, mode: 'simple' | 'merged', name: string): void {
  const metered = sandbox.meter(bytes, { memoryPagesMax: PAGES, mode });
  const module = new WebAssembly.Module(metered as Uint8Array<ArrayBuffer>);
  const inputs = [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)];
  const limits = { fuelMax: 10 ** 9, outputBytesMax: PAGES * 65_536 };
  const alone = inputs.map((input) => sandbox.runTask(module, new Uint8Array(0), input, 1, limits));
  const work = {
    ...{ task: undefined, taskCount: inputs.length, abi: 1, stepQuantum: 1, parameters: new Uint8Array(0) },
    ...{
      unitInput: encodeUnitInput(inputs),
      fuelPerTaskMax: limits.fuelMax,
      outputBytesPerTaskMax: limits.outputBytesMax,
    },
  };
  const whole = new sandbox.UnitRun(module, work, sha256, now);
  const states = [];
  while (whole.advance()) states.push(whole.save(BYTES_MAX));
  const { leaves, fuel } = whole.finish();
  const total = alone.reduce((sum, result) => sum + result.fuel, 0);
  assert.equal(fuel, total, `${name}: tasks of a unit take other fuel than alone`);
  const hashes = alone.map(({ output }) => Buffer.from(sha256(output)).toString('hex'));
  const text = Buffer.from(leaves).toString('hex');
  for (const hash of hashes) assert.ok(text.includes(hash), `${name}: a task of a unit has another output than alone`);
  for (const [boundary, state] of states.entries()) {
    const later = new sandbox.UnitRun(module, work, sha256, now, state);
    while (later.advance());
    const ended = later.finish();
    assert.equal(Buffer.from(ended.leaves).toString('hex'), text, `${name}: another ending from boundary ${boundary}`);
    assert.equal(ended.fuel, fuel, `${name}: other fuel from boundary ${boundary}`);
  }
}
