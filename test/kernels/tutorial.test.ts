/** The tutorial of docs/KERNELS.md works as printed: its two files build, and the kernel counts. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildKernel } from '../../kernels/build.ts';
import { encodeParameters, resolveArguments } from '../../node/sdk/arguments.ts';
import { formatResult } from '../../node/sdk/format.ts';
import { joinOutputs } from '../../node/sdk/join.ts';
import { splitTasks } from '../../node/sdk/split.ts';
import { Kernel } from './host.ts';

const document = readFileSync(new URL('../../docs/KERNELS.md', import.meta.url), 'utf8');

function codeBlock(language: string): string {
  const block = new RegExp(`\n\`\`\`${language}\n(.*?)\`\`\`\n`, 's').exec(document)?.[1];
  if (block === undefined) throw new Error(`docs/KERNELS.md has no block of ${language}`);
  return block;
}

describe('the first kernel of docs/KERNELS.md', () => {
  const base = mkdtempSync(path.join(tmpdir(), 'shoal-tutorial-'));
  const folder = path.join(base, 'my-kernel');
  let kernel: Kernel;

  beforeAll(async () => {
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'index.ts'), codeBlock('ts'));
    writeFileSync(path.join(folder, 'kernel.json'), codeBlock('json'));
    await buildKernel(folder, folder);
    kernel = new Kernel(folder);
  });

  afterAll(() => rmSync(base, { recursive: true }));

  it.each([undefined, 32])('counts a byte of that document: %o', async (byte) => {
    const { manifest } = kernel;
    const values = resolveArguments(manifest, byte === undefined ? {} : { byte });
    const parameters = encodeParameters(manifest, values);
    const file = Buffer.from(document.repeat(20));
    const plan = splitTasks(manifest, values, { file });
    expect(plan.count).toBeGreaterThan(2);
    const outputs = Array.from(plan.inputs, (input) => kernel.run(parameters, input));
    const reduce = async (parts: readonly Uint8Array[]) => kernel.reduce(parameters, parts);
    const result = await joinOutputs({ manifest, values, outputs, reduce });
    expect(formatResult(result)).toBe(String(file.filter((other) => other === (byte ?? 101)).length));
  });
});
