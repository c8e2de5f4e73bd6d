import { describe, expect, it } from 'vitest';
import type { JobId, PeerKey } from '../../../node/protocol/ids.ts';
import type { JobRow, PeerRow, PeerView } from '../../../node/protocol/view.ts';
import { METRICS, renderMetrics } from '../../../node/runtime/metrics.ts';

const counts = { open: 1, claimed: 2, committed: 3, revealed: 4, disputed: 5, agreed: 6, own: 7, satisfied: 8 };

const peer = (change: Partial<PeerRow>): PeerRow => ({
  peer: 'aa' as PeerKey,
  address: '',
  addresses: [],
  agent: '',
  connected: true,
  incompatible: undefined,
  roundTripMs: 4,
  cores: 1,
  offences: 0,
  ...change,
});

const job = (change: Partial<JobRow>): JobRow => ({
  job: 'j' as JobId,
  submitter: 'aa' as PeerKey,
  own: false,
  title: 't',
  state: 'running',
  units: 36,
  tasks: 36,
  counts,
  roster: 1,
  quorum: 2,
  fuel: 0,
  executions: 0,
  submittedAtMs: 0,
  finishedAtMs: undefined,
  refuted: [],
  why: [],
  ...change,
});

const view: PeerView = {
  self: 'aa' as PeerKey,
  nowMs: 0,
  cores: 2,
  paused: ['battery'],
  observer: undefined,
  holdMs: 250,
  peers: [
    peer({}),
    peer({ roundTripMs: 12 }),
    peer({ connected: false, offences: 3 }),
    peer({ incompatible: 'v2', roundTripMs: undefined }),
  ],
  jobs: [job({}), job({ state: 'finished' })],
  replicas: [],
  totals: { unitsExecuted: 9, unitsCounted: 8, fuelExecuted: 7, statements: 6 },
  why: [],
};

describe('metrics', () => {
  it('are all derived from the view', () => {
    const text = renderMetrics(view);
    const lines = text.split('\n');
    for (const line of [
      'shoal_peers_connected 2',
      'shoal_peers_incompatible 1',
      'shoal_peers_known 4',
      'shoal_round_trip_seconds_max 0.012',
      'shoal_hold_seconds 0.25',
      'shoal_paused 1',
      'shoal_observer 0',
      'shoal_jobs{state="running"} 1',
      'shoal_jobs{state="finished"} 1',
      'shoal_jobs{state="cancelled"} 0',
      'shoal_units{state="disputed"} 10',
      'shoal_units_executed_total 9',
      'shoal_fuel_executed_total 7',
      'shoal_offences 3',
    ]) {
      expect(lines).toContain(line);
    }
  });

  it('follow the exposition format', () => {
    const text = renderMetrics(view);
    expect(text.endsWith('\n')).toBe(true);
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(
        /^(# HELP shoal_\w+ .+|# TYPE shoal_\w+ (gauge|counter)|shoal_\w+(\{\w+="[^"]*"\})? -?[\d.e+-]+)$/,
      );
    }
  });

  it('have each name once, and `_total` exactly on counters', () => {
    expect(new Set(METRICS.map(({ name }) => name)).size).toBe(METRICS.length);
    for (const { name, kind } of METRICS) expect(name.endsWith('_total')).toBe(kind === 'counter');
  });
});
