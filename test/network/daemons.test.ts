/** Real daemons on loopback: they find each other through the first one, and do a lone tiny job at once. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTinyJob } from '../demonstration/latency.ts';
import { Swarm, type SwarmPeer } from '../demonstration/swarm.ts';

let swarm: Swarm;
let submitter: SwarmPeer;

beforeAll(async () => {
  swarm = await Swarm.create();
  submitter = await swarm.start('peer 1');
  await Promise.all(['peer 2', 'peer 3', 'peer 4'].map((name) => swarm.start(name)));
}, 120_000);
afterAll(() => swarm.stop());

describe('four daemons', () => {
  it('that know only the first one all meet', { timeout: 90_000 }, async () => {
    await swarm.connected();
    for (const { client } of swarm.running) {
      expect((await client.peers()).filter(({ connected }) => connected)).toHaveLength(3);
    }
  });

  it('agree on a lone tiny job without the submitter', { timeout: 90_000 }, async () => {
    await swarm.connected();
    // Once every peer's sandbox has come up: before that the submitter may rightly be the first that is ready.
    await runTinyJob(submitter, 100);
    for (let seed = 0; seed < 3; seed++) {
      const { label, authors } = await runTinyJob(submitter, seed);
      expect(label).toBe('quorum 2/2');
      expect(new Set(authors).size).toBe(2);
      expect(authors).not.toContain(submitter.key);
    }
  });
});
