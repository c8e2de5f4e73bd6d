/** The runner of the test-suite on scripts of our own: that it sees what differs, and says what it did not run. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspect, meter } from '../../node/sandbox/index.ts';
import { assemble } from '../sandbox/kernels.ts';
import { conformance } from './cli.ts';
import type { Sandbox } from './prepare.ts';
import { type FileReport, runScript } from './run-script.ts';
import { readScript, type ScriptCommand, type ScriptValue } from './script.ts';

const good = (last = '(i32.const 7)'): Uint8Array =>
  assemble(`(module
    (memory 1)
    (global (export "g") f32 (f32.const nan:0x200001))
    (func (export "same") (param v128 f32) (result f32 v128) (local.get 1) (local.get 0))
    (func (export "divide") (param f64 f64) (result f64) (f64.div (local.get 0) (local.get 1)))
    (func $down (export "down") (param i32) (result i32)
      (if (result i32) (local.get 0)
        (then (call $down (i32.sub (local.get 0) (i32.const 1))))
        (else ${last})))
    (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
    (func $endless (export "endless") (call $endless)))`);

const MODULES: Readonly<Record<string, Uint8Array>> = {
  'good.wasm': good(),
  'references.wasm': assemble('(module (func (export "id") (param externref) (result externref) (local.get 0)))'),
  'counter.wasm':
    assemble(`(module (global $g (export "g") (mut i32) (i32.const 5)) (global $own (mut i32) (i32.const 1))
    (func (export "own") (result i32) (global.get $own)))`),
  'changes.wasm': assemble(
    '(module (import "counter" "g" (global $g (mut i32))) (func $s (global.set $g (i32.const 6))) (start $s))',
  ),
  'starts.wasm': assemble('(module (func $s (unreachable)) (start $s))'),
  'invalid.wasm': Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 3, 2, 1, 0),
};

const i32 = (value: number): ScriptValue => ({ type: 'i32', value: String(value >>> 0) });
const f32 = (value: string): ScriptValue => ({ type: 'f32', value });
const f64 = (value: string): ScriptValue => ({ type: 'f64', value });
const v128 = (...value: readonly string[]): ScriptValue => ({ type: 'v128', lane_type: 'i32', value });

let line = 0;
const module = (filename: string, name?: string): ScriptCommand => ({
  type: 'module',
  line: ++line,
  filename,
  ...(name && { name }),
});
const register = (as: string, name: string): ScriptCommand => ({ type: 'register', line: ++line, as, name });
const returns = (
  field: string,
  args: readonly ScriptValue[],
  expected: readonly ScriptValue[],
  name?: string,
): ScriptCommand => ({
  type: 'assert_return',
  line: ++line,
  action: { type: 'invoke', field, args, ...(name && { module: name }) },
  expected,
});
const fails = (
  type: string,
  field: string,
  args: readonly ScriptValue[],
  expected: readonly ScriptValue[],
): ScriptCommand => ({
  ...returns(field, args, expected),
  type,
});

const LANES = v128('4294967295', '2143289345', '1', '4286578689');
const GOOD: readonly ScriptCommand[] = [
  module('good.wasm'),
  returns('same', [LANES, f32('2141192193')], [f32('2141192193'), LANES]),
  { type: 'assert_return', line: 0, action: { type: 'get', field: 'g' }, expected: [f32('2141192193')] },
  returns('divide', [f64('0'), f64('0')], [f64('nan:canonical')]),
  returns('divide', [f64('18443366373989023744'), f64('4607182418800017408')], [f64('nan:arithmetic')]),
  returns('down', [i32(100)], [i32(7)]),
  fails('assert_trap', 'load', [i32(65_533)], [{ type: 'i32' }]),
  fails('assert_exhaustion', 'endless', [], []),
  returns('down', [i32(300)], [i32(7)]),
  { type: 'assert_invalid', line: 0, filename: 'invalid.wasm', module_type: 'binary' },
  { type: 'assert_malformed', line: 0, filename: 'text.wat', module_type: 'text' },
  { type: 'assert_uninstantiable', line: 0, filename: 'starts.wasm', module_type: 'binary' },
];

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'shoal-conformance-'));
  for (const [name, bytes] of Object.entries(MODULES)) writeFileSync(path.join(folder, name), bytes);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(commands: readonly ScriptCommand[], sandbox: Sandbox = { inspect, meter }): FileReport {
  writeFileSync(path.join(folder, 'own.json'), JSON.stringify({ commands }));
  return runScript(readScript(folder, 'own'), sandbox);
}

describe('the runner of the test-suite', () => {
  it('finds nothing where nothing differs', () => {
    const report = run(GOOD);
    expect(report.differences).toEqual([]);
    expect(report).toMatchObject({ assertions: 11, equal: 10, textOnly: 1 });
    expect(report.fuel).toBeGreaterThan(0n);
    expect(report.canonicalised).toBeGreaterThan(0);
    expect(report.refused.size).toBe(0);
  });

  it.each<[string, ScriptCommand, string]>([
    ['a value', returns('down', [i32(1)], [i32(8)]), '0x7 is not what the suite expects'],
    [
      'a NaN that should be canonical',
      returns('divide', [f64('0'), f64('1')], [f64('nan:canonical')]),
      'not what the suite expects',
    ],
    ['a missing trap', fails('assert_trap', 'load', [i32(0)], [{ type: 'i32' }]), 'the unmodified module gives 0x0'],
    ['a trap', returns('load', [i32(-1)], [i32(0)]), 'the unmodified module gives trap'],
    [
      'a valid module called invalid',
      { type: 'assert_invalid', line: 0, filename: 'counter.wasm' },
      'meter (simple) accepts it',
    ],
    ['an unknown command', { type: 'assert_something', line: 0 }, 'does not know the command'],
  ])('notices %s', (_, command, what) => {
    const { differences, equal } = run([module('good.wasm'), command]);
    expect(differences).toEqual([{ file: 'own', line: command.line, what: expect.stringContaining(what) }]);
    expect(equal).toBe(0);
  });

  it('notices a rewriter that changes a result, one that changes fuel, and one that lets everything in', () => {
    const script = [module('good.wasm'), returns('down', [i32(3)], [i32(7)])];
    const rewriter = (other: Uint8Array, mode: string): Sandbox => ({
      inspect,
      meter: (bytes, options) => meter(options.mode === mode ? other : bytes, options),
    });
    expect(run(script, rewriter(good('(i32.const 9)'), 'merged')).differences).toMatchObject([
      { what: 'assert_return down, merged: 0x9 instead of 0x7' },
    ]);
    const dearer = run(script, rewriter(good('(i32.add (i32.const 3) (i32.const 4))'), 'simple')).differences;
    expect(dearer).toMatchObject([{ what: expect.stringMatching(/fuel is \d+ in the simple and \d+ in the merged/) }]);
    const lenient: Sandbox = { inspect: () => undefined, meter: (bytes) => bytes };
    expect(run([{ type: 'assert_invalid', line: 0, filename: 'invalid.wasm' }], lenient).differences).toMatchObject([
      { what: 'assert_invalid: inspect accepts it' },
    ]);
  });

  it('counts what the sandbox refuses, and what a refused module would have changed', () => {
    const { differences, refused, assertions, equal } = run([
      module('references.wasm'),
      returns('id', [{ type: 'externref', value: '1' }], [{ type: 'externref', value: '1' }]),
      module('counter.wasm', '$counter'),
      register('counter', '$counter'),
      returns('own', [], [i32(1)]),
      module('changes.wasm'),
      { type: 'assert_return', line: 0, action: { type: 'get', field: 'g', module: '$counter' }, expected: [i32(6)] },
    ]);
    expect(differences).toEqual([]);
    expect(assertions).toBe(3);
    expect(equal).toBe(1);
    expect([...refused]).toEqual([
      ['reference types', 1],
      ['shared with a module that is refused', 1],
    ]);
  });
});

describe('npm run conformance', () => {
  function command(...args: readonly string[]): { code: number; printed: string; complaint: string } {
    const said = { printed: '', complaint: '' };
    const code = conformance(args, {
      print: (text) => (said.printed += text),
      complain: (text) => (said.complaint += text),
      progress: () => undefined,
    });
    return { code, ...said };
  }

  it('prints a table, or JSON, and exits with 1 if anything differs', () => {
    run(GOOD);
    const table = command(folder);
    expect(table.printed).toMatch(/^own +11 +10 +0 +1 +0$/m);
    expect(table.code).toBe(0);
    run([module('good.wasm'), returns('down', [i32(1)], [i32(8)])]);
    const json = command(folder, '--json');
    expect(JSON.parse(json.printed)).toMatchObject({
      total: { assertions: 1, equal: 0, differences: [{ file: 'own' }] },
    });
    expect(json.code).toBe(1);
  });

  it('says what is wrong with a folder, and exits with 2', () => {
    const complaint = (...args: readonly string[]): string => {
      const said = command(...args);
      expect(said.code).toBe(2);
      return said.complaint;
    };
    expect(complaint(path.join(folder, 'none'))).toContain('there is no folder');
    expect(complaint(folder, '--only', 'nothing')).toContain('has "nothing" in its name');
    expect(complaint()).toContain('usage: npm run conformance');
    expect(complaint('--no-such')).toContain('--no-such');
    expect(complaint(path.join(folder, 'good.wasm'))).toContain('is not a folder');
    const text = mkdtempSync(path.join(folder, 'text-'));
    expect(complaint(text)).toContain('holds no .json files of wast2json');
    writeFileSync(path.join(text, 'a.wast'), '');
    expect(complaint(text)).toContain('holds the suite as text; convert it first');
    writeFileSync(path.join(text, 'a.json'), '[]');
    expect(complaint(text)).toContain('was not written by wast2json');
    writeFileSync(path.join(text, 'a.json'), JSON.stringify({ commands: [module('gone.wasm')] }));
    expect(complaint(text)).toContain('names gone.wasm, which is not in the folder');
  });
});
