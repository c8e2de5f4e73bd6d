/**
 * The same events in give the same effects out: what a peer did in a whole simulated story, with a liar, a crash and
 * a late joiner, is played again on a fresh peer and compared, effect by effect. And time is only an argument: waking
 * too often or too late changes nothing that matters.
 */
import { describe, expect, it } from 'vitest';
import type { Effect } from '../../../../node/protocol/effect.ts';
import type { Event } from '../../../../node/protocol/event.ts';
import { createPeer, type PeerComponents } from '../../../../node/protocol/peer.ts';
import { createWorld } from '../../../scenarios/support.ts';
import { independentLiar } from '../../../simulator/adversaries.ts';
import { Bench } from '../bench.ts';
import { key, modelJob, randomFrom } from '../fixtures.ts';

interface Recording {
  readonly components: PeerComponents;
  readonly draws: number[];
  readonly steps: {
    readonly event: Event;
    readonly now: number;
    readonly effects: readonly Effect[];
    readonly next: number | undefined;
  }[];
}

/** Runs a story and records every life of every peer in it. */
async function record(): Promise<readonly Recording[]> {
  const recordings: Recording[] = [];
  const world = createWorld({
    seed: 5,
    createPeer: (components) => {
      const draws: number[] = [];
      const recording: Recording = { components, draws, steps: [] };
      recordings.push(recording);
      const random = (): number => {
        const draw = components.random();
        draws.push(draw);
        return draw;
      };
      const machine = createPeer({ ...components, random });
      return {
        self: machine.self,
        handle: (event, now) => {
          const effects = machine.handle(event, now);
          recording.steps.push(structuredClone({ event, now, effects, next: machine.nextDeadline() }));
          return effects;
        },
        nextDeadline: () => machine.nextDeadline(),
        view: (now) => machine.view(now),
        jobView: (job, now) => machine.jobView(job, now),
      };
    },
  });
  const submitter = world.addPeer({ name: 'submitter' });
  const worker = world.addPeer({ name: 'worker' });
  world.addPeer({ name: 'liar', behaviour: independentLiar(0.5) });
  await world.start();
  const job = await world.submit(submitter, { units: 8, tasksPerUnit: 4, unitMs: 500 });
  await world.run(1_500);
  worker.kill();
  const late = world.addPeer({ name: 'late' });
  await world.start([late, worker], 0);
  await world.untilFinished(job, 60_000);
  const stopped = submitter.stop();
  await world.run(1_000);
  await stopped;
  return recordings;
}

describe('a peer', () => {
  it('does the same again when the same happens to it', async () => {
    const recordings = await record();
    expect(recordings).toHaveLength(5);
    expect(recordings.reduce((sum, { steps }) => sum + steps.length, 0)).toBeGreaterThan(500);
    for (const { components, draws, steps } of recordings) {
      const again = draws.slice();
      const peer = createPeer({ ...components, random: () => again.shift()! });
      for (const [i, { event, now, effects, next }] of steps.entries()) {
        expect(structuredClone(peer.handle(event, now)), `step ${i}: ${event.type}`).toEqual(effects);
        expect(peer.nextDeadline()).toBe(next);
      }
      expect(again).toEqual([]);
    }
  }, 60_000);

  it('does nothing when it is woken although nothing is due', async () => {
    const recordings = await record();
    for (const { components, draws, steps } of recordings) {
      const again = draws.slice();
      const peer = createPeer({ ...components, random: () => again.shift()! });
      for (const { event, now, effects } of steps) {
        expect(structuredClone(peer.handle(event, now))).toEqual(effects);
        expect(peer.handle({ type: 'woke' }, now)).toEqual([]);
      }
    }
  }, 60_000);

  it('changes nothing of what it decided when it is only looked at', async () => {
    const recordings = await record();
    for (const { components, draws, steps } of recordings) {
      const again = draws.slice();
      const peer = createPeer({ ...components, random: () => again.shift()! });
      for (const { event, now, effects } of steps) {
        for (const { job } of peer.view(now).jobs) peer.jobView(job, now);
        expect(structuredClone(peer.handle(event, now))).toEqual(effects);
      }
    }
  }, 60_000);

  it('gets its work done when every wake-up is late', () => {
    const random = randomFrom(9);
    const bench = new Bench({ cores: 2 });
    const job = bench.submit(modelJob({ quorum: 1, replicas: 1, ownResults: 'never', appends: true }))!;
    bench.introduce(key('volunteer'));
    bench.advance(120_000, () => Math.floor(random() * 3_000));
    expect(bench.peer.jobView(job, bench.now)).toMatchObject({ state: 'finished', counts: { agreed: 4 } });
  });
});
