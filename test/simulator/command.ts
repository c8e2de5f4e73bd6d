/**
 * The command `simulate`: flags in, text or JSON out, an exit code back.
 *
 * It prints the seed and everything drawn from it first, so that a run that fails, or never ends, can be repeated from
 * its first lines. Results go to stdout, progress to stderr. Exit codes: 0 fine, 2 usage, 3 crash (an exception in the
 * rules), 4 safety (something that must never be), 5 liveness (the job did not finish in time).
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { describeFault } from './faults.ts';
import type { PeerFactory } from './peer.ts';
import {
  ADVERSARIES,
  DEFAULT_OPTIONS,
  type Outcome,
  type Plan,
  plan,
  type Report,
  type SimulationOptions,
  simulate,
} from './simulation.ts';
import { JobRefusedError } from './world.ts';

const EXIT_CODES: Readonly<Record<Outcome, number>> = { ok: 0, crash: 3, safety: 4, liveness: 5 };
const USAGE_EXIT_CODE = 2;
const PROGRESS_INTERVAL_MS = 1_000;
/** Faults listed one by one; of more, the rest is counted. --json has all. */
const FAULTS_LISTED_MAX = 12;

type Key = keyof SimulationOptions;

const integer = (min: number, max: number) => (text: string) => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
  }
  return value;
};

const fraction = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new InvalidArgumentError('Give a number from 0 to 1.');
  return value;
};

const duration = (min: number) => (text: string) => {
  const value = Number(text);
  if (text.trim() === '' || !(value >= min && value <= 86_400_000)) {
    throw new InvalidArgumentError(`Give milliseconds, from ${min} to 86400000.`);
  }
  return value;
};

/** Flag, option, help, parser: the one table of what can be asked for. */
const FLAGS: readonly (readonly [flag: string, key: Key, help: string, parse: (text: string) => number])[] = [
  ['seed', 'seed', 'everything random comes from it', integer(0, Number.MAX_SAFE_INTEGER)],
  ['peers', 'peers', 'peers, the submitter included', integer(1, 1_000)],
  ['units', 'units', 'work units of the job', integer(1, 65_536)],
  ['tasks-per-unit', 'tasksPerUnit', 'tasks in each unit', integer(1, 1_024)],
  ['unit-ms', 'unitMs', 'median time of a unit', integer(1, 86_400_000)],
  ['cores', 'cores', 'units a peer runs side by side', integer(1, 64)],
  ['quorum', 'quorum', 'independent attestations a result needs', integer(1, 8)],
  ['replicas', 'replicas', 'replicas wanted from the start', integer(1, 8)],
  ['liars', 'liars', 'share of peers whose results are wrong, each in its own way', fraction],
  ['colluders', 'colluders', 'share of peers that agree on wrong results', fraction],
  ['withholders', 'withholders', 'share of peers that commit and never reveal', fraction],
  ['copiers', 'copiers', 'share of peers that copy what others reveal', fraction],
  ['equivocators', 'equivocators', 'share of peers that seal every unit twice', fraction],
  ['junk', 'junk', 'share of peers that reveal roots nobody can open', fraction],
  ['squatters', 'squatters', 'share of peers that claim units and never compute them', fraction],
  ['link-ms', 'linkMs', 'median one-way delay of a link', duration(0.1)],
  ['loss', 'loss', 'share of gossip transmissions lost', fraction],
  ['churn', 'churn', 'share of peers killed and restarted a minute', fraction],
  ['partition-ms', 'partitionMs', 'length of one partition into halves', duration(0)],
  ['within-ms', 'withinMs', 'virtual time the job may take; 0 derives it from the work', duration(0)],
];

/** Where the command writes: results to `out`, progress and errors to `err`. */
export interface Output {
  out(text: string): void;
  err(text: string): void;
}

