/** WASI programs from `_start` to their end: real ones, and modules that look for what the sandbox has forgotten. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TRAP } from '../../node/protocol/trust/commitment.ts';
import { importsOf, inspect } from '../../node/sandbox/inspect.ts';
import { meter } from '../../node/sandbox/meter.ts';
import { type ProgramResult, runProgram } from '../../node/sandbox/wasi/program.ts';
import { WASI_FUEL } from '../../node/sandbox/wasi/table.ts';
import { WEIGHTS_VERSION, weightsOf } from '../../node/sandbox/weights.ts';
import { assemble as assembleWith, WITHOUT_GC } from '../sandbox/kernels.ts';
import { compile, MODES, type Mode } from '../sandbox/run.ts';
import { exitingPrograms } from './exits.ts';
import { PROGRAMS, type ProgramName, pathOf, programArguments, readProgram } from './programs.ts';

// Some run compilers, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const assemble = (text: string): Uint8Array => assembleWith(text, WITHOUT_GC);

interface Options {
  readonly input?: string;
  readonly args?: readonly string[];
  readonly fuelMax?: number;
  readonly outputBytesMax?: number;
  readonly pages?: number;
  readonly mode?: Mode;
}

function run(bytes: Uint8Array, options: Options = {}): ProgramResult & { readonly text: string } {
  const {
    input = '',
    args = [],
    fuelMax = 100_000_000,
    outputBytesMax = 100_000,
    pages = 64,
    mode = 'merged',
  } = options;
  const module = compile(meter(bytes, { memoryPagesMax: pages, mode, allowImport: importsOf(2) }));
  const parameters = programArguments('program', ...args);
  const result = runProgram(module, parameters, utf8(input), { fuelMax, outputBytesMax }, sha256);
  return { ...result, text: new TextDecoder().decode(result.output) };
}

const both = (bytes: Uint8Array, options: Options = {}) => MODES.map((mode) => run(bytes, { ...options, mode }));

/** Readings of five stations, and some lines that are none. */
function readings(): string {
  const lines = Array.from({ length: 400 }, (_, i) => {
    const value = ((i * 7_919) % 1_000) / 8 - 30;
    return i % 97 === 5 ? `station${i} not-a-number` : `station${(i * i) % 5}\t${value}`;
  });
  return `${lines.join('\n')}\n`;
}

describe('the committed modules', () => {
  it.each(Object.keys(PROGRAMS) as ProgramName[])('are what their hash says: %s', (name) => {
    expect(createHash('sha256').update(readProgram(name)).digest('hex')).toBe(PROGRAMS[name].sha256);
    expect(inspect(readProgram(name))).toMatchObject({ abi: 2, hasReduce: false });
  });
});

