/** The command line of the simulator: what it prints, how it refuses, and which exit code says what. */
import { describe, expect, it } from 'vitest';
import { createPeer } from '../../node/protocol/peer.ts';
import { runCommand } from '../simulator/command.ts';
import type { PeerFactory } from '../simulator/peer.ts';
import type { Report } from '../simulator/simulation.ts';

const SMALL = '--peers 6 --units 6 --tasks-per-unit 2 --unit-ms 500';

async function simulate(flags: string, factory: PeerFactory = createPeer) {
  const said = { out: '', err: '' };
  const code = await runCommand(flags.split(' '), factory, {
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
  });
  return { ...said, code };
}

describe('simulate', () => {
  it('prints the seed and what was drawn first, then what came out', async () => {
    const { code, out } = await simulate(`${SMALL} --liars 0.2 --churn 1 --seed 7`);
    expect(code).toBe(0);
    const lines = out.split('\n');
    expect(lines[0]).toBe('seed 7');
    expect(lines.findIndex((line) => /^ {2}liars: peers \d/.test(line))).toBeLessThan(6);
    expect(lines.findIndex((line) => /killed, back after/.test(line))).toBeLessThan(8);
    for (const word of [
      'wrong accepted   0',
      'executions',
      'statements',
      'hold',
      'virtual time',
      'real time',
      'trace',
    ]) {
      expect(out).toContain(word);
    }
  });

  it('gives all of it as JSON', async () => {
    const { code, out } = await simulate(`${SMALL} --json --seed 8`);
    expect(code).toBe(0);
    const report = JSON.parse(out) as Report;
    expect(report).toMatchObject({ outcome: 'ok', units: { agreed: 6, open: 0 }, wrongAccepted: 0, violations: [] });
    expect(report.traceHash).toMatch(/^[0-9a-f]{32}$/);
    expect(report.executionsPerUnit).toBeGreaterThanOrEqual(2);
    expect(report.virtualMs).toBeGreaterThan(500);
    expect(JSON.parse((await simulate(`${SMALL} --json --seed 8`)).out).traceHash).toBe(report.traceHash);
  });

  it('tells a safety failure by its code, and how to repeat it', async () => {
    // Two colluders among two volunteers own every quorum that the submitter does not take part in.
    const flags = '--peers 4 --units 4 --tasks-per-unit 2 --unit-ms 500 --colluders 0.75 --seed 3';
    const { code, err } = await simulate(flags);
    expect(code).toBe(4);
    expect(err).toMatch(/^safety: .*wrong result/m);
    expect(err).toContain(`repeat with: npm run simulate -- --seed 3 --peers 4 --units 4`);
    expect(err).toContain('--colluders 0.75');
  });

  it('tells a job that does not finish', async () => {
    const { code, err } = await simulate(`${SMALL} --within-ms 300`);
    expect(code).toBe(5);
    expect(err).toMatch(/^liveness: 0 of 6 units/m);
  });

  it('tells an exception in the rules', async () => {
    const broken: PeerFactory = (options) => {
      const peer = createPeer(options);
      return {
        self: peer.self,
        handle: (event, now) => {
          if (event.type === 'executed') throw new Error('a broken rule');
          return peer.handle(event, now);
        },
        nextDeadline: () => peer.nextDeadline(),
        view: (now) => peer.view(now),
        jobView: (job, now) => peer.jobView(job, now),
      };
    };
    const { code, err } = await simulate(SMALL, broken);
    expect(code).toBe(3);
    expect(err).toContain('a broken rule');
  });

  it('passes on why a job is refused', async () => {
    const refusing: PeerFactory = (options) => {
      const peer = createPeer(options);
      const handle: typeof peer.handle = (event, now) => {
        if (event.type !== 'job-submitted') return peer.handle(event, now);
        const { ticket } = event;
        return [
          { type: 'notify', notification: { type: 'job-refused', ticket, code: 'invalid-job', detail: 'too odd' } },
        ];
      };
      return {
        self: peer.self,
        handle,
        nextDeadline: () => peer.nextDeadline(),
        view: (now) => peer.view(now),
        jobView: (job, now) => peer.jobView(job, now),
      };
    };
    const { code, err } = await simulate(SMALL, refusing);
    expect(code).toBe(2);
    expect(err).toContain('too odd');
  });

  it('calls it a crash when a deadline is never moved on', async () => {
    const stuck: PeerFactory = (options) => {
      const peer = createPeer(options);
      let now = 0;
      return {
        self: peer.self,
        handle: (event, at) => {
          now = at;
          return peer.handle(event, at);
        },
        nextDeadline: () => now,
        view: (at) => peer.view(at),
        jobView: (job, at) => peer.jobView(job, at),
      };
    };
    const { code, err } = await simulate('--peers 2 --units 1', stuck);
    expect(code).toBe(3);
    expect(err).toContain('time stands still');
  });

  it.each([
    ['--peers many', '--peers'],
    ['--peers 0', '--peers'],
    ['--liars 1.5', '--liars'],
    ['--loss -1', '--loss'],
    ['--unit-ms', '--unit-ms'],
    ['--preset lan', '--preset'],
    ['--speed 3', '--speed'],
    ['extra', 'too many arguments'],
    ['--quorum 3 --replicas 2', '--replicas 2 is below --quorum 3'],
    ['--quorum 1', '--quorum 1 needs --preset private'],
    ['--peers 3 --liars 1', '--liars'],
    ['--peers 1 --churn 1', '--churn'],
  ])('refuses %s and names what is wrong', async (flags, named) => {
    const { code, err, out } = await simulate(flags);
    expect(code).toBe(2);
    expect(err).toContain(named);
    expect(out).toBe('');
  });

  it('explains itself', async () => {
    const { code, out } = await simulate('--help');
    expect(code).toBe(0);
    expect(out).toContain('--withholders');
    expect(out).toContain('Exit codes');
  });
});
