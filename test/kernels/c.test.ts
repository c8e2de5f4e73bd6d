/**
 * Kernels in C against `kernels/sdk/shoal.h`: one that counts primes exactly as the AssemblyScript one does, and one that
 * uses all the header has. Both are committed with their source and built again where the compiler is, by the command
 * that stands at the head of the header.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CaseResult, checkKernel } from '../../node/daemon/cli/kernel/check.ts';
import { withSandbox } from '../../node/daemon/cli/kernel/sandbox.ts';
import { inspect } from '../../node/sandbox/inspect.ts';
import { checkManifest, type KernelManifest } from '../../node/sdk/manifest.ts';
import { parseVectors } from '../../node/sdk/vectors.ts';
import { BAD_MANIFEST } from '../daemon/bad-kernels.ts';
import { Kernel, KernelFailure } from './host.ts';
import { readVectors } from './vectors.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const fromRoot = (file: string): string => path.join(ROOT, file);
const NONE = new Uint8Array(0);
/** A few segments. */
const RANGE_ENDS_MAX = 300_000;

/** The committed modules; hashes are of these. */
const MODULES = {
  'kernels/c/prime-count/kernel': '396e9bda7857042624c1cbc448f79056f28943f7b8c78b30be66beba82335ea1',
  'test/kernels/c/echo': 'a33d5e63e34554b09fa70b6e169582f2cca23f4730f773b4a93fde7e35d6d9a8',
} as const;
type ModuleName = keyof typeof MODULES;

const readModule = (name: ModuleName): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(readFileSync(fromRoot(`${name}.wasm`)));

const ECHO: KernelManifest = checkManifest({
  ...BAD_MANIFEST,
  parameters: (['u32', 'u64', 'i32', 'f64'] as const).map((type) => ({ name: type, type, description: 'Comes back.' })),
  arguments: [],
  tasks: { from: 'file', split: 'whole' },
  limits: { ...BAD_MANIFEST.limits, inputBytesPerTaskMax: 65_536, outputBytesPerTaskMax: 65_536, stepQuantum: 2 },
});

it.each(
  Object.keys(MODULES) as ModuleName[],
)('the committed module is what its hash says, and nothing is asked of the host: %s', (name) => {
  const wasm = readModule(name);
  expect(createHash('sha256').update(wasm).digest('hex')).toBe(MODULES[name]);
  expect(WebAssembly.Module.imports(new WebAssembly.Module(wasm))).toEqual([]);
  const memory = { initialPages: 4, maximumPages: 256 };
  expect(inspect(wasm)).toMatchObject({ abi: 1, memory, hasReduce: name === 'kernels/c/prime-count/kernel' });
});

describe('prime-count in C', () => {
  const inC = new Kernel(fromRoot('kernels/c/prime-count'));
  const inAssemblyScript = new Kernel('prime-count');
  const range = (from: bigint, to: bigint): Uint8Array => new Uint8Array(new BigUint64Array([from, to]).buffer);

  it('gives what the AssemblyScript kernel must give, on all its vectors', () => {
    for (const { input, sha256 } of readVectors(inAssemblyScript.manifest)) {
      expect(createHash('sha256').update(inC.run(NONE, input)).digest('hex')).toBe(sha256);
    }
  });

  it('gives what the AssemblyScript kernel gives, step by step, on any range, and merged', () => {
    const ends = fc.integer({ min: 0, max: RANGE_ENDS_MAX });
    fc.assert(
      fc.property(ends, ends, fc.constantFrom(0n, 2n ** 40n, 17_179_606_000n), (a, b, offset) => {
        const input = range(offset + BigInt(Math.min(a, b)), offset + BigInt(Math.max(a, b)));
        expect(inC.progress(NONE, input)).toEqual(inAssemblyScript.progress(NONE, input));
        const output = inC.run(NONE, input);
        expect(output).toEqual(inAssemblyScript.run(NONE, input));
        for (const outputs of [[], [output], [output, output, output]]) {
          expect(inC.reduce(NONE, outputs)).toEqual(inAssemblyScript.reduce(NONE, outputs));
        }
      }),
      { numRuns: 6 },
    );
  });

  it('refuses what the AssemblyScript kernel refuses, in the same way', () => {
    for (const kernel of [inC, inAssemblyScript]) {
      for (const bad of [range(5n, 4n), range(0n, 100_000_000_000_001n), range(0n, 5_000_000_000n)]) {
        expect(() => kernel.run(NONE, bad)).toThrow(new KernelFailure('shoal_init returned -2'));
      }
      expect(() => kernel.run(NONE, Uint8Array.of(1, 2, 3))).toThrow(WebAssembly.RuntimeError);
      expect(() => kernel.reduce(NONE, [new Uint8Array(9)])).toThrow(KernelFailure);
      expect(() => kernel.reduce(NONE, [new Uint8Array(7)])).toThrow(WebAssembly.RuntimeError);
    }
  });
});

