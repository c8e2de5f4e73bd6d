/**
 * Who checks whom: two peers that have shown a result for the same unit have checked each other, whether they wanted
 * to or not. Drawn as a graph on a circle; peers that are only connected hang on it by a thin line.
 */
import type { PeerKey } from '../../../node/protocol/ids.ts';
import type { JobView, PeerView } from '../../../node/protocol/view.ts';
import { contributions } from './jobs.ts';

export interface CheckNode {
  readonly peer: PeerKey;
  readonly isSelf: boolean;
  readonly isSubmitter: boolean;
  readonly isRefuted: boolean;
  readonly isConnected: boolean;
  readonly counted: number;
  /** From -1 to 1, y downwards. */
  readonly x: number;
  readonly y: number;
}

export interface CheckEdge {
  readonly from: CheckNode;
  readonly to: CheckNode;
  /** Units for which both showed the same result, and different ones. */
  readonly same: number;
  readonly different: number;
}

export interface CheckGraph {
  readonly nodes: readonly CheckNode[];
  readonly edges: readonly CheckEdge[];
  /** Peers left out. */
  readonly more: number;
}

const NODES_MAX = 16;

export function checkGraph(view: PeerView, job: JobView | undefined): CheckGraph {
  const work = new Map((job === undefined ? [] : contributions(job)).map((entry) => [entry.peer, entry]));
  const connected = new Set(view.peers.filter((row) => row.connected).map(({ peer }) => peer));
  const all = new Set<PeerKey>([view.self, ...work.keys(), ...connected]);
  const weight = (peer: PeerKey): number => {
    const entry = work.get(peer);
    return peer === view.self ? Number.POSITIVE_INFINITY : (entry?.revealed ?? 0) + (entry?.isRefuted ? 1e9 : 0);
  };
  const shown = [...all].sort((a, b) => compare(weight(b), weight(a)) || (a < b ? -1 : 1)).slice(0, NODES_MAX);
  // The order around the circle must not change with every unit.
  const places = [view.self, ...shown.filter((peer) => peer !== view.self).sort()];
  const nodes = places.map((peer, index): CheckNode => {
    const angle = (index / places.length) * 2 * Math.PI - Math.PI / 2;
    return {
      peer,
      isSelf: peer === view.self,
      isSubmitter: job?.submitter === peer,
      isRefuted: work.get(peer)?.isRefuted ?? false,
      isConnected: peer === view.self || connected.has(peer),
      counted: work.get(peer)?.counted ?? 0,
      x: places.length === 1 ? 0 : Math.cos(angle),
      y: places.length === 1 ? 0 : Math.sin(angle),
    };
  });
  return { nodes, edges: edgesOf(nodes, job), more: all.size - shown.length };
}

function edgesOf(nodes: readonly CheckNode[], job: JobView | undefined): readonly CheckEdge[] {
  const index = new Map(nodes.map((node, at) => [node.peer, at]));
  const pairs = new Map<number, { same: number; different: number }>();
  for (const { revealedBy } of job?.unitRows ?? []) {
    revealedBy.forEach((one, i) => {
      for (const other of revealedBy.slice(i + 1)) {
        const [a, b] = [index.get(one.author), index.get(other.author)];
        if (a === undefined || b === undefined || a === b) continue;
        const key = Math.min(a, b) * nodes.length + Math.max(a, b);
        const pair = pairs.get(key) ?? { same: 0, different: 0 };
        if (one.root === other.root) pair.same++;
        else pair.different++;
        pairs.set(key, pair);
      }
    });
  }
  return [...pairs].map(([key, pair]) => ({
    from: nodes[Math.floor(key / nodes.length)]!,
    to: nodes[key % nodes.length]!,
    ...pair,
  }));
}

function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
