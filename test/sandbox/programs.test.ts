/**
 * Random programs, raw against metered: the same results and the same memory, and fuel that does not depend on how
 * much of it there was. The programs have loops, branches out of several blocks, early returns and calls.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { meter } from '../../node/sandbox/index.ts';
import { assemble } from './kernels.ts';
import { compile } from './run.ts';

const local = fc.integer({ min: 0, max: 3 });
const constant = fc.oneof(fc.integer({ min: -5, max: 5 }), fc.integer()).map((value) => `(i32.const ${value | 0})`);

interface Grammar {
  value: string;
  statement: string;
  body: string;
}

const { body } = fc.letrec<Grammar>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    constant,
    local.map((index) => `(local.get ${index})`),
    fc
      .tuple(
        fc.constantFrom('add', 'sub', 'mul', 'and', 'xor', 'shl', 'rotl', 'lt_s', 'ge_u', 'eq'),
        tie('value'),
        tie('value'),
      )
      .map(([name, a, b]) => `(i32.${name} ${a} ${b})`),
    fc
      .tuple(fc.constantFrom('div_s', 'rem_u', 'div_u'), tie('value'), tie('value'))
      .map(([name, a, b]) => `(i32.${name} ${a} ${b})`),
    tie('value').map((a) => `(i32.load (i32.and ${a} (i32.const 1023)))`),
    fc.tuple(local, tie('value')).map(([index, a]) => `(local.tee ${index} ${a})`),
    fc.tuple(tie('value'), tie('value'), tie('value')).map(([a, b, c]) => `(select ${a} ${b} ${c})`),
    fc
      .tuple(tie('value'), tie('body'), tie('value'), tie('value'))
      .map(([test, then, a, b]) => `(if (result i32) ${test} (then ${then} ${a}) (else ${b}))`),
    fc.tuple(tie('value'), tie('value')).map(([a, b]) => `(block (result i32) (br_if 0 ${a} ${b}) (drop) ${b})`),
    fc.tuple(tie('value'), tie('value')).map(([a, b]) => `(call $help ${a} ${b})`),
    tie('value').map((a) => `(call_indirect (type $two) ${a} ${a} (i32.const 0))`),
  ),
  statement: fc.oneof(
    { maxDepth: 4 },
    fc.tuple(local, tie('value')).map(([index, a]) => `(local.set ${index} ${a})`),
    fc.tuple(tie('value'), tie('value')).map(([a, b]) => `(i32.store (i32.and ${a} (i32.const 1023)) ${b})`),
    tie('value').map((a) => `(drop ${a})`),
    fc
      .tuple(tie('body'), tie('body'))
      .map(([a, b]) => `(block $outer (block $inner ${a} (br_if $outer (local.get 0))) ${b})`),
    fc
      .tuple(tie('value'), tie('body'), tie('body'))
      .map(([test, a, b]) => `(block $a (block $b (block $c (br_table $a $b $c ${test})) ${a} (br $a)) ${b})`),
    // Five rounds at most, counted in a local that nothing else uses.
    tie('body').map(
      (a) => `(local.set 4 (i32.const 5)) (loop $again ${a}
        (br_if $again (i32.gt_s (local.tee 4 (i32.sub (local.get 4) (i32.const 1))) (i32.const 0))))`,
    ),
    fc.tuple(tie('value'), tie('value')).map(([test, a]) => `(if ${test} (then (return ${a})))`),
    tie('value').map((a) => `(memory.fill (i32.and ${a} (i32.const 511)) ${a} (i32.and ${a} (i32.const 255)))`),
    fc.constant('(memory.copy (i32.const 16) (i32.const 0) (i32.const 100))'),
    fc.constant('(drop (memory.grow (i32.const 1)))'),
  ),
  body: fc.array(tie('statement'), { maxLength: 3 }).map((parts) => parts.join('\n')),
}));

function program(main: string): Uint8Array {
  return assemble(`(module (type $two (func (param i32 i32) (result i32)))
    (memory (export "memory") 1 3) (table 1 funcref) (elem (i32.const 0) $help)
    (func $help (type $two) (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
      (i32.add (local.get 0) (i32.mul (local.get 1) (i32.const 3))))
    (func (export "run") (param i32 i32) (result i32) (local i32 i32 i32) ${main} (local.get 2)))`);
}

interface Ending {
  readonly result: number | 'trap';
  readonly memory: Uint8Array;
  readonly fuel: number;
}

function execute(module: Uint8Array, a: number, b: number, fuelMax: number): Ending {
  const { exports } = new WebAssembly.Instance(compile(module), {});
  const fuel = exports['shoal:fuel'] as WebAssembly.Global | undefined;
  if (fuel !== undefined) fuel.value = BigInt(fuelMax);
  let result: Ending['result'];
  try {
    result = (exports.run as (a: number, b: number) => number)(a, b);
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    result = 'trap';
  }
  const memory = new Uint8Array((exports.memory as WebAssembly.Memory).buffer.slice(0));
  return { result, memory, fuel: fuelMax - Number((fuel?.value as bigint | undefined) ?? 0n) };
}

it('means the same metered as raw, and uses the same fuel of any budget', () => {
  let completed = 0;
  fc.assert(
    fc.property(body, fc.integer(), fc.integer(), (main, a, b) => {
      const raw = program(main);
      const metered = meter(raw, { memoryPagesMax: 3 });
      const plain = execute(raw, a, b, 0);
      const ample = execute(metered, a, b, 10 ** 12);
      expect(ample.result).toBe(plain.result);
      expect(Buffer.compare(ample.memory, plain.memory)).toBe(0);
      if (plain.result === 'trap') return;
      completed++;
      expect(execute(metered, a, b, ample.fuel)).toMatchObject({ result: plain.result, fuel: ample.fuel });
      const short = execute(metered, a, b, ample.fuel - 1);
      expect(short.fuel).toBeGreaterThanOrEqual(ample.fuel);
    }),
    { numRuns: 400 },
  );
  expect(completed).toBeGreaterThan(100);
});
