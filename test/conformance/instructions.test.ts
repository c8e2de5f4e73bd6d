/**
 * Every instruction of the sandbox's table, one at a time, on operands at the edges: metered in both placements against
 * the unmodified module, bit for bit but for NaNs that arithmetic made, which have to be canonical; and against a second
 * opinion where there is one.
 */
import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../node/sandbox/bytes.ts';
import { meter } from '../../node/sandbox/index.ts';
import { newDecoded, readInstruction } from '../../node/sandbox/instructions.ts';
import { FUEL_EXPORT } from '../../node/sandbox/meter.ts';
import { readModule } from '../../node/sandbox/module.ts';
import { KernelRefusedError } from '../../node/sandbox/refusal.ts';
import { assemble } from '../sandbox/kernels.ts';
import {
  ADDRESS_AT,
  allCases,
  type Case,
  caseModule,
  MEMORY_BYTES,
  OPERAND_AT,
  RESULT_AT,
  SLOT_BYTES,
} from './cases.ts';
import { combinations, OPERANDS } from './operands.ts';
import { FLOAT32, FLOAT64, type Result, referenceOf, TRAP } from './reference.ts';
import type { NumberType } from './values.ts';

const AMPLE_FUEL = 10n ** 12n;

const PATTERN = Uint8Array.from({ length: MEMORY_BYTES }, (_, at) => (at * 197 + 11) & 0xff);

/** One module and its memory, as it is or metered. */
class Bench {
  readonly #exports: WebAssembly.Exports;
  readonly #view: DataView;
  readonly memory: Uint8Array;
  readonly #fuel: WebAssembly.Global<'i64'> | undefined;

  constructor(bytes: Uint8Array) {
    this.#exports = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(bytes))).exports;
    const { buffer } = this.#exports.memory as WebAssembly.Memory;
    this.#view = new DataView(buffer);
    this.memory = new Uint8Array(buffer);
    this.#fuel = this.#exports[FUEL_EXPORT] as WebAssembly.Global<'i64'> | undefined;
  }

  reset(): void {
    this.memory.set(PATTERN);
  }

