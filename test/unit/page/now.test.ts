/** One headline for what a peer does: for whom, or why not. */
import { describe, expect, it } from 'vitest';
import { nowOf } from '../../../browser/page/model/now.ts';
import { shortPeerName } from '../../../browser/page/model/words.ts';
import { job, jobView, peer, peerView, SELF, unit } from './fixtures.ts';

const running = { job: job('1'), unit: 3, phase: 'executing', sinceMs: 9_000 };

describe('now', () => {
  it('names the job and whom it is for', () => {
    const row = jobView([unit(0)], { own: false, submitter: peer('b') });
    const now = nowOf(peerView({ jobs: [row], replicas: [running, { ...running, unit: 4 }] }));
    expect(now.mood).toBe('working');
    expect(now.headline).toBe(`Computing 2 units of “Prime count” for ${shortPeerName(peer('b'))}.`);
    expect(now.running.map(({ unit: index }) => index)).toEqual([3, 4]);
  });

  it('says "for you" of an own job, and counts what waits for others', () => {
    const replicas = [
      running,
      { ...running, unit: 4, phase: 'committed' },
      { ...running, unit: 5, phase: 'committed' },
    ];
    const now = nowOf(peerView({ jobs: [jobView([unit(0)], { submitter: SELF })], replicas }));
    expect(now.headline).toBe('Computing 1 unit of “Prime count” for you.');
    expect(now.held).toEqual([{ doing: 'sealed, waiting for others', units: 2 }]);
  });

  it('shows how far a unit has come, and that it went on where it was', () => {
    const progress = { tasksDone: 1, tasks: 4, stepsDone: 5, steps: 10, resumedAt: 0 };
    const replicas = [
      running,
      { ...running, unit: 4, progress },
      { ...running, unit: 5, progress: { ...progress, resumedAt: 0.25 } },
    ];
    const shown = nowOf(peerView({ replicas })).running.map(({ doing, part }) => ({ doing, part }));
    expect(shown).toEqual([
      { doing: 'computing', part: undefined },
      { doing: 'computing', part: 0.375 },
      { doing: 'computing from where it was', part: 0.375 },
    ]);
  });

  it('gives the first reason as headline where it idles, with its advice', () => {
    const now = nowOf(peerView({ why: [{ code: 'no-peers' }, { code: 'no-job' }] }));
    expect(now.mood).toBe('idle');
    expect(now.headline).toBe('No other peer is connected.');
    expect(now.reasons[0]?.text).toContain('--bootstrap');
    expect(now.reasons[1]?.text).toContain('no job');
  });

  it('says why it is paused, before everything else, and nothing of what it would wait for', () => {
    const why = [{ code: 'no-job' }, { code: 'no-peers' }, { code: 'paused', reasons: ['battery', 'hidden'] }] as const;
    const now = nowOf(peerView({ paused: ['battery'], why, replicas: [running] }));
    expect(now.mood).toBe('paused');
    expect(now.headline).toBe('Paused to save the battery and while the page is hidden.');
    expect(now.reasons.map(({ text }) => text)).toEqual(['no other peer is connected']);
  });

  it('waits where everything it has is with others', () => {
    const now = nowOf(peerView({ replicas: [{ ...running, phase: 'revealed' }] }));
    expect(now).toMatchObject({ mood: 'waiting', headline: 'Waiting for others.', running: [] });
  });
});