describe('shoal.h', () => {
  const echo = readModule('test/kernels/c/echo');
  const number = (size: number, write: (view: DataView) => void): Buffer => {
    const bytes = Buffer.alloc(size);
    write(new DataView(bytes.buffer, bytes.byteOffset, size));
    return bytes;
  };
  const u32 = (value: number): Buffer => number(4, (view) => view.setUint32(0, value, true));
  const head = Buffer.concat([
    Buffer.of(0xfe),
    number(2, (view) => view.setUint16(0, 0xfedc, true)),
    number(8, (view) => view.setBigInt64(0, -(2n ** 62n) - 3n, true)),
    number(4, (view) => view.setFloat32(0, -0.1, true)),
  ]);
  const parameters = { u32: 0xffff_fffe, u64: '18446744073709551613', i32: -2_000_000_001, f64: -1.1e-300 };
  const parameterBytes = Buffer.concat([
    u32(parameters.u32),
    number(8, (view) => view.setBigUint64(0, 18_446_744_073_709_551_613n, true)),
    number(4, (view) => view.setInt32(0, parameters.i32, true)),
    number(8, (view) => view.setFloat64(0, parameters.f64, true)),
  ]);
  const input = (blocks: readonly Buffer[]): Buffer =>
    Buffer.concat([
      head,
      Buffer.of(1, 2, 3),
      u32(blocks.length),
      ...blocks.flatMap((bytes) => [u32(bytes.length), bytes]),
    ]);
  const output = (blocks: readonly Buffer[]): Buffer =>
    Buffer.concat([
      ...[parameterBytes, head, ...blocks.flatMap((bytes) => [u32(bytes.length), bytes])],
      ...[u32(blocks.length), u32(0), u32(0)],
    ]);
  const block = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * 167 + length) % 256));

  const echoVectors = (): string => {
    const cases = [[], [0], [1, 2, 3], [900, 100, 5000, 0, 17, 20_000, 1, 9000]].map((lengths) => {
      const blocks = lengths.map(block);
      return {
        name: `blocks of ${lengths.join(', ') || 'nothing'}`,
        arguments: parameters,
        input: { hex: input(blocks).toString('hex') },
        expected: { hex: output(blocks).toString('hex') },
      };
    });
    const short = input([block(5)])
      .subarray(0, -1)
      .toString('hex');
    const trapping = {
      name: 'a byte too few',
      arguments: parameters,
      input: { hex: short },
      expected: { ends: 'trap' },
    };
    return JSON.stringify({ cases: [...cases, trapping] });
  };

  it('reads and writes every type, skips, moves a full output, and merges, as `shoal kernel test` sees it', async () => {
    const primes = new Kernel(fromRoot('kernels/c/prime-count'));
    const kinds = await withSandbox(async (pool, keep) => {
      const results: CaseResult[] = [];
      const onResult = (result: CaseResult): void => void results.push(result);
      for (const [manifest, wasm, text] of [
        [ECHO, echo, echoVectors()],
        [primes.manifest, primes.wasm, readFileSync(fromRoot('kernels/c/prime-count/vectors.json'), 'utf8')],
      ] as const) {
        await checkKernel({ manifest, wasm, vectors: parseVectors(text, { manifest }), pool, keep, onResult });
      }
      expect(results.flatMap(({ name, problems }) => problems.map(({ what }) => `${name}: ${what}`))).toEqual([]);
      return results.map(({ kind }) => kind);
    });
    expect(kinds).toEqual([...new Array<string>(5 + 9).fill('case'), 'merge', 'rule']);
  });

  it('has no room for more than its memory, and says so', () => {
    const module = new WebAssembly.Module(echo);
    const alloc = (n: number): number => {
      const { exports } = new WebAssembly.Instance(module);
      return (exports.shoal_alloc as (n: number) => number)(n) >>> 0;
    };
    for (const n of [256 * 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 16, 2 ** 32 - 1]) expect(alloc(n)).toBe(0);
    for (const n of [0, 1, 65_536, 250 * 65_536]) expect(alloc(n)).toBeGreaterThan(65_535);
  });
});

const CLANG = '/usr/bin/clang-19';
const missing = [CLANG, '/usr/bin/wasm-ld-19'].find((file) => !existsSync(file));