/** Resolves to the exit code. Never throws for bad usage. */
export async function runCommand(argv: readonly string[], createPeer: PeerFactory, output: Output): Promise<number> {
  const command = createCommand(output);
  try {
    command.parse(argv, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_EXIT_CODE;
    throw error;
  }
  const { json = false, ...chosen } = command.opts<SimulationOptions & { json?: boolean }>();
  // Replicas follow the quorum unless they are asked for.
  const follows = command.getOptionValueSource('replicas') === 'default';
  const options: SimulationOptions = {
    ...chosen,
    replicas: follows ? Math.max(chosen.quorum, chosen.replicas) : chosen.replicas,
  };
  const problem = contradiction(options);
  if (problem !== undefined) {
    output.err(`error: ${problem}\n`);
    return USAGE_EXIT_CODE;
  }
  const planned = plan(options);
  if (!json) output.out(describePlan(planned));
  let report: Report;
  try {
    report = await simulate(planned, createPeer, progressPrinter(output));
  } catch (error) {
    if (!(error instanceof JobRefusedError)) throw error;
    output.err(`error: ${error.message}\n`);
    return USAGE_EXIT_CODE;
  }
  output.out(json ? `${JSON.stringify(report, undefined, 2)}\n` : describeReport(report));
  if (report.outcome !== 'ok') {
    output.err(`${report.outcome}: ${report.detail}\nrepeat with: ${commandFor(options)}\n`);
  }
  return EXIT_CODES[report.outcome];
}

function createCommand(output: Output): Command {
  const command = new Command('simulate')
    .description('Runs one job on a simulated network: real protocol core and driver, virtual time.')
    .addOption(
      new Option('--preset <name>', 'timing of the network')
        .choices(['open', 'private'])
        .default(DEFAULT_OPTIONS.preset),
    )
    .option('--json', 'print one JSON document instead of text')
    .allowExcessArguments(false)
    .showHelpAfterError('Use --help for the flags.')
    .configureOutput({ writeOut: (text) => output.out(text), writeErr: (text) => output.err(text) })
    .exitOverride();
  for (const [flag, key, help, parse] of FLAGS) {
    command.addOption(new Option(`--${flag} <value>`, help).argParser(parse).default(DEFAULT_OPTIONS[key]));
  }
  return command.addHelpText('after', '\nExit codes: 0 fine, 2 usage, 3 crash, 4 safety, 5 liveness.');
}

function contradiction(options: SimulationOptions): string | undefined {
  const dishonest = ADVERSARIES.reduce((sum, role) => sum + options[role], 0);
  if (Math.round(dishonest * options.peers) > options.peers - 1) {
    return `${ADVERSARIES.map((role) => `--${role}`).join(', ')} leave no honest peer: lower them`;
  }
  if (options.replicas < options.quorum) return `--replicas ${options.replicas} is below --quorum ${options.quorum}`;
  if (options.preset === 'open' && options.quorum < 2) return '--quorum 1 needs --preset private';
  if (options.churn > 0 && options.peers < 2) return '--churn needs at least two --peers: the submitter is not killed';
  return undefined;
}

function commandFor(options: SimulationOptions): string {
  const flags = FLAGS.filter(([, key]) => options[key] !== DEFAULT_OPTIONS[key]).map(
    ([flag, key]) => `--${flag} ${options[key]}`,
  );
  if (options.preset !== DEFAULT_OPTIONS.preset) flags.push(`--preset ${options.preset}`);
  if (options.seed === DEFAULT_OPTIONS.seed) flags.push(`--seed ${options.seed}`);
  return `npm run simulate -- ${flags.join(' ')}`;
}

function describePlan({ options, roles, faults, withinMs }: Plan): string {
  const dishonest = Object.entries(roles).map(([role, peers]) => `  ${role}: peers ${peers.join(', ')}`);
  const listed = faults.slice(0, FAULTS_LISTED_MAX).map((fault) => `  ${describeFault(fault)}`);
  const more = faults.length > listed.length ? [`  and ${faults.length - listed.length} more`] : [];
  const lines = [
    `seed ${options.seed}`,
    `${options.peers} peers, ${options.units} units of ${options.tasksPerUnit} tasks, ${options.unitMs} ms each, quorum ${options.quorum}, links ${options.linkMs} ms, loss ${options.loss}`,
    `bound ${seconds(withinMs)} of virtual time`,
    dishonest.length === 0 ? 'adversaries: none' : 'adversaries:',
    ...dishonest,
    faults.length === 0 ? 'faults: none' : `faults: ${faults.length}`,
    ...listed,
    ...more,
  ];
  return `${lines.join('\n')}\n\n`;
}

function describeReport(report: Report): string {
  const { units, hold, messages } = report;
  const kinds = Object.entries(messages.byKind).map(([kind, count]) => `${kind} ${count}`);
  const measured = hold.measuredMedianMs === undefined ? 'none' : `${hold.measuredMedianMs} ms`;
  const lines = [
    `outcome          ${report.outcome}: ${report.detail}`,
    `units            ${units.agreed} agreed (${units.sequential} sequential), ${units.own} own, ${units.open} without a result`,
    `wrong accepted   ${report.wrongAccepted}`,
    `liars refuted    ${report.refutedAuthors}`,
    `executions       ${report.executions}, ${report.executionsPerUnit.toFixed(3)} per unit`,
    `statements       ${messages.published}, ${messages.perUnit.toFixed(2)} per unit (${kinds.join(', ')})`,
    `hold             ${hold.medianMs.toFixed(0)} ms median, ${hold.maxMs.toFixed(0)} ms longest; first reveal after ${measured}`,
    `virtual time     ${seconds(report.virtualMs)}`,
    `real time        ${seconds(report.realMs)}, ${report.steps} steps`,
    `trace            ${report.traceHash}`,
  ];
  return `${lines.join('\n')}\n`;
}

function progressPrinter(output: Output): (progress: { results: number; units: number; virtualMs: number }) => void {
  const startedAt = performance.now();
  let printedAt = startedAt;
  return ({ results, units, virtualMs }) => {
    const now = performance.now();
    if (now < printedAt + PROGRESS_INTERVAL_MS) return;
    printedAt = now;
    output.err(`${results} of ${units} units, ${seconds(virtualMs)} virtual, ${seconds(now - startedAt)} real\n`);
  };
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
