/** Every kernel against its vectors, and against the promises of the ABI that hold for all kernels. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type ArgumentInputs, encodeParameters, resolveArguments } from '../../node/sdk/arguments.ts';
import { KERNELS, Kernel } from './host.ts';
import { readVectors } from './vectors.ts';

const ABI_EXPORTS = [
  'memory',
  'shoal_abi',
  'shoal_alloc',
  'shoal_init',
  'shoal_out_len',
  'shoal_out_ptr',
  'shoal_step',
];

describe.each(KERNELS)('%s', (name) => {
  const kernel = new Kernel(name);

  it('imports nothing and exports the ABI', () => {
    expect(WebAssembly.Module.imports(kernel.module)).toEqual([]);
    const names = WebAssembly.Module.exports(kernel.module).map((item) => item.name);
    expect(names).toEqual(expect.arrayContaining(ABI_EXPORTS));
    expect(names.includes('shoal_reduce')).toBe(kernel.manifest.result.join === 'reduce');
  });

  it.each(readVectors(kernel.manifest))('computes: $name', (vector) => {
    const output = kernel.run(vector.parameters, vector.input);
    if (vector.expected !== undefined) expect(Buffer.from(output)).toEqual(Buffer.from(vector.expected));
    expect(createHash('sha256').update(output).digest('hex')).toBe(vector.sha256);
  });

  it('gives one output whatever the step quantum, and counts steps down to 0', () => {
    for (const vector of readVectors(kernel.manifest).slice(0, 4)) {
      const output = kernel.run(vector.parameters, vector.input, 1);
      expect(output).toEqual(kernel.run(vector.parameters, vector.input, 1_000_000));
      const left = kernel.progress(vector.parameters, vector.input);
      const total = left[0] as number;
      expect(total).toBeGreaterThan(0);
      expect(left).toEqual(Array.from({ length: total + 1 }, (_, done) => total - done));
    }
  });

  it('traps on an input that is too short for its head', () => {
    const needsRange = kernel.manifest.tasks.from === 'range' && kernel.manifest.tasks.end === 'to';
    const needed: ArgumentInputs = name === 'k-means' ? { clusters: 1, dimensions: 1 } : {};
    const values = resolveArguments(kernel.manifest, needsRange ? { to: 10 } : needed);
    const parameters = encodeParameters(kernel.manifest, values);
    const short =
      parameters.length > 0 ? { parameters: parameters.subarray(0, 2), input: new Uint8Array(0) } : undefined;
    const run = () => kernel.run(short?.parameters ?? parameters, short?.input ?? Uint8Array.of(1, 2, 3));
    expect(run).toThrow(WebAssembly.RuntimeError);
  });
});
