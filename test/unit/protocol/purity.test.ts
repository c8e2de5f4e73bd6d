/**
 * What keeps the house in shape and no compiler checks alone: the protocol core reads no clock, draws no chance, makes
 * no promise and uses nothing that two engines compute differently; and imports follow the arrows of ARCHITECTURE.md.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

function sources(folder: string): string[] {
  const path = join(ROOT, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .map((name) => join(path, name))
    .sort();
}

/** Comments blanked out, line by line, so that words in them are no findings and lines keep their numbers. */
function codeOf(file: string): string {
  return readFileSync(file, 'utf8')
    .replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ' '))
    .replaceAll(/(^|[\s;])\/\/[^\n]*/g, '$1');
}

function findings(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((file) =>
    codeOf(file)
      .split('\n')
      .flatMap((line, i) => (pattern.test(line) ? [`${relative(ROOT, file)}:${i + 1}: ${line.trim()}`] : [])),
  );
}

function importsOf(file: string): string[] {
  return [...codeOf(file).matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g)].map(([, target]) => target!);
}

const PROTOCOL = sources('node/protocol');

const FORBIDDEN: readonly (readonly [string, RegExp])[] = [
  ['reads no clock', /\bDate\b|\bperformance\b|\bTemporal\b|\bhrtime\b/],
  ['sets no timer', /\bset(Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\brequestAnimationFrame\b/],
  ['draws no chance of its own', /Math\.random|\brandomBytes\b|\bgetRandomValues\b|\brandomUUID\b/],
  ['makes no promise', /\bPromise\b|\basync\b|\bawait\b|\.then\(/],
  ['sorts and prints in no locale', /\.toLocale\w+|\blocaleCompare\b|\bIntl\b|\.normalize\(/],
  [
    'uses no function that engines approximate',
    /Math\.(exp|expm1|log|log2|log10|log1p|pow|sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|asinh|acosh|atanh|cbrt|hypot)\b/,
  ],
  [
    'reaches for no global of a platform',
    /(?<![#.\w])(globalThis|process|window|document|navigator|console|fetch|Buffer)\b[.(]/,
  ],
  ['encodes no text by the platform', /\bText(En|De)coder\b/],
  ['throws away no type', /\bany\b\s*[;,)>\]=]|@ts-ignore|@ts-expect-error|@ts-nocheck/],
  ['keeps no global state', /^(let|var)\s/],
];

describe('node/protocol', () => {
  it('is there to be looked at', () => {
    expect(PROTOCOL.length).toBeGreaterThan(30);
    expect(PROTOCOL.reduce((sum, file) => sum + codeOf(file).split('\n').length, 0)).toBeGreaterThan(3_000);
  });

  it.each(FORBIDDEN)('%s', (_what, pattern) => {
    expect(findings(PROTOCOL, pattern)).toEqual([]);
  });

  it('takes powers of whole numbers only, which every engine computes alike', () => {
    const powers = findings(PROTOCOL, /\*\*/).filter(
      (line) => !/\b2 \*\* (\d+|Math\.min\([a-z]+ - 1, 10\))/.test(line),
    );
    expect(powers).toEqual([]);
  });

  it('imports nothing but itself and pure libraries', () => {
    const allowed = /^(@noble\/hashes\/(sha2|hmac)\.js|@ipld\/dag-cbor|multiformats\/(cid|hashes\/digest))$/;
    const others = PROTOCOL.flatMap((file) =>
      importsOf(file)
        .filter((target) =>
          target.startsWith('.') ? !insideOf(file, target, ['node/protocol']) : !allowed.test(target),
        )
        .map((target) => `${relative(ROOT, file)}: ${target}`),
    );
    expect(others).toEqual([]);
  });

  it('compiles without a platform, and the type check includes that', () => {
    const config = JSON.parse(readFileSync(join(ROOT, 'tsconfig.protocol.json'), 'utf8')) as {
      compilerOptions: Record<string, unknown>;
      include: string[];
    };
    expect(config.compilerOptions).toEqual({ lib: ['ES2023'], types: [] });
    expect(config.include).toEqual(['node/protocol/**/*.ts']);
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    expect(scripts.typecheck).toContain('tsc -p tsconfig.protocol.json');
    execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.protocol.json'], {
      cwd: ROOT,
      stdio: 'pipe',
    });
  }, 120_000);
});

function insideOf(file: string, target: string, folders: readonly string[]): boolean {
  const path = relative(ROOT, resolve(dirname(file), target));
  return folders.some((folder) => path === folder || path.startsWith(`${folder}/`));
}

/** Who may import whom: each folder with the folders it may reach into. Its own is always allowed. */
const ARROWS: readonly (readonly [string, readonly string[]])[] = [
  ['node/protocol', []],
  ['node/runtime', ['node/protocol']],
  ['node/network', ['node/runtime', 'node/protocol']],
  ['node/sandbox', ['node/runtime', 'node/protocol']],
  ['node/sdk', ['node/runtime', 'node/protocol']],
  ['node/daemon', ['node']],
  ['browser', ['node/protocol', 'node/runtime', 'node/network', 'node/sandbox', 'node/sdk']],
  ['kernels', []],
  ['test/simulator', ['node/protocol', 'node/runtime', 'test/support']],
];

describe('imports follow the arrows', () => {
  it.each(ARROWS)('of %s', (folder, reachable) => {
    const files = sources(folder);
    const against = files.flatMap((file) =>
      importsOf(file)
        .filter((target) => target.startsWith('.') && !insideOf(file, target, [folder, ...reachable]))
        .map((target) => `${relative(ROOT, file)}: ${target}`),
    );
    expect(against).toEqual([]);
  });

  it('nothing under node/ or kernels/ imports tests', () => {
    const files = [...sources('node'), ...sources('kernels')];
    const against = files.flatMap((file) => importsOf(file).filter((target) => insideOf(file, target, ['test'])));
    expect(against).toEqual([]);
  });

  it('what tabs run too imports Node.js only where the file says so', () => {
    const shared = ['node/runtime', 'node/network', 'node/sandbox', 'node/sdk'].flatMap(sources);
    const nodeOnly = shared.filter((file) => importsOf(file).some((target) => target.startsWith('node:')));
    expect(nodeOnly.map((file) => relative(ROOT, file)).filter((file) => !/\/nodejs\.ts$/.test(file))).toEqual([]);
  });
});

describe('the guard itself', () => {
  it.each([
    ['reads no clock', 'const now = Date.now();'],
    ['sets no timer', 'setTimeout(() => 1, 5);'],
    ['draws no chance of its own', 'const x = Math.random();'],
    ['makes no promise', 'async function f() {}'],
    ['sorts and prints in no locale', 'names.sort((a, b) => a.localeCompare(b));'],
    ['uses no function that engines approximate', 'Math.log2(rank);'],
    ['reaches for no global of a platform', 'console.log(1);'],
    ['encodes no text by the platform', 'new TextEncoder().encode(text);'],
    ['throws away no type', 'const data: any = 1;'],
    ['keeps no global state', 'let counter = 0;'],
  ])('%s: it would notice', (what, line) => {
    const [, pattern] = FORBIDDEN.find(([name]) => name === what)!;
    expect(pattern.test(line)).toBe(true);
    expect(pattern.test('const answer = units.map((unit) => unit + 1);')).toBe(false);
  });

  it('sees what it should: imports of every form, and code beside comments', () => {
    const file = join(ROOT, 'test/unit/protocol/purity.test.ts');
    expect(importsOf(file)).toContain('node:fs');
    expect(importsOf(file)).toContain('vitest');
    expect(findings([file], /\bexecFileSync\(/)).toHaveLength(1);
  });
});
