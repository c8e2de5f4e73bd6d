/**
 * One simulation from options to report: draw roles and faults, build the world, submit one job, let it run, look at
 * what came out. The command line prints it; tests call it directly.
 */
import { openParameters, testParameters } from '../../node/protocol/parameters.ts';
import {
  colludingLiar,
  equivocator,
  independentLiar,
  junkRevealer,
  lazyCopier,
  squatter,
  withholder,
} from './adversaries.ts';
import { type Behaviour, honest } from './behaviour.ts';
import { applyFaults, drawFaults, type Fault } from './faults.ts';
import type { PeerFactory } from './peer.ts';
import { RandomStream } from './random.ts';
import { JobRefusedError, LivenessError, type SubmittedJob, type Violation, World } from './world.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly preset: 'open' | 'private';
  readonly peers: number;
  readonly units: number;
  readonly tasksPerUnit: number;
  /** Median time of a unit, milliseconds. */
  readonly unitMs: number;
  readonly cores: number;
  readonly quorum: number;
  readonly replicas: number;
  /** Shares of the peers, in [0, 1]. */
  readonly liars: number;
  readonly colluders: number;
  readonly withholders: number;
  readonly copiers: number;
  readonly equivocators: number;
  readonly junk: number;
  readonly squatters: number;
  /** Median one-way delay of a link, milliseconds. */
  readonly linkMs: number;
  readonly loss: number;
  /** Share of the peers killed and restarted a minute. */
  readonly churn: number;
  readonly partitionMs: number;
  /** Virtual time within which the job must finish; 0 derives it from the work. */
  readonly withinMs: number;
}

export const DEFAULT_OPTIONS: SimulationOptions = {
  seed: 1,
  preset: 'open',
  peers: 20,
  units: 100,
  tasksPerUnit: 8,
  unitMs: 2_000,
  cores: 1,
  quorum: 2,
  replicas: 2,
  liars: 0,
  colluders: 0,
  withholders: 0,
  copiers: 0,
  equivocators: 0,
  junk: 0,
  squatters: 0,
  linkMs: 20,
  loss: 0,
  churn: 0,
  partitionMs: 0,
  withinMs: 0,
};

export type Outcome = 'ok' | 'safety' | 'liveness' | 'crash';

/** What was drawn before anything ran. */
export interface Plan {
  readonly options: SimulationOptions;
  readonly roles: Readonly<Record<string, readonly number[]>>;
  readonly faults: readonly Fault[];
  readonly withinMs: number;
}

export interface Report {
  readonly outcome: Outcome;
  readonly detail: string;
  readonly plan: Plan;
  readonly units: { readonly agreed: number; readonly sequential: number; readonly own: number; readonly open: number };
  /** States of the units as the submitter sees them in the end. */
  readonly states: Readonly<Record<string, number>>;
  readonly wrongAccepted: number;
  readonly refutedAuthors: number;
  readonly executions: number;
  readonly executionsPerUnit: number;
  readonly messages: {
    readonly published: number;
    readonly perUnit: number;
    readonly byKind: Readonly<Record<string, number>>;
  };
  readonly gossip: Readonly<Record<string, number>>;
  readonly directMessages: number;
  readonly hold: { readonly medianMs: number; readonly maxMs: number; readonly measuredMedianMs: number | undefined };
  readonly virtualMs: number;
  readonly realMs: number;
  readonly steps: number;
  readonly traceHash: string;
  readonly violations: readonly Violation[];
}

export interface Progress {
  readonly results: number;
  readonly units: number;
  readonly virtualMs: number;
}

/** Everything random about roles and faults; the run itself draws from other streams. */
export function plan(options: SimulationOptions): Plan {
  const random = RandomStream.seeded(options.seed);
  const volunteers = random.fork('roles').shuffled(Array.from({ length: options.peers - 1 }, (_, i) => i + 1));
  const roles: Record<string, readonly number[]> = {};
  for (const role of ADVERSARIES) {
    const drawn = volunteers.splice(0, Math.round(options[role] * options.peers));
    if (drawn.length > 0) roles[role] = drawn.sort((a, b) => a - b);
  }
  const withinMs = options.withinMs > 0 ? options.withinMs : derivedBound(options, volunteers.length + 1);
  const faults = drawFaults({ ...options, horizonMs: withinMs }, random.fork('faults'));
  return { options, roles, faults, withinMs };
}

/** Rejects with a JobRefusedError when the options make a job that its own submitter refuses. */
export async function simulate(
  planned: Plan,
  createPeer: PeerFactory,
  onProgress: (progress: Progress) => void = () => undefined,
): Promise<Report> {
  const startedAt = performance.now();
  const { options } = planned;
  const world = new World({
    seed: options.seed,
    parameters: options.preset === 'open' ? { ...openParameters(), network: 'simulated' } : testParameters('simulated'),
    link: { linkMs: options.linkMs, loss: options.loss },
    createPeer,
  });
  for (let index = 0; index < options.peers; index++) {
    world.addPeer({ cores: options.cores, behaviour: behaviourOf(index, planned) });
  }
  const run = await runJob(world, planned, onProgress);
  return report(world, planned, run, performance.now() - startedAt);
}

