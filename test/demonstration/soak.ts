/**
 * `npm run soak`: the promises that need many repetitions. Whole networks with a liar and killed peers, one job of each
 * kernel, compared with a single machine; kill −9 of one peer at the worst moments with a recorder on the wire; and the
 * latency of tiny jobs. What was done is kept in out/soak-<seed>.json after each step, and a second call with the same
 * seed goes on from there.
 */
import '../../node/runtime/polyfills.ts';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { CHECKOUT } from '../support/daemon.ts';
import { Interruption } from './interruption.ts';
import { type KillNineReport, killNine } from './kill-nine.ts';
import { percentile, runTinyJob } from './latency.ts';
import { type RepetitionRecord, repeatOnce } from './repetition.ts';

const HELP = `Usage: npm run soak -- [options]

Options:
  --repeat <n>    networks with a liar and killed peers, one job of each kernel (default: 20)
  --kills <n>     kill -9 of one peer, with a recorder on the wire (default: 20)
  --latency <n>   tiny jobs on a network of four peers (default: 20)
  --seed <n>      fixes what is drawn, and names the state file (default: 1)
  --fresh         forget what was done under this seed, and start again
  --help          shows this

Exit code: 0 if all held, 1 if not, 2 for a mistake in the options, 130 after Ctrl-C.`;

/** Kills in one network; a kill more needs no new one, but what is resumed starts one anew. */
const KILLS_PER_NETWORK = 5;
const LATENCY_TARGET_MS = 3_000;

interface Options {
  readonly repeat: number;
  readonly kills: number;
  readonly latency: number;
  readonly seed: number;
  readonly fresh: boolean;
}

interface State {
  readonly repetitions: RepetitionRecord[];
  readonly kills: KillNineReport[];
  readonly latenciesMs: number[];
  /** Tiny jobs that were not labelled as they must be. */
  readonly latencyFailures: string[];
}

class UsageError extends Error {}

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const interruption = new Interruption(() => console.log('stopping; the same command goes on from here'));
  try {
    const options = readOptions(args);
    if (options === undefined) {
      console.log(HELP);
      return 0;
    }
    return await soak(options, interruption);
  } catch (error) {
    await interruption.passed();
    const isUsage = error instanceof UsageError;
    console.error(isUsage ? `npm run soak: ${error.message}` : error);
    return isUsage ? 2 : 1;
  }
}