  run(name: string, operands: readonly bigint[], gives: NumberType | undefined): { result: Result; fuel: bigint } {
    operands.forEach((bits, index) => {
      this.#write(OPERAND_AT + index * SLOT_BYTES, bits);
    });
    if (this.#fuel !== undefined) this.#fuel.value = AMPLE_FUEL;
    try {
      (this.#exports[name] as () => void)();
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      return { result: TRAP, fuel: 0n };
    }
    const fuel = this.#fuel === undefined ? 0n : AMPLE_FUEL - this.#fuel.value;
    return { result: gives === undefined ? 0n : this.#read(gives), fuel };
  }

  #write(at: number, bits: bigint): void {
    this.#view.setBigUint64(at, BigInt.asUintN(64, bits), true);
    this.#view.setBigUint64(at + 8, bits >> 64n, true);
  }

  #read(type: NumberType): bigint {
    if (type === 'i32' || type === 'f32') return BigInt(this.#view.getUint32(RESULT_AT, true));
    const low = this.#view.getBigUint64(RESULT_AT, true);
    return type === 'v128' ? low | (this.#view.getBigUint64(RESULT_AT + 8, true) << 64n) : low;
  }
}

/** With its NaNs made canonical, of a result in which arithmetic may have made some. */
function canonical(result: Result, shape: Case['makesNan']): Result {
  if (result === TRAP || shape === undefined) return result;
  const float = shape.startsWith('f32') ? FLOAT32 : FLOAT64;
  const lanes = shape.includes('x') ? 128 / float.width : 1;
  let bits = 0n;
  for (let lane = 0; lane < lanes; lane++) {
    const at = BigInt(lane * float.width);
    const one = BigInt.asUintN(float.width, result >> at);
    bits |= (Number.isNaN(float.number(one)) ? float.bits(Number.NaN) : one) << at;
  }
  return bits;
}

function operandsOf({ takes, accesses }: Case): readonly (readonly bigint[])[] {
  if (accesses === undefined) return combinations(takes);
  const places = [0, ADDRESS_AT, ADDRESS_AT + 3, 16 - accesses, 17 - accesses];
  const ends = [MEMORY_BYTES - accesses, MEMORY_BYTES - accesses + 1, 0xffff0000, 0xffffffff];
  const [, value] = takes;
  return [...places, ...ends].flatMap((at) =>
    (value === undefined ? [undefined] : OPERANDS[value].slice(-4)).map((bits) => [
      BigInt(at),
      ...(bits === undefined ? [] : [bits]),
    ]),
  );
}

const CASES = allCases();
const BYTES = caseModule(CASES);
const raw = new Bench(BYTES);
const [simple, merged] = (['simple', 'merged'] as const).map(
  (mode) => new Bench(meter(BYTES, { memoryPagesMax: 1, mode })),
);

describe('every instruction, metered', () => {
  it('is what the unmodified module does, in both placements', () => {
    let runs = 0;
    CASES.forEach((item, index) => {
      for (const bench of [raw, simple!, merged!]) bench.reset();
      const reference = referenceOf(item.code);
      for (const operands of operandsOf(item)) {
        const [first, second, third] = [raw, simple!, merged!].map((bench) =>
          bench.run(String(index), operands, item.gives),
        );
        const wanted = canonical(first!.result, item.makesNan);
        if (
          second!.result !== wanted ||
          third!.result !== wanted ||
          second!.fuel !== third!.fuel ||
          (reference !== undefined && wanted !== reference(...operands))
        ) {
          expect({
            instruction: item.name,
            operands,
            simple: second!,
            merged: third!,
          }).toEqual({
            instruction: item.name,
            operands,
            simple: { result: reference?.(...operands) ?? wanted, fuel: second!.fuel },
            merged: { result: wanted, fuel: second!.fuel },
          });
        }
        runs++;
      }
      if (item.makesNan !== undefined)
        for (const bench of [raw, simple!, merged!]) bench.memory.fill(0, RESULT_AT, RESULT_AT + 16);
      for (const bench of [simple!, merged!]) {
        if (Buffer.compare(raw.memory, bench.memory) !== 0) expect.fail(`${item.name} leaves another memory`);
      }
    });
    expect(runs).toBeGreaterThan(60_000);
  });

  it('leaves out none of the table', () => {
    const done = new Set([...CASES.map(({ code }) => code.join()), ...codesOf(CONTROL)]);
    const open = instructions().filter((code) => !done.has(code.join()));
    expect(open).toEqual([]);
  });

  it('has a second opinion for all scalar instructions and half of the others', () => {
    const values = CASES.filter(({ accesses, takes }) => accesses === undefined && takes.length > 0);
    const scalar = values.filter(({ code }) => code[0] !== 0xfd);
    expect(scalar.filter(({ code }) => referenceOf(code) === undefined)).toEqual([]);
    const vector = values.filter(({ code }) => code[0] === 0xfd && referenceOf(code) !== undefined);
    expect(vector.length).toBeGreaterThanOrEqual(127);
  });
});

/** All that the sandbox's table has. */
function instructions(): readonly (readonly number[])[] {
  const codes = [
    ...Array.from({ length: 256 }, (_, code) => [code]),
    ...[0xfc, 0xfd].flatMap((prefix) =>
      Array.from({ length: 512 }, (_, code) => [prefix, ...(code < 0x80 ? [code] : [(code & 0x7f) | 0x80, code >> 7])]),
    ),
  ];
  return codes.filter((code) => {
    if (code.length === 1 && (code[0] === 0xfc || code[0] === 0xfd)) return false;
    try {
      readInstruction(new ByteReader(Uint8Array.from([...code, ...new Array<number>(24).fill(0)])), newDecoded());
      return true;
    } catch (error) {
      if (error instanceof KernelRefusedError) return false;
      throw error;
    }
  });
}

/** What moves control, locals, globals, memory and tables about. Each function takes an i32. */
const CONTROL = assemble(`(module
  (type $unary (func (param i32) (result i32)))
  (memory (export "memory") 1 3) (data "passive data") (data (i32.const 16) "active")
  (table $t 6 funcref) (elem (i32.const 0) $double $square) (elem func $square $double $double)
  (global $g (mut i64) (i64.const 5))
  (func $double (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
  (func (export "nop") (param i32) (result i32) (nop) (local.get 0))
  (func (export "unreachable") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (unreachable))) (i32.const 3))
  (func (export "if") (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 4)) (then (i32.const 1)) (else (return (i32.const 2)))))
  (func (export "loop") (param i32) (result i32) (local i32)
    (block $out (loop $in
      (br_if $out (i32.ge_s (local.get 1) (local.get 0)))
      (global.set $g (i64.add (global.get $g) (i64.extend_i32_u (local.get 1))))
      (local.set 1 (i32.add (local.get 1) (i32.const 1)))
      (br $in)))
    (i32.wrap_i64 (global.get $g)))
  (func (export "br_table") (param i32) (result i32) (local i32)
    (block $d (block $c (block $b (block $a (br_table $a $b $c $d (local.get 0)))
      (return (i32.const 10))) (local.set 1 (i32.const 20))) (local.set 1 (i32.add (local.get 1) (i32.const 3)))) (local.get 1))
  (func (export "tee") (param i32) (result i32) (local i32)
    (i32.add (local.tee 1 (i32.sub (local.get 0) (i32.const 9))) (select (local.get 1) (i32.const 7) (local.get 0))))
  (func (export "call") (param i32) (result i32) (call $square (call $double (local.get 0))))
  (func (export "call_indirect") (param i32) (result i32)
    (call_indirect (type $unary) (local.get 0) (i32.and (local.get 0) (i32.const 3))))
  (func (export "grow") (param i32) (result i32)
    (i32.add (i32.shl (memory.grow (i32.and (local.get 0) (i32.const 1))) (i32.const 8)) (memory.size)))
  (func (export "bulk") (param i32) (result i32)
    (memory.init 0 (i32.const 100) (i32.const 1) (i32.and (local.get 0) (i32.const 15)))
    (memory.fill (i32.const 120) (local.get 0) (local.get 0))
    (memory.copy (i32.const 102) (i32.const 98) (i32.const 30))
    (i32.load (i32.const 102)))
  (func (export "tables") (param i32) (result i32)
    (table.init $t 1 (i32.const 2) (i32.const 0) (i32.and (local.get 0) (i32.const 3)))
    (table.copy $t $t (i32.const 1) (i32.const 2) (i32.const 2))
    (i32.add (call_indirect (type $unary) (i32.const 5) (i32.const 1))
      (call_indirect (type $unary) (i32.const 7) (i32.const 2))))
  (func (export "drop") (param i32) (result i32)
    (drop (local.get 0)) (data.drop 0) (elem.drop 1)
    (if (local.get 0) (then (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1)))) (i32.const 1)))`);

function codesOf(bytes: Uint8Array): readonly string[] {
  const { bodies } = readModule(bytes);
  return bodies.flatMap((body) => {
    const reader = new ByteReader(bytes, body!.start, body!.end);
    const codes: string[] = [];
    for (const decoded = newDecoded(); !reader.done; ) {
      readInstruction(reader, decoded);
      const { prefix, code } = decoded;
      codes.push(String(prefix === 0 ? [code] : [prefix, code]));
    }
    return codes;
  });
}

describe('control, memory and tables, metered', () => {
  const arguments_ = [-2, -1, 0, 1, 2, 3, 4, 5, 7, 12];
  const names = WebAssembly.Module.exports(new WebAssembly.Module(Uint8Array.from(CONTROL)))
    .filter(({ kind }) => kind === 'function')
    .map(({ name }) => name);

  it.each(names)('%s does what it does unmodified', (name) => {
    const traces = [
      CONTROL,
      ...(['simple', 'merged'] as const).map((mode) => meter(CONTROL, { memoryPagesMax: 3, mode })),
    ].map((bytes) => {
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(bytes)));
      const fuel = exports[FUEL_EXPORT] as WebAssembly.Global<'i64'> | undefined;
      const results = arguments_.map((argument) => {
        if (fuel !== undefined) fuel.value = AMPLE_FUEL;
        try {
          const result = (exports[name] as (argument: number) => number)(argument);
          return { result, fuel: fuel === undefined ? 0n : AMPLE_FUEL - fuel.value };
        } catch (error) {
          return { result: error instanceof WebAssembly.RuntimeError ? error.message : error, fuel: 0n };
        }
      });
      const memory = Buffer.from((exports.memory as WebAssembly.Memory).buffer).toString('latin1');
      return { results: results.map(({ result }) => result), fuel: results.map((one) => one.fuel), memory };
    });
    const [unmodified, first, second] = traces;
    expect(first!.results).toEqual(unmodified!.results);
    expect(second!.results).toEqual(unmodified!.results);
    expect(second!.fuel).toEqual(first!.fuel);
    expect([first!.memory === unmodified!.memory, second!.memory === unmodified!.memory]).toEqual([true, true]);
    expect(new Set(unmodified!.results).size).toBeGreaterThan(name === 'nop' ? 9 : 1);
  });
});
