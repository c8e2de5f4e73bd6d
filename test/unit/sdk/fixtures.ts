/** Manifests for tests, made from one valid one. */
import { checkManifest, type KernelManifest } from '../../../node/sdk/manifest.ts';

export const VALID = {
  name: 'echo',
  title: 'Echo',
  purpose: 'Gives back what it is given.',
  version: '1.2.3',
  abi: 1,
  parameters: [
    { name: 'small', type: 'u32', default: 7, min: 1, max: 100, description: 'A small number.' },
    { name: 'large', type: 'u64', default: '18446744073709551615', description: 'A large number.' },
    { name: 'signed', type: 'i32', default: -2, min: -5, description: 'A number with a sign.' },
    { name: 'real', type: 'f64', default: 0.5, max: 1.5, description: 'A real number.' },
  ],
  tasks: { from: 'file', split: 'lines', bytesPerTask: 10 },
  result: { join: 'concat', show: 'bytes' },
  limits: {
    fuelPerTaskMax: 1000,
    memoryPagesMax: 2,
    inputBytesPerTaskMax: 100,
    outputBytesPerTaskMax: 1000,
    stepQuantum: 16,
    tasksPerUnit: 3,
  },
  expected: { taskMs: 2.5, times: 'small' },
} as const;

export function manifest(changes: Record<string, unknown> = {}): KernelManifest {
  return checkManifest({ ...VALID, ...changes });
}

const REDUCE = { fuelMax: 1000, memoryPagesMax: 4, outputBytesMax: 1000 };

export function withReduce(): KernelManifest {
  return manifest({ result: { join: 'reduce', show: 'counts' }, limits: { ...VALID.limits, reduce: REDUCE } });
}

export function rangeManifest(step: number): KernelManifest {
  return manifest({
    parameters: [],
    arguments: [
      { name: 'from', type: 'u64', default: 0, description: 'First.' },
      { name: 'to', type: 'u64', description: 'End.' },
    ],
    tasks: { from: 'range', start: 'from', end: 'to', step, stepMax: 10_000 },
    expected: { taskMs: 1 },
  });
}

export function gridManifest(bytesPerPixel: 1 | 2 = 1): KernelManifest {
  return manifest({
    parameters: [
      { name: 'width', type: 'u32', description: 'Width.' },
      { name: 'height', type: 'u32', description: 'Height.' },
    ],
    tasks: { from: 'grid', width: 'width', height: 'height', tileWidth: 4, tileHeight: 3 },
    result: { join: 'grid', show: 'picture', bytesPerPixel },
    expected: { taskMs: 1 },
  });
}
