/**
 * kill −9 before and after every write of a small job: of a volunteer, and of the submitter. Each time the peer comes
 * back over what its store kept, nobody hears it say two things in one slot, and the job finishes with the truth.
 */
import { describe, expect, it } from 'vitest';
import { testParameters } from '../../node/protocol/parameters.ts';
import type { SimulatedPeer } from '../simulator/peer.ts';
import type { SubmittedJob, World } from '../simulator/world.ts';
import { addHonest, correctResults, createWorld } from './support.ts';

const UNITS = 3;
type Role = 'submitter' | 'a';
type Moment = { readonly write: number; readonly when: 'before' | 'after'; readonly powerCut: boolean };

interface Ending {
  readonly world: World;
  readonly job: SubmittedJob;
  readonly victim: SimulatedPeer;
  readonly firstWrite: number;
}

async function story(role: Role, moment?: Moment): Promise<Ending> {
  const world = createWorld({ seed: 5, parameters: testParameters('crash') });
  const peers = addHonest(world, 'submitter', 'a', 'b');
  const victim = peers[role];
  let killed = moment === undefined;
  const arm = () => {
    victim.writeHook = (when, write) => {
      if (killed || moment === undefined || write !== moment.write || when !== moment.when) return;
      killed = true;
      victim.kill(moment.powerCut);
      world.clock.after(1_000, () => {
        victim.start();
        world.clock.after(1, () => world.connect(victim));
      });
    };
  };
  // What was never accepted has nothing to survive: the submitter is killed only after that.
  if (role === 'a') arm();
  await world.start();
  const job = await world.submit(peers.submitter, { units: UNITS, tasksPerUnit: 3, unitMs: 400 });
  const firstWrite = role === 'submitter' ? victim.writes : 0;
  if (role === 'submitter') arm();
  await world.until(() => job.results.size === UNITS && killed, 60_000, `all results, ${JSON.stringify(moment)}`);
  await world.run(4_000);
  return { world, job, victim, firstWrite };
}

describe.each(['a', 'submitter'] as const)('kill −9 of %s at every write', (role) => {
  it.each([
    ['before', true],
    ['after', true],
    ['after', false],
  ] as const)('%s it, unsynced writes lost: %s', async (when, powerCut) => {
    const { victim: undisturbed, firstWrite } = await story(role);
    expect(undisturbed.writes - firstWrite).toBeGreaterThan(UNITS);
    for (let write = firstWrite; write < undisturbed.writes; write++) {
      const { world, job, victim } = await story(role, { write, when, powerCut });
      const moment = `${when} write ${write}`;
      expect(victim.runs, moment).toBe(2);
      expect(correctResults(job), moment).toBe(UNITS);
      expect(world.violations, moment).toEqual([]);
      expect(job.submitter.driver.jobView(job.id)?.state, moment).toBe('finished');
    }
  });
});
