/** Who checks whom, as a picture and as a sentence for each peer. */
import type { JSX } from 'preact';
import type { JobView, PeerView } from '../../../node/protocol/view.ts';
import { type CheckEdge, type CheckGraph, type CheckNode, checkGraph } from '../model/checks.ts';
import { count, peerName, shortPeerName } from '../model/words.ts';
import { useSelfName } from './kind.ts';
import { Panel } from './parts.tsx';

const WIDTH = 440;
const HEIGHT = 330;
const LABEL_HEIGHT = 56;

interface CheckGraphProps {
  readonly view: PeerView;
  readonly job: JobView | undefined;
}

export function CheckGraphPanel({ view, job }: CheckGraphProps): JSX.Element {
  const graph = checkGraph(view, job);
  const about =
    job === undefined
      ? 'No job yet, so nobody has checked anybody.'
      : `In “${job.title}”: peers that computed the same units have checked each other.`;
  return (
    <Panel title="Who checks whom">
      {graph.nodes.length === 1 ? (
        <p class="empty">Nobody else is here. Results need others who compute the same and agree.</p>
      ) : (
        <>
          <p class="note">{about}</p>
          <Graph graph={graph} />
        </>
      )}
      {graph.more > 0 && <p class="note">and {count(graph.more, 'more peer')}</p>}
    </Panel>
  );
}

function Graph({ graph }: { readonly graph: CheckGraph }): JSX.Element {
  const { nodes, edges } = graph;
  const selfName = useSelfName();
  const most = Math.max(1, ...edges.map(({ same, different }) => same + different));
  const self = nodes[0]!;
  const linked = new Set(edges.flatMap(({ from, to }) => (from.isSelf ? [to.peer] : to.isSelf ? [from.peer] : [])));
  return (
    <figure class="graph">
      <svg viewBox={frameOf(nodes)} role="img" aria-label={inWords(graph, selfName)}>
        {nodes
          .filter((node) => !node.isSelf && node.isConnected && !linked.has(node.peer))
          .map((node) => (
            <line key={node.peer} class="link" x1={left(self)} y1={top(self)} x2={left(node)} y2={top(node)} />
          ))}
        {edges.map((edge) => (
          <Edge key={edge.from.peer + edge.to.peer} edge={edge} most={most} />
        ))}
        {nodes.map((node) => (
          <Node key={node.peer} node={node} selfName={selfName} />
        ))}
      </svg>
      <figcaption class="legend">
        <span>
          <i class="key key-check" /> same results
        </span>
        <span>
          <i class="key key-differ" /> different results
        </span>
        <span>
          <i class="key key-link" /> connected only
        </span>
      </figcaption>
    </figure>
  );
}

function Edge({ edge, most }: { readonly edge: CheckEdge; readonly most: number }): JSX.Element {
  const { from, to, same, different } = edge;
  const width = 1.5 + (5 * (same + different)) / most;
  const place = { x1: left(from), y1: top(from), x2: left(to), y2: top(to) };
  return (
    <g>
      <title>
        {shortPeerName(from.peer)} and {shortPeerName(to.peer)}: {count(same, 'unit')} the same
        {different > 0 ? `, ${different} different` : ''}
      </title>
      {same > 0 && <line class="check" stroke-width={width} {...place} />}
      {different > 0 && <line class="check check-differ" stroke-width={Math.min(width, 3)} {...place} />}
    </g>
  );
}

function Node({ node, selfName }: { readonly node: CheckNode; readonly selfName: string }): JSX.Element {
  const [x, y] = [left(node), top(node)];
  const kind = node.isRefuted ? 'node-refuted' : node.isSelf ? 'node-self' : node.counted > 0 ? 'node-worker' : '';
  const isUp = y < HEIGHT / 2;
  const labelY = y + (isUp ? -24 : 34);
  return (
    <g class={`node ${kind}`}>
      <title>{peerName(node.peer)}</title>
      <circle cx={x} cy={y} r={node.isSelf ? 17 : 15} />
      {node.isRefuted ? (
        <path class="cross" d={`M${x - 5} ${y - 5}l10 10m0-10l-10 10`} />
      ) : (
        <text class="node-count" x={x} y={y + 4}>
          {node.counted}
        </text>
      )}
      <text class="node-name" x={x} y={labelY}>
        {node.isSelf ? selfName : `…${shortPeerName(node.peer).slice(-8)}`}
      </text>
      {(node.isRefuted || node.isSubmitter) && (
        <text class="node-role" x={x} y={labelY + (isUp ? -14 : 14)}>
          {node.isRefuted ? 'refuted' : 'submitter'}
        </text>
      )}
    </g>
  );
}

/** As high as it is used, labels included: three peers leave the lower part empty. */
function frameOf(nodes: readonly CheckNode[]): string {
  const heights = nodes.map(top);
  const first = Math.min(...heights) - LABEL_HEIGHT;
  return `0 ${first} ${WIDTH} ${Math.max(...heights) + LABEL_HEIGHT - first}`;
}

function left({ x }: CheckNode): number {
  return WIDTH / 2 + x * (WIDTH / 2 - 62);
}

function top({ y }: CheckNode): number {
  return HEIGHT / 2 + y * (HEIGHT / 2 - 62);
}

function inWords({ nodes, edges }: CheckGraph, selfName: string): string {
  const name = (node: CheckNode): string => (node.isSelf ? selfName : shortPeerName(node.peer));
  const peers = nodes.map(
    (node) => `${name(node)}: ${node.isRefuted ? 'refuted' : `${count(node.counted, 'unit')} counted`}`,
  );
  const checks = edges.map(
    ({ from, to, same, different }) =>
      `${name(from)} and ${name(to)} checked each other on ${count(same + different, 'unit')}${different > 0 ? ` and differ on ${different}` : ''}`,
  );
  return `${count(nodes.length, 'peer')}. ${[...peers, ...checks].join('. ')}.`;
}
