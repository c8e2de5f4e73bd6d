import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SdkError } from '../../../node/sdk/error.ts';
import { checkManifest, parseManifest } from '../../../node/sdk/manifest.ts';
import { VALID } from './fixtures.ts';

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(SdkError);
    expect((error as SdkError).code).toBe('manifest-invalid');
    return (error as SdkError).message;
  }
  throw new Error('was accepted');
}

describe('manifest', () => {
  it('accepts a valid one and every kernel of this package', () => {
    expect(checkManifest(VALID)).toEqual(VALID);
    for (const [folder, least] of [
      ['../../../kernels/', 10],
      ['../../../kernels/templates/', 4],
    ] as const) {
      const kernels = new URL(folder, import.meta.url);
      const names = readdirSync(kernels).filter((name) => existsSync(new URL(`${name}/kernel.json`, kernels)));
      expect(names.length).toBeGreaterThanOrEqual(least);
      for (const name of names) {
        const file = new URL(`${name}/kernel.json`, kernels);
        expect(parseManifest(readFileSync(file, 'utf8'), file.pathname).name).toBe(name);
      }
    }
  });

  const { tasks: _tasks, ...withoutTasks } = VALID;
  const parameter = VALID.parameters[0];
  it.each<[string, unknown, string]>([
    ['no object', 7, 'the whole file'],
    ['a key too many', { ...VALID, colour: 'red' }, 'colour'],
    ['no tasks', withoutTasks, 'tasks'],
    ['a bad name', { ...VALID, name: 'My Kernel' }, 'name: must be lower-case'],
    ['another ABI', { ...VALID, abi: 2 }, 'abi'],
    ['a version without dots', { ...VALID, version: '1' }, 'version: must be like 1.0.0'],
    ['a long title', { ...VALID, title: 'é'.repeat(65) }, 'title: must be at most 128 bytes'],
    ['an unknown type', { ...VALID, parameters: [{ ...parameter, type: 'u8' }] }, 'parameters[0].type'],
    [
      'a default out of its type',
      { ...VALID, parameters: [{ ...parameter, default: -1 }] },
      'parameters[0].default: must be from 0',
    ],
    [
      'a fraction for a u32',
      { ...VALID, parameters: [{ ...parameter, max: 1.5 }] },
      'parameters[0].max: must be a whole number',
    ],
    [
      'an inexact number',
      { ...VALID, parameters: [{ ...parameter, type: 'u64', max: 2 ** 60 }] },
      'parameters[0].max: is too large',
    ],
    ['a name twice', { ...VALID, parameters: [parameter, parameter] }, 'declares small twice'],
    ['an unknown split', { ...VALID, tasks: { from: 'file', split: 'words' } }, 'tasks.split'],
    ['no size of tasks', { ...VALID, tasks: { from: 'file', split: 'lines' } }, 'tasks.bytesPerTask: is needed'],
    [
      'an unknown range argument',
      { ...VALID, tasks: { from: 'range', start: 'small', end: 'end', step: 1, stepMax: 9 } },
      'tasks.end: names end',
    ],
    [
      'a range argument of another type',
      { ...VALID, tasks: { from: 'range', start: 'small', end: 'large', step: 1, stepMax: 9 } },
      'tasks.start: names small, which is u32',
    ],
    [
      'a picture without a grid',
      { ...VALID, result: { join: 'grid', show: 'picture', bytesPerPixel: 1 } },
      'result.join: is "grid" but',
    ],
    ['a grid shown as a number', { ...VALID, result: { join: 'grid', show: 'u64' } }, 'result.show'],
    ['a merge without limits', { ...VALID, result: { join: 'reduce', show: 'u64' } }, 'limits.reduce: is needed'],
    ['too much fuel', { ...VALID, limits: { ...VALID.limits, fuelPerTaskMax: 2 ** 44 } }, 'limits.fuelPerTaskMax'],
    ['no memory', { ...VALID, limits: { ...VALID.limits, memoryPagesMax: 0 } }, 'limits.memoryPagesMax'],
    ['an estimate over an unknown name', { ...VALID, expected: { taskMs: 1, times: 'x' } }, 'expected.times: names x'],
  ])('refuses %s, naming file and key', (_what, value, message) => {
    const text = messageOf(() => checkManifest(value, 'my/kernel.json'));
    expect(text).toContain('my/kernel.json: ');
    expect(text).toContain(message);
  });

  it('refuses what is no JSON, naming the file', () => {
    expect(messageOf(() => parseManifest('{ "name": ', 'a/kernel.json'))).toMatch(/^a\/kernel\.json: not JSON: /);
  });

  it('names every bad key at once, a line each', () => {
    const text = messageOf(() => checkManifest({ ...VALID, abi: 9, title: '' }));
    expect(text.split('\n')).toHaveLength(2);
  });
});
