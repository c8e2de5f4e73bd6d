/** From nothing to a tested kernel in three commands, as docs/KERNELS.md prints them; and every template works. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { buildFolder } from '../../node/daemon/cli/kernel/build.ts';
import { checkKernel } from '../../node/daemon/cli/kernel/check.ts';
import { findKernel } from '../../node/daemon/cli/kernel/find.ts';
import { newCommand, TEMPLATES, type Template } from '../../node/daemon/cli/kernel/new.ts';
import { withSandbox } from '../../node/daemon/cli/kernel/sandbox.ts';
import { parseVectors } from '../../node/sdk/vectors.ts';
import { shoal } from '../support/daemon.ts';

// Every command is a process of its own; on a busy machine each takes seconds.
vi.setConfig({ testTimeout: 120_000 });

const document = readFileSync(new URL('../../docs/KERNELS.md', import.meta.url), 'utf8');
let base: string;

beforeAll(() => {
  base = mkdtempSync(path.join(tmpdir(), 'shoal-tutorial-'));
});

afterAll(() => rmSync(base, { recursive: true }));

it('the three commands of docs/KERNELS.md make a tested kernel of nothing', async () => {
  const block = /## Your first kernel\n.*?\n```sh\n(.*?)```\n/s.exec(document)?.[1] ?? '';
  const lines = block.trim().split('\n');
  expect(lines.map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
    'shoal kernel new',
    'shoal kernel build',
    'shoal kernel test',
  ]);
  const folder = path.join(base, 'nothing');
  mkdirSync(folder);
  let said = '';
  for (const line of lines) {
    const [, ...args] = line.replace(/ +#.*/, '').split(' ');
    const run = await shoal(args.map((word) => (word === 'my-kernel' ? path.join(folder, word) : word)));
    expect(run.exitCode, run.stderr).toBe(0);
    said = run.stdout;
  }
  expect(readdirSync(folder)).toEqual(['my-kernel']);
  expect(said).toMatch(/^ {2}ok {4}two lines {2}.* fuel .* 32 B$/m);
  expect(said).toMatch(/^(\d+) of \1 passed: two placements of metering, three sizes of steps$/m);
});

describe.each(Object.keys(TEMPLATES) as Template[])('the template %s', (template) => {
  it('is a kernel that passes its own vectors', async () => {
    const folder = path.join(base, `a-${template}`);
    await newCommand(folder, { template, json: true });
    const built = await buildFolder(folder, template);
    expect(built).toMatchObject({ name: `a-${template}`, compiled: true, changed: [] });
    const { manifest, wasm, vectorsPath, build } = await findKernel(folder);
    expect(build?.compiled).toBe(false);
    const vectors = parseVectors(readFileSync(vectorsPath, 'utf8'), { manifest: manifest! });
    const onResult = () => undefined;
    const results = await withSandbox((pool, keep) =>
      checkKernel({ manifest: manifest!, wasm, vectors, pool, keep, onResult }),
    );
    expect(results.flatMap(({ problems }) => problems)).toEqual([]);
    expect(results.length).toBeGreaterThanOrEqual(vectors.cases.length + vectors.merges.length);
    for (const { source } of vectors.cases) expect(source).toBeTruthy();
  });
});