function readOptions(args: readonly string[]): Options | undefined {
  const number = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const options = { repeat: number, kills: number, latency: number, seed: number, fresh: flag, help: flag };
  let values: { [name in keyof typeof options]?: string | boolean | undefined };
  try {
    values = parseArgs({ args: [...args], options, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n"npm run soak -- --help" shows the options.`);
  }
  if (values.help === true) return undefined;
  const whole = (name: 'repeat' | 'kills' | 'latency' | 'seed', otherwise: number): number => {
    const text = String(values[name] ?? otherwise);
    if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--${name} ${text}: expected a whole number from 0 on.`);
    return Number(text);
  };
  return {
    repeat: whole('repeat', 20),
    kills: whole('kills', 20),
    latency: whole('latency', 20),
    seed: whole('seed', 1),
    fresh: values.fresh === true,
  };
}

async function soak(options: Options, interruption: Interruption): Promise<number> {
  const file = join(CHECKOUT, 'out', `soak-${options.seed}.json`);
  if (options.fresh) await rm(file, { force: true });
  const state = await load(file);
  await repeat(options, state, file, interruption);
  await killOften(options, state, file, interruption);
  await measureLatency(options, state, file, interruption);
  return summarise(options, state, file);
}

async function repeat({ repeat, seed }: Options, state: State, file: string, interruption: Interruption) {
  for (let number = 0; number < repeat; number++) {
    let record = state.repetitions[number];
    const resumed = record !== undefined;
    if (record === undefined) {
      record = await repeatOnce(seed * 1_000 + number, 'full', interruption.createSwarm);
      await interruption.passed();
      state.repetitions.push(record);
      await save(file, state);
    }
    const jobs = record.jobs.map(
      (job) =>
        `${job.kernel} ${job.equal ? 'equal' : 'DIFFERENT'} (${job.units} units, ${job.executionsPerUnit.toFixed(2)} executions each, ` +
        `liar refuted on ${job.refuted}, killed at ${Math.round(job.killedAt * 100)} %, ${(job.elapsedMs / 1_000).toFixed(1)} s)`,
    );
    const verdict = record.failures.length === 0 ? 'ok' : `FAILED: ${record.failures.join('; ')}`;
    console.log(
      `repetition ${number + 1} of ${repeat}, seed ${record.seed}: ${[...jobs, verdict].join(', ')}${past(resumed)}`,
    );
  }
}

async function killOften({ kills, seed }: Options, state: State, file: string, interruption: Interruption) {
  for (let done = 0, network = 0; done < kills; network++) {
    let report = state.kills[network];
    const resumed = report !== undefined;
    if (report === undefined) {
      const count = Math.min(KILLS_PER_NETWORK, kills - done);
      report = await killNine(seed * 1_000 + 100 * network, count, undefined, interruption.createSwarm);
      await interruption.passed();
      state.kills.push(report);
      await save(file, state);
    }
    for (const { moment, afterWrites } of report.kills) {
      const when = afterWrites === undefined ? 'from outside' : `by itself right after synced write ${afterWrites}`;
      console.log(
        `kill -9 ${++done} of ${kills}: ${when}${moment === 'announcing' ? ' of a submission' : ''}${past(resumed)}`,
      );
    }
    const verdict =
      report.failures.length === 0 ? 'nobody said two things in one slot' : `FAILED: ${report.failures.join('; ')}`;
    console.log(`  ${report.messages} messages on the wire, ${report.commits} commits of the killed peer: ${verdict}`);
    if (report.kills.length === 0) break;
  }
}

async function measureLatency({ latency, seed }: Options, state: State, file: string, interruption: Interruption) {
  if (state.latenciesMs.length >= latency) return;
  const swarm = await interruption.createSwarm();
  try {
    const submitter = await swarm.start('peer 1');
    await Promise.all(['peer 2', 'peer 3', 'peer 4'].map((name) => swarm.start(name)));
    await swarm.connected();
    for (let number = state.latenciesMs.length; number < latency; number++) {
      const { elapsedMs, label, authors } = await runTinyJob(submitter, seed * 1_000 + number);
      state.latenciesMs.push(elapsedMs);
      const isRight = label === 'quorum 2/2' && authors.length >= 2 && !authors.includes(submitter.key);
      if (!isRight)
        state.latencyFailures.push(
          `tiny job ${number + 1}: ${label} by ${authors.map((key) => swarm.nameOf(key)).join()}`,
        );
      await save(file, state);
      console.log(`tiny job ${number + 1} of ${latency}: ${(elapsedMs / 1_000).toFixed(2)} s, ${label}`);
    }
  } catch (error) {
    await interruption.passed();
    throw error;
  } finally {
    await swarm.stop();
  }
}

function summarise({ repeat, kills, latency }: Options, state: State, file: string): number {
  const repetitions = state.repetitions.slice(0, repeat);
  const good = repetitions.filter(({ failures }) => failures.length === 0).length;
  const survived = state.kills.flatMap((report) => (report.failures.length === 0 ? report.kills : [])).length;
  const p95 = percentile(state.latenciesMs.slice(0, latency), 0.95);
  const p50 = percentile(state.latenciesMs.slice(0, latency), 0.5);
  console.log();
  console.log(
    `results equal to a single machine, liar refuted, killed peers' units finished: ${good} of ${repeat} repetitions`,
  );
  console.log(`kill -9 survived without contradiction: ${Math.min(survived, kills)} of ${kills}`);
  if (latency > 0) {
    const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;
    console.log(
      `tiny job on four peers: p50 ${seconds(p50)}, p95 ${seconds(p95)} of ${latency} (target: p95 under 3 s)`,
    );
    for (const failure of state.latencyFailures) console.log(`FAILED: ${failure}`);
  }
  console.log(`kept in ${relative(process.cwd(), file)}`);
  const isFast = latency === 0 || p95 < LATENCY_TARGET_MS;
  const held = good === repeat && survived >= kills && isFast && state.latencyFailures.length === 0;
  return held ? 0 : 1;
}

async function load(file: string): Promise<State> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as State;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new Error(`${file} cannot be read (${error}): use --fresh`);
    return { repetitions: [], kills: [], latenciesMs: [], latencyFailures: [] };
  }
}

async function save(file: string, state: State): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(state, undefined, 1)}\n`);
}

function past(resumed: boolean): string {
  return resumed ? ' (done before)' : '';
}