describe.skipIf(missing !== undefined && process.env.CI !== 'true')('building again (needs clang-19, lld-19)', () => {
  const header = readFileSync(fromRoot('kernels/sdk/shoal.h'), 'utf8');
  /** The command at the head of the header, without its names of files. */
  const flags = (/clang-19 (--target[\s\S]*?) -o kernel\.wasm kernel\.c/.exec(header)?.[1] ?? '')
    .split(/[\s*\\]+/)
    .filter((word) => word !== '');
  const clang = (...words: readonly string[]): string =>
    // clang runs a `wasm-opt` where it finds one, and the one of npm is not part of this.
    execFileSync(CLANG, words, { cwd: ROOT, env: { PATH: '/usr/bin:/bin' }, encoding: 'utf8', stdio: 'pipe' });
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'shoal-c-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(Object.keys(MODULES) as ModuleName[])('gives the committed bytes, without a warning: %s', (name) => {
    const out = path.join(folder, 'again.wasm');
    clang(...flags, '-Wall', '-Wextra', '-Werror', '-o', out, `${name}.c`);
    expect(Buffer.compare(readFileSync(out), readModule(name))).toBe(0);
  });

  it('compiles the example at the head of the header, which adds up', () => {
    const lines = header
      .slice(header.indexOf('#define SHOAL_IMPLEMENTATION'), header.indexOf('To compile'))
      .split('\n');
    writeFileSync(
      path.join(folder, 'sum.c'),
      lines
        .slice(0, -1)
        .map((line) => line.replace(/^ \* {0,3}/, ''))
        .join('\n'),
    );
    clang(...flags, '-Wall', '-Wextra', '-Werror', '-o', path.join(folder, 'kernel.wasm'), path.join(folder, 'sum.c'));
    writeFileSync(path.join(folder, 'kernel.json'), JSON.stringify(ECHO));
    const sum = new Kernel(folder);
    expect(inspect(sum.wasm)).toMatchObject({ abi: 1, hasReduce: false });
    for (const count of [0, 1, 999, 1000, 1001, 4321]) {
      const numbers = Uint32Array.from({ length: count }, (_, i) => 4_000_000_000 + i);
      let expected = 0n;
      for (const value of numbers) expected += BigInt(value);
      const bytes = new Uint8Array(numbers.buffer);
      expect(new DataView(Uint8Array.from(sum.run(NONE, bytes)).buffer).getBigUint64(0, true)).toBe(expected);
      expect(sum.progress(NONE, bytes).at(-1)).toBe(0);
    }
  });

  it('compiles the kernel of docs/KERNELS.md by the command that stands there, which is the one of the header', () => {
    const document = readFileSync(fromRoot('docs/KERNELS.md'), 'utf8');
    const [, source, command] = /```c\n([\s\S]*?)```[\s\S]*?```sh\nclang-19 ([\s\S]*?)```/.exec(document) ?? [];
    expect(command!.split(/[\s\\]+/).filter((word) => word !== '')).toEqual([
      ...flags,
      '-o',
      'kernel.wasm',
      'kernel.c',
    ]);
    writeFileSync(path.join(folder, 'sum.c'), source!);
    clang(...flags, '-Wall', '-Wextra', '-Werror', '-o', path.join(folder, 'kernel.wasm'), path.join(folder, 'sum.c'));
    writeFileSync(path.join(folder, 'kernel.json'), JSON.stringify(ECHO));
    const sum = new Kernel(folder);
    const u64 = (value: bigint): Uint8Array => new Uint8Array(new BigUint64Array([value]).buffer);
    expect(inspect(sum.wasm)).toMatchObject({ abi: 1, hasReduce: true });
    expect(sum.run(NONE, Uint8Array.of(1, 2, 255))).toEqual(u64(258n));
    expect(sum.reduce(NONE, [u64(258n), u64(2n ** 40n)])).toEqual(u64(258n + 2n ** 40n));
  });

  it('is C++ too, and says what is missing where the command is another', () => {
    const only = [
      '-include',
      'kernels/sdk/shoal.h',
      '-fsyntax-only',
      '-DSHOAL_IMPLEMENTATION',
      '-Wall',
      '-Wextra',
      '-Wpedantic',
      '-Werror',
    ];
    const target = ['--target=wasm32', '-mcpu=mvp', '-ffreestanding'];
    clang(...target, '-mbulk-memory', ...only, '-std=c++11', '-x', 'c++', '/dev/null');
    expect(() => clang(...target, ...only, '-x', 'c', '/dev/null')).toThrow(/compile with -mbulk-memory/);
  });
});
