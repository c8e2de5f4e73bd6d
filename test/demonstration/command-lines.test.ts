/** The three programs answer --help, and refuse what they do not know, before they start anything. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CHECKOUT, shoal } from '../support/daemon.ts';

const PROGRAMS = ['demonstration/main', 'demonstration/soak', 'bench/main'];

describe.each(PROGRAMS)('%s', (program) => {
  const entry = join(CHECKOUT, 'dist', 'test', `${program}.js`);

  it('has a help text', async () => {
    const { exitCode, stdout } = await shoal(['--help'], { entry });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Usage: npm (start|run \w+) -- (\[measurement\] )?\[options\]/);
  });

  it.each([[['--colour']], [['extra']]])('refuses %j with exit code 2', async (args) => {
    const { exitCode, stdout, stderr } = await shoal(args, { entry });
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('--help');
    expect(stderr).toContain(args[0]!);
  });
});

it.each([
  ['demonstration/main', '--seed'],
  ['demonstration/soak', '--repeat'],
])('%s refuses a %s that is no number', async (program, flag) => {
  const entry = join(CHECKOUT, 'dist', 'test', `${program}.js`);
  const { exitCode, stderr } = await shoal([flag, 'many'], { entry });
  expect(exitCode).toBe(2);
  expect(stderr).toContain(`${flag} many`);
});
