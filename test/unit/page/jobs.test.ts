/** Jobs, their units as cells, and who did and checked what. */
import { describe, expect, it } from 'vitest';
import { cellsOf, gridLabel } from '../../../browser/page/model/cells.ts';
import { checkGraph } from '../../../browser/page/model/checks.ts';
import { contributions, doneUnits, focusOf, labelOf, shareOf, sorted } from '../../../browser/page/model/jobs.ts';
import type { Digest } from '../../../node/protocol/ids.ts';
import type { PeerRow } from '../../../node/protocol/view.ts';
import { agreed, countsOf, job, jobView, peer, peerView, SELF, unit } from './fixtures.ts';

const [B, C] = [peer('b'), peer('c')];

describe('rows', () => {
  it('count every state with a result as done', () => {
    const rows = [agreed(0, SELF, B), unit(1, { state: 'own' }), unit(2, { state: 'satisfied' }), unit(3)];
    expect(doneUnits(jobView(rows))).toBe(3);
  });

  it('say what stands behind results', () => {
    const label = (...states: ('agreed' | 'own' | 'open')[]) =>
      labelOf({ quorum: 2, counts: countsOf(states.map((state) => ({ state }))) });
    expect(label('open')).toBeUndefined();
    expect(label('agreed', 'open')).toBe('quorum 2');
    expect(label('own')).toBe('own');
    expect(label('agreed', 'agreed', 'own')).toBe('quorum 2 (2), own (1)');
  });

  it('put active jobs first and look at the one this peer works on', () => {
    const ended = jobView([], { job: job('1'), state: 'finished', submittedAtMs: 9 });
    const old = jobView([], { job: job('2'), submittedAtMs: 1 });
    const late = jobView([], { job: job('3'), submittedAtMs: 5 });
    const view = peerView({ jobs: [ended, old, late] });
    expect(sorted(view.jobs).map((row) => row.job)).toEqual([late.job, old.job, ended.job]);
    expect(focusOf(view)).toBe(late.job);
    const busy = { ...view, replicas: [{ job: old.job, unit: 0, phase: 'executing', sinceMs: 0 }] };
    expect(focusOf(busy)).toBe(old.job);
    expect(focusOf(peerView())).toBeUndefined();
  });
});

describe('contributions', () => {
  const rows = [agreed(0, SELF, B), agreed(1, B, C), agreed(2, SELF, B)];

  it('are ordered by what counts, and name the refuted', () => {
    const view = jobView(rows, { refuted: [{ author: peer('d'), units: 1 }] });
    const found = contributions(view);
    expect(found.map((entry) => [entry.peer, entry.counted])).toEqual([
      [B, 3],
      [SELF, 2],
      [C, 1],
      [peer('d'), 0],
    ]);
    expect(found.at(-1)?.isRefuted).toBe(true);
  });

  it('give the share of one peer, once something counts', () => {
    expect(shareOf(SELF, jobView(rows))).toBeCloseTo(2 / 6);
    expect(shareOf(peer('e'), jobView(rows))).toBe(0);
    expect(shareOf(SELF, jobView([unit(0)]))).toBeUndefined();
  });
});

describe('cells', () => {
  it('are one for each unit where they fit', () => {
    const cells = cellsOf(jobView([agreed(0, SELF, B), unit(1)]));
    expect(cells.map(({ state }) => state)).toEqual(['agreed', 'open']);
    expect(cells[0]?.text).toBe('unit 0: agreed');
  });

  it('stand for several beyond that: the least far shows, a dispute always', () => {
    const rows = [
      agreed(0, SELF),
      unit(1, { state: 'claimed' }),
      unit(2),
      unit(3, { state: 'disputed' }),
      agreed(4, B),
    ];
    const cells = cellsOf(jobView(rows), 3);
    expect(cells.map(({ first, last, state }) => [first, last, state])).toEqual([
      [0, 1, 'claimed'],
      [2, 3, 'disputed'],
      [4, 4, 'agreed'],
    ]);
    expect(cells[0]?.text).toBe('units 0 to 1: 1 claimed, 1 agreed');
  });

  it('never are more than asked for', () => {
    const rows = Array.from({ length: 65_536 }, (_, index) => unit(index));
    expect(cellsOf(jobView(rows)).length).toBeLessThanOrEqual(1_024);
  });

  it('are told in words', () => {
    expect(gridLabel([unit(0), agreed(1, B), agreed(2, B)])).toBe('3 units: 1 open, 2 agreed');
  });
});

describe('who checks whom', () => {
  const connected = (key: typeof B): PeerRow => ({
    peer: key,
    address: '',
    addresses: [],
    agent: '',
    connected: true,
    incompatible: undefined,
    roundTripMs: undefined,
    cores: 1,
    offences: 0,
  });

  it('links peers that showed a result for the same unit, and tells the same from different', () => {
    const differing = unit(1, {
      revealedBy: [
        { author: B, root: '1'.repeat(64) as Digest },
        { author: C, root: '2'.repeat(64) as Digest },
      ],
    });
    const view = jobView([agreed(0, SELF, B), differing], { refuted: [{ author: C, units: 1 }] });
    const { nodes, edges } = checkGraph(peerView({ peers: [connected(B)] }), view);
    expect(nodes.map((node) => node.peer)).toEqual([SELF, B, C]);
    expect(nodes[0]).toMatchObject({ isSelf: true, isSubmitter: true });
    expect(nodes[2]).toMatchObject({ isRefuted: true, isConnected: false });
    const found = edges.map(({ from, to, same, different }) => [from.peer, to.peer, same, different]);
    expect(found).toEqual([
      [SELF, B, 1, 0],
      [B, C, 0, 1],
    ]);
  });

  it('shows connected peers before any job, and never more than fit', () => {
    const peers = Array.from({ length: 40 }, (_, index) =>
      connected((peer('b').slice(2) + index.toString(16).padStart(2, '0')) as typeof B),
    );
    const graph = checkGraph(peerView({ peers }), undefined);
    expect(graph.nodes).toHaveLength(16);
    expect(graph.more).toBe(25);
    expect(graph.edges).toEqual([]);
  });
});
