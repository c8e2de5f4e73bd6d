/**
 * One table of metrics, all derived from the peer's view: no counter lives anywhere else, so a figure here and the
 * same figure in `shoal status` cannot differ. Names follow Prometheus: unit last, `_total` for what only grows.
 */
import type { JobRow, PeerView } from '../protocol/view.ts';

export interface Metric {
  readonly name: string;
  readonly kind: 'gauge' | 'counter';
  readonly unit: string;
  readonly help: string;
  read(view: PeerView): number | readonly Sample[];
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export const METRICS: readonly Metric[] = [
  gauge('shoal_peers_connected', 'peers', 'Connected peers that speak this network.', (view) =>
    tally(view.peers, (peer) => peer.connected && peer.incompatible === undefined),
  ),
  gauge('shoal_peers_incompatible', 'peers', 'Connected peers of another version or network.', (view) =>
    tally(view.peers, (peer) => peer.connected && peer.incompatible !== undefined),
  ),
  gauge('shoal_peers_known', 'peers', 'Peers with a row, connected or not.', (view) => view.peers.length),
  gauge(
    'shoal_round_trip_seconds_max',
    'seconds',
    'Slowest connected link, by ping.',
    (view) => Math.max(0, ...view.peers.filter((peer) => peer.connected).map((peer) => peer.roundTripMs ?? 0)) / 1_000,
  ),
  gauge(
    'shoal_hold_seconds',
    'seconds',
    'Time a computed unit is held before it is revealed.',
    (view) => view.holdMs / 1_000,
  ),
  gauge('shoal_cores', 'cores', 'Units this peer executes side by side.', (view) => view.cores),
  gauge('shoal_paused', 'boolean', 'Whether this peer is paused, for whatever reason.', (view) =>
    Number(view.paused.length > 0),
  ),
  gauge('shoal_observer', 'boolean', 'Whether this peer only watches because it cannot write.', (view) =>
    Number(view.observer !== undefined),
  ),
  gauge('shoal_replicas', 'units', 'Units this peer is working on now.', (view) => view.replicas.length),
  gauge('shoal_jobs', 'jobs', 'Known jobs by state.', (view) => byState(view.jobs)),
  gauge('shoal_units', 'units', 'Units of known jobs by state.', unitsByState),
  counter('shoal_units_executed_total', 'units', 'Units this peer has executed.', (view) => view.totals.unitsExecuted),
  counter(
    'shoal_units_counted_total',
    'units',
    'Units in which this peer was counted in the quorum.',
    (view) => view.totals.unitsCounted,
  ),
  counter(
    'shoal_fuel_executed_total',
    'fuel',
    'Fuel this peer has burned in kernels.',
    (view) => view.totals.fuelExecuted,
  ),
  gauge('shoal_statements', 'statements', 'Signed statements kept.', (view) => view.totals.statements),
  gauge('shoal_offences', 'offences', 'Refutations and equivocations seen, over all known peers.', (view) =>
    view.peers.reduce((sum, peer) => sum + peer.offences, 0),
  ),
];

/** Prometheus text exposition, version 0.0.4. */
export function renderMetrics(view: PeerView): string {
  return METRICS.flatMap((metric) => {
    const value = metric.read(view);
    const samples = typeof value === 'number' ? [{ labels: {}, value }] : value;
    return [
      `# HELP ${metric.name} ${metric.help} Unit: ${metric.unit}.`,
      `# TYPE ${metric.name} ${metric.kind}`,
      ...samples.map(({ labels, value }) => `${metric.name}${renderLabels(labels)} ${value}`),
    ];
  })
    .concat('')
    .join('\n');
}

function gauge(name: string, unit: string, help: string, read: Metric['read']): Metric {
  return { name, kind: 'gauge', unit, help, read };
}

function counter(name: string, unit: string, help: string, read: Metric['read']): Metric {
  return { name, kind: 'counter', unit, help, read };
}

function tally<T>(items: readonly T[], test: (item: T) => boolean): number {
  return items.filter(test).length;
}

function byState(jobs: readonly JobRow[]): readonly Sample[] {
  const states = ['announcing', 'running', 'paused', 'finished', 'cancelled', 'expired'] as const;
  return states.map((state) => ({ labels: { state }, value: tally(jobs, (job) => job.state === state) }));
}

function unitsByState(view: PeerView): readonly Sample[] {
  const states = ['open', 'claimed', 'committed', 'revealed', 'disputed', 'agreed', 'own', 'satisfied'] as const;
  return states.map((state) => ({
    labels: { state },
    value: view.jobs.reduce((sum, job) => sum + job.counts[state], 0),
  }));
}

function renderLabels(labels: Readonly<Record<string, string>>): string {
  const entries = Object.entries(labels);
  if (entries.length === 0) return '';
  return `{${entries.map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, '\\$&')}"`).join(',')}}`;
}
