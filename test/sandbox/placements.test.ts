/** The two placements of charges on real kernels and on programs that call all the time: equal outputs, equal fuel. */
import { describe, expect, it } from 'vitest';
import { TRAP } from '../../node/protocol/trust/commitment.ts';
import { meter } from '../../node/sandbox/index.ts';
import { runTask } from '../../node/sandbox/task.ts';
import { KERNELS, Kernel } from '../kernels/host.ts';
import { readVectors } from '../kernels/vectors.ts';
import { assemble } from './kernels.ts';
import { compile, MODES, meteredExports } from './run.ts';

describe.each(KERNELS)('%s', (name) => {
  const kernel = new Kernel(name);
  const { stepQuantum, memoryPagesMax, fuelPerTaskMax, outputBytesPerTaskMax } = kernel.manifest.limits;
  const modules = MODES.map((mode) => compile(meter(kernel.wasm, { memoryPagesMax, mode })));
  const run = (module: WebAssembly.Module, parameters: Uint8Array, input: Uint8Array, fuelMax: number) =>
    runTask(module, parameters, input, stepQuantum, { fuelMax, outputBytesMax: outputBytesPerTaskMax });

  it.each(readVectors(kernel.manifest))('takes the same fuel in both placements: $name', ({ parameters, input }) => {
    const [simple, merged] = modules.map((module) => run(module, parameters, input, fuelPerTaskMax));
    expect(simple!.trap).toBe(TRAP.none);
    expect(merged).toEqual(simple);
    const { fuel } = simple!;
    for (const module of modules) {
      expect(run(module, parameters, input, fuel)).toEqual(simple);
      expect(run(module, parameters, input, fuel - 1)).toMatchObject({ trap: TRAP.outOfFuel, fuel: fuel - 1 });
    }
  });
});

const CALLS = `(module
  (type $unary (func (param i32) (result i32)))
  (table 3 funcref) (elem (i32.const 0) $fibonacci $odd $even)
  (func $fibonacci (export "fibonacci") (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0)) (else (i32.add
      (call $fibonacci (i32.sub (local.get 0) (i32.const 1)))
      (call $fibonacci (i32.sub (local.get 0) (i32.const 2)))))))
  (func $odd (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
    (call_indirect (type $unary) (i32.sub (local.get 0) (i32.const 1)) (i32.const 2)))
  (func $even (export "even") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
    (call_indirect (type $unary) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1)))
  (func $pair (param i32) (result i32 i32) (local.get 0) (i32.mul (local.get 0) (i32.const 3)))
  (func (export "many") (param i32) (result i32) (local i32)
    (loop $l
      (local.set 1 (i32.add (local.get 1) (i32.rem_u (call $pair (local.get 0)))))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))`;

it.each([
  ['fibonacci', 20, 6_765],
  ['even', 301, 0],
  ['even', 300, 1],
  ['many', 1_000, 500_500],
])('%s(%d) takes the same fuel in both placements', (name, argument, expected) => {
  const fuel = MODES.map((mode) => {
    const { exports, fuelOf } = meteredExports(assemble(CALLS), mode);
    return fuelOf(() => expect(exports[name]!(argument as never)).toBe(expected));
  });
  expect(fuel[0]).toBeGreaterThan(argument);
  expect(fuel[1]).toBe(fuel[0]);
});