describe('a C program', () => {
  it.skipIf(!existsSync('/usr/bin/gcc') && process.env.CI !== 'true')(
    'prints what it prints natively (needs gcc)',
    () => {
      const folder = mkdtempSync(path.join(tmpdir(), 'shoal-readings-'));
      try {
        const native = path.join(folder, 'readings');
        execFileSync('gcc', ['-O2', '-ffp-contract=off', '-o', native, pathOf('programs/readings.c'), '-lm']);
        for (const args of [[], ['-n', '60']]) {
          const expected = execFileSync(native, args, { input: readings(), encoding: 'utf8', stdio: 'pipe' });
          expect(expected.length).toBeGreaterThan(100);
          const [simple, merged] = both(readProgram('readings'), { input: readings(), args });
          expect(simple).toMatchObject({ trap: TRAP.none, text: expected });
          expect(merged).toEqual(simple);
        }
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );

  it('gives the same in every instance, and other random bytes for another input', () => {
    const [first, second] = both(readProgram('probe'), { input: 'some input\n' });
    expect(second).toEqual(first);
    const ask = (input: string): readonly string[] =>
      run(readProgram('probe'), { input }).text.match(/^random.*$/gm) ?? [];
    expect(ask('some input\n')).toEqual(first!.text.match(/^random.*$/gm));
    expect(ask('some inpuT\n')).not.toEqual(ask('some input\n'));
    expect(new Set(ask('some input\n')).size).toBe(2);
  });

  it('finds no file, no time and no environment', () => {
    const { text } = run(readProgram('probe'), { input: 'x'.repeat(20), args: ['one', 'two words'] });
    expect(text.split('\n').filter((line) => !/^(random|fd)/.test(line))).toEqual([
      'argument 0: program',
      'argument 1: one',
      'argument 2: two words',
      'environment: empty',
      'clock 0: 0 946684800.000000000, 0 0.000000001',
      'clock 1: 0 0.000000000, 0 0.000000001',
      'slept: 0, time 946684800',
      'open: -1/76',
      'fopen: 0/76',
      'poll: 2 1 2',
      'yield: 0',
      'readv: 15',
      'first: xxxxx',
      'input: 20 bytes, rest 1b47fbd7, then 0',
      '0.10000000000000001 nan inf 0x1.5555555555555p-1',
      '',
    ]);
  });

  it.each([
    [
      'a code of its own',
      ['exit', '3'],
      TRAP.kernelError,
      'exited with code 3; it wrote to standard error: about to exit',
    ],
    ['abort', ['abort'], TRAP.trap, undefined],
    ['recursion without end', ['recurse'], TRAP.trap, undefined],
    ['waiting for time to pass', ['spin'], TRAP.outOfFuel, undefined],
    ['output without end', ['flood'], TRAP.outputTooLarge, undefined],
  ] as const)('ends by %s', (_, args, trap, note) => {
    const [simple, merged] = both(readProgram('probe'), { args, fuelMax: 20_000_000 });
    for (const result of [simple!, merged!]) {
      expect(result).toMatchObject({ trap, output: new Uint8Array(0) });
      if (note !== undefined) expect(result.note).toContain(note);
    }
    expect(run(readProgram('probe'), { args, fuelMax: 20_000_000 })).toEqual(merged);
  });

  it('exits with code 0 as if it had returned, and is told when memory ends', () => {
    expect(run(readProgram('probe'), { args: ['exit', '0'] }).text).toBe('not a result\n');
    for (const pages of [16, 40]) {
      const [simple, merged] = both(readProgram('probe'), { args: ['allocate'], pages });
      expect(simple!.text).toMatch(/^\d+ blocks\n$/);
      expect(Number.parseInt(simple!.text, 10)).toBeGreaterThan(pages - 8);
      expect(merged).toEqual(simple);
    }
  });

  it('needs exactly as much fuel as it uses', () => {
    for (const mode of MODES) {
      const { fuel, text } = run(readProgram('readings'), { input: 'a 1\na 2\n', mode });
      expect(run(readProgram('readings'), { input: 'a 1\na 2\n', mode, fuelMax: fuel }).text).toBe(text);
      const less = run(readProgram('readings'), { input: 'a 1\na 2\n', mode, fuelMax: fuel - 1 });
      expect(less).toMatchObject({ trap: TRAP.outOfFuel, fuel: fuel - 1 });
    }
  });
});

describe('a program somebody else has built', () => {
  it('runs as it is', () => {
    const [simple, merged] = both(readProgram('pipeReverse'), { input: 'Hello, World!' });
    expect(simple).toMatchObject({ trap: TRAP.none });
    expect(simple!.text.trim()).toBe('!dlroW ,olleH');
    expect(merged).toEqual(simple);
  });
});

const COMMAND = (fields: string, start = ''): Uint8Array =>
  assemble(`(module ${fields} (memory (export "memory") 1) (func (export "_start") ${start}))`);
const WRITE = '(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))';

describe('odd programs', () => {
  it('may write in their start function, and through a table', () => {
    const bytes = COMMAND(
      `${WRITE} (type $t (func (param i32 i32 i32 i32) (result i32))) (table 1 funcref) (elem (i32.const 0) $write)
       (data (i32.const 0) "\\08\\00\\00\\00\\03\\00\\00\\00hi\\n") (start $s)
       (func $s (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64))))`,
      `(drop (call_indirect (type $t) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64) (i32.const 0)))`,
    );
    const [simple, merged] = both(bytes);
    expect(simple!.text).toBe('hi\nhi\n');
    expect(merged).toEqual(simple);
    expect(simple!.fuel).toBeGreaterThan(2 * (WASI_FUEL.call + WASI_FUEL.item + 3 * WASI_FUEL.outputByte));
  });

  it('that exit within nested calls have paid what has run in each caller, and no more', () => {
    for (const { name, text, fuel } of exitingPrograms(weightsOf(WEIGHTS_VERSION)!)) {
      const bytes = assemble(text);
      for (const result of both(bytes)) expect(result, name).toMatchObject({ trap: TRAP.none, fuel });
      for (const result of both(bytes, { fuelMax: fuel })) expect(result.trap, name).toBe(TRAP.none);
      for (const result of both(bytes, { fuelMax: fuel - 1 })) expect(result.trap, name).toBe(TRAP.outOfFuel);
    }
  });

  it('that write too much within nested calls, too', () => {
    const fuels = ['', '(drop (i32.const 1))'.repeat(50), '(if (local.get 0) (then (return)))'].flatMap((tail) => {
      const bytes = COMMAND(
        `${WRITE} (data (i32.const 4) "\\ff\\ff")
         (func $write_all (param i32) (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64))) ${tail})`,
        `(local i32) (call $write_all (i32.const 7)) ${tail}`,
      );
      const results = both(bytes, { outputBytesMax: 10 });
      for (const { trap } of results) expect(trap).toBe(TRAP.outputTooLarge);
      return results.map(({ fuel }) => fuel);
    });
    expect(new Set(fuels).size).toBe(1);
  });

  it('are stopped where they call the host without end, or too deep', () => {
    const endless = COMMAND(
      WRITE,
      '(loop $l (drop (call $write (i32.const 1) (i32.const 0) (i32.const -1) (i32.const 0))) (br $l))',
    );
    for (const result of both(endless, { fuelMax: 1_000_000 })) {
      expect(result).toMatchObject({ trap: TRAP.outOfFuel, fuel: 1_000_000 });
    }
    const deep = COMMAND(
      `${WRITE} (func $down (drop (call $write (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0))) (call $down))`,
      '(call $down)',
    );
    for (const result of both(deep)) expect(result.trap).toBe(TRAP.trap);
  });
});

describe('what is refused', () => {
  const refused = (bytes: Uint8Array, abi?: number): { code: string; message: string } => {
    try {
      inspect(bytes, abi);
    } catch (error) {
      return error as { code: string; message: string };
    }
    throw new Error('it is not refused');
  };
  const importing = (module: string, name: string, type = '(param i32) (result i32)'): Uint8Array =>
    COMMAND(`(import "${module}" "${name}" (func ${type}))`);

  it.each([
    ['an older WASI', importing('wasi_unstable', 'fd_close'), 'forbidden-import', 'wasi_unstable.fd_close'],
    ['another module', importing('env', 'now'), 'forbidden-import', 'env.now'],
    ['a function preview1 has not', importing('wasi_snapshot_preview1', 'fd_open'), 'forbidden-import', '.fd_open'],
    ['one of every object', importing('wasi_snapshot_preview1', 'toString'), 'forbidden-import', '.toString'],
    [
      'another type',
      importing('wasi_snapshot_preview1', 'fd_close', '(param i64)'),
      'forbidden-import',
      'another type',
    ],
    [
      'an imported memory',
      assemble('(module (import "env" "memory" (memory 1)) (func (export "_start")))'),
      'forbidden-import',
      'memory env.memory',
    ],
    ['a library', assemble('(module (memory (export "memory") 1) (func (export "run")))'), 'missing-export', '_start'],
    [
      'a reactor',
      assemble('(module (memory (export "memory") 1) (func (export "_initialize")))'),
      'missing-export',
      'reactor',
    ],
    ['no memory', assemble('(module (func (export "_start")))'), 'missing-export', 'memory'],
    ['a component', Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0), 'forbidden-feature', 'the component model'],
    [
      '_start with a result',
      assemble('(module (memory (export "memory") 1) (func (export "_start") (result i32) (i32.const 0)))'),
      'wrong-abi-signature',
      '_start',
    ],
  ] as const)('%s', (_, bytes, code, words) => {
    const error = refused(bytes, 2);
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
  });

  it('a program where a kernel is wanted, and an ABI nobody knows', () => {
    expect(refused(readProgram('readings'), 1)).toMatchObject({ code: 'forbidden-import' });
    expect(refused(readProgram('readings'), 3)).toMatchObject({ code: 'unknown-version' });
    expect(() => meter(readProgram('readings'), { memoryPagesMax: 64 })).toThrow(/without any imports/);
  });
});

const CLANG = '/usr/bin/clang-19';
const SYSROOT = '/usr/include/wasm32-wasi/wasi/api.h';
const missing = [CLANG, SYSROOT].find((file) => !existsSync(file));

describe('building again', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'shoal-wasi-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.skipIf(missing !== undefined && process.env.CI !== 'true').each(['readings', 'probe'] as const)(
    'gives the committed bytes: %s (needs clang-19, lld-19, wasi-libc, libclang-rt-19-dev-wasm32)',
    (name) => {
      expect(missing).toBeUndefined();
      const out = path.join(folder, `${name}.wasm`);
      const flags = ['--target=wasm32-wasi', '-O2', '-Wl,--strip-all', '-o', out];
      // clang runs a `wasm-opt` where it finds one, and the one of npm is not part of this.
      execFileSync(CLANG, [...flags, pathOf(`programs/${name}.c`)], { env: { PATH: '/usr/bin:/bin' } });
      expect(Buffer.compare(readFileSync(out), readProgram(name))).toBe(0);
    },
  );
});
