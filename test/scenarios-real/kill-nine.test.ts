/** kill -9 three times: between persist and send, from outside, and while a job is being announced. */
import { expect, it } from 'vitest';
import { killNine } from '../demonstration/kill-nine.ts';
import { openSwarm, TIMEOUT_MS } from './support.ts';

it('a killed peer comes back with its jobs and never contradicts itself', { timeout: TIMEOUT_MS }, async () => {
  const { kills, failures, commits } = await killNine(4, 3, undefined, openSwarm);
  expect(failures).toEqual([]);
  expect(kills.map(({ moment }) => moment)).toEqual(['persisted', 'any', 'announcing']);
  expect(commits).toBeGreaterThan(0);
});