/** Options that give a share of the peers to one kind of adversary. */
export const ADVERSARIES = [
  'liars',
  'colluders',
  'withholders',
  'copiers',
  'equivocators',
  'junk',
  'squatters',
] as const;

function behaviourOf(index: number, { roles }: Plan): Behaviour {
  const makers: Readonly<Record<(typeof ADVERSARIES)[number], () => Behaviour>> = {
    liars: () => independentLiar(),
    colluders: () => colludingLiar(),
    withholders: withholder,
    copiers: lazyCopier,
    equivocators: equivocator,
    junk: junkRevealer,
    squatters: squatter,
  };
  for (const role of ADVERSARIES) if (roles[role]?.includes(index)) return makers[role]();
  return honest;
}

/** Twenty times the time the honest peers would need for twice the replicas, and two minutes. */
function derivedBound(options: SimulationOptions, honestPeers: number): number {
  const replicas = Math.max(options.quorum, options.replicas);
  const idealMs = (options.units * replicas * options.unitMs) / (honestPeers * Math.max(1, options.cores));
  return Math.ceil(120_000 + 40 * (idealMs + options.unitMs));
}

interface Run {
  readonly job: SubmittedJob | undefined;
  readonly executions: number;
  readonly liveness: string | undefined;
  readonly crashed: boolean;
}

async function runJob(
  world: World,
  { options, faults, withinMs }: Plan,
  onProgress: (p: Progress) => void,
): Promise<Run> {
  let job: SubmittedJob | undefined;
  try {
    await world.start(world.peers, 5_000 + 20 * options.linkMs);
    const { quorum, replicas } = options;
    job = await world.submit(world.peers[0]!, { ...options, request: { quorum, replicas } });
    applyFaults(world, faults);
    const { results } = job;
    const deadline = world.nowMs + withinMs;
    while (job.finishedAtMs === undefined) {
      if (world.nowMs >= deadline) {
        const missing = `${results.size} of ${options.units} units have a result after ${withinMs / 1_000} s`;
        return { job, executions: world.executions, liveness: missing, crashed: false };
      }
      await world.run(100);
      onProgress({ results: results.size, units: options.units, virtualMs: world.nowMs });
    }
    const { executions } = world;
    // Late statements may still show something that must not be.
    await world.run(6_000);
    return { job, executions, liveness: undefined, crashed: false };
  } catch (error) {
    if (error instanceof LivenessError) {
      return { job, executions: world.executions, liveness: error.message, crashed: false };
    }
    if (error instanceof JobRefusedError) throw error;
    world.noteCrash(error);
    return { job, executions: world.executions, liveness: undefined, crashed: true };
  }
}

function report(world: World, planned: Plan, run: Run, realMs: number): Report {
  const { options } = planned;
  const { job, executions } = run;
  const results = [...(job?.results.values() ?? [])];
  const own = results.filter(({ label }) => label.kind === 'own').length;
  const sequential = results.filter(({ label }) => label.kind === 'quorum' && label.sequential).length;
  const published = Object.values(world.wire.counts).reduce((sum, count) => sum + count, 0);
  const firstViolation = world.violations.find(({ kind }) => kind === 'crash') ?? world.violations[0];
  const outcome: Outcome = firstViolation?.kind ?? (run.liveness === undefined ? 'ok' : 'liveness');
  const jobView = job === undefined || run.crashed ? undefined : job.submitter.driver.jobView(job.id);
  return {
    outcome,
    detail: firstViolation?.detail ?? run.liveness ?? 'every unit has a correct result',
    plan: planned,
    units: {
      agreed: results.length - own,
      sequential,
      own,
      open: options.units - results.length,
    },
    states: { ...jobView?.counts },
    wrongAccepted: results.filter(({ correct }) => !correct).length,
    refutedAuthors: new Set(world.notified('refuted').map(({ notification }) => notification.author)).size,
    executions,
    executionsPerUnit: executions / options.units,
    messages: { published, perUnit: published / options.units, byKind: world.wire.counts },
    gossip: world.network.gossip.counts,
    directMessages: world.network.directMessages,
    hold: run.crashed ? { medianMs: 0, maxMs: 0, measuredMedianMs: undefined } : holds(world, job, options.quorum),
    virtualMs: (job?.finishedAtMs ?? world.nowMs) - (job?.submittedAtMs ?? 0),
    realMs: Math.round(realMs),
    steps: world.trace.steps,
    traceHash: world.trace.digest(),
    violations: world.violations,
  };
}

/** The hold peers compute from their pings, and the one measured: from the commit that completes m to the first reveal. */
export function holds(world: World, job: SubmittedJob | undefined, quorum: number): Report['hold'] {
  const told = world.peers.filter(({ isUp, isHonest }) => isUp && isHonest).map(({ driver }) => driver.view().holdMs);
  const measured: number[] = [];
  for (let unit = 0; job !== undefined && unit < job.model.unitInputs.length; unit++) {
    const complete = world.wire.commits(job.id, unit)[quorum - 1];
    const reveal = world.wire.reveals(job.id, unit)[0];
    if (complete !== undefined && reveal !== undefined) measured.push(reveal.atMs - complete.atMs);
  }
  return {
    medianMs: median(told) ?? 0,
    maxMs: Math.max(0, ...told),
    measuredMedianMs: median(measured),
  };
}

function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
