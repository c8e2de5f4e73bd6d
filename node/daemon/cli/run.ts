/**
 * `shoal run`: submit a job, follow it, print its result. The job goes to the daemon of the data folder; where none
 * runs, a peer is started inside this process for as long as the job takes.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { FinishedOutcome } from '../../sdk/jobs/note.ts';
import type { SubmissionBody } from '../api/routes.ts';
import type { Overrides } from '../compose.ts';
import type { Config, ConfigSources } from '../config.ts';
import { dataFolderOf } from '../data-folder.ts';
import { ShoalError } from '../errors.ts';
import { shortName } from '../short-name.ts';
import { Client } from './client.ts';
import { follow } from './follow.ts';
import { checkFile, chooseKernel, type InputFile, type KernelChoice, kernelArguments } from './kernel-argument.ts';
import { duration, print, printJson, say, short } from './output.ts';
import { checkPlot, writePlot } from './plot.ts';
import { forTerminal, jsonResult, resultOf, writeResult } from './result.ts';

export interface RunOptions {
  readonly sources: ConfigSources;
  /** As typed, or made of the command line. */
  readonly kernel: string | KernelChoice;
  /** The kernel's own flags, as typed. */
  readonly words: readonly string[];
  readonly file: InputFile | undefined;
  readonly policy: NonNullable<SubmissionBody['policy']>;
  readonly detach: boolean;
  readonly output: string | undefined;
  /** File for a drawing of the result. */
  readonly plot: string | undefined;
  readonly raw: boolean;
  readonly json: boolean;
  readonly overrides: Overrides;
}

interface Peer {
  readonly client: Client;
  readonly embedded: boolean;
  stop(): Promise<void>;
}

export async function run(options: RunOptions): Promise<void> {
  const kernel = typeof options.kernel === 'string' ? await chooseKernel(options.kernel) : options.kernel;
  checkPlot(options.plot, kernel.manifest);
  const given = kernelArguments(options.words, kernel.manifest);
  if (options.file !== undefined) await checkFile(options.file);
  const peer = await findOrStart(options);
  try {
    const job = await submit(peer.client, kernel, given, options);
    if (options.detach) return options.json ? printJson({ job }) : print(job);
    say(`job ${job.slice(0, 10)}: ${kernel.manifest.title}`);
    await sayIfAlone(peer.client);
    const outcome = await follow({ client: peer.client, job, embedded: peer.embedded });
    await deliver(peer.client, job, outcome, options);
  } finally {
    await peer.stop();
  }
}

/** `shoal result <job>`: the result of a job that has finished, now or later. */
export async function getResult(
  job: string,
  options: Pick<RunOptions, 'sources' | 'output' | 'plot' | 'raw' | 'json'>,
): Promise<void> {
  const client = await Client.connect(dataFolderOf(options.sources));
  const answer = await client.job(job);
  const outcome = answer.progress?.outcome;
  if (outcome?.state === 'finished') return deliver(client, answer.job, outcome, options);
  // Not there: the daemon knows why, and says it with the right code.
  await client.result(answer.job);
}

async function findOrStart({ sources, detach, overrides }: RunOptions): Promise<Peer> {
  const folder = dataFolderOf(sources);
  const client = await Client.find(folder);
  if (client !== undefined && !client.api.embedded) return { client, embedded: false, stop: async () => undefined };
  if (detach) {
    throw new ShoalError(
      'daemon-unreachable',
      `--detach needs a daemon, and none runs on ${folder}. Start one with "shoal up".`,
    );
  }
  // Loaded only where a peer is started: the other commands answer at once.
  const { loadConfig } = await import('../config.ts');
  const config = await loadConfig(sources);
  // Another `shoal run` holds the folder: this one gets a folder for itself and asks that one for company.
  const spare = client === undefined ? undefined : await mkdtemp(join(tmpdir(), 'shoal-run-'));
  const bootstrap = [...config.bootstrap, ...(client?.api.addresses.slice(0, 1) ?? [])];
  say(
    spare === undefined
      ? `no daemon runs on ${folder}: starting a peer for this job`
      : `another "shoal run" uses ${folder}: starting a peer with a temporary data folder for this job`,
  );
  return startEmbedded({ ...config, bootstrap, dataFolder: spare ?? config.dataFolder }, spare, overrides, sources);
}

async function startEmbedded(
  config: Config,
  spare: string | undefined,
  overrides: Overrides,
  sources: ConfigSources,
): Promise<Peer> {
  const [{ DEFAULT_LISTEN }, { outliveMishaps }, { startDaemon }, { createLogger }] = await Promise.all([
    import('../config.ts'),
    import('./up.ts'),
    import('../compose.ts'),
    import('../logger.ts'),
  ]);
  // The default ports belong to a daemon; a peer that comes and goes takes any. Its logs stay out of the progress unless asked for.
  const listen = config.listen === DEFAULT_LISTEN ? ['/ip4/127.0.0.1/tcp/0'] : config.listen;
  const level = sources.flags.logLevel === undefined && config.logLevel === 'info' ? 'warn' : config.logLevel;
  const logger = createLogger({ level, pretty: process.stderr.isTTY === true });
  outliveMishaps(logger);
  // Volunteers are invited by a peer that stays.
  const own = { ...config, listen, apiPort: 0, serveVolunteers: undefined };
  const daemon = await startDaemon({ config: own, logger, embedded: true, overrides });
  const stop = async (): Promise<void> => {
    await daemon.stop();
    if (spare !== undefined) await rm(spare, { recursive: true, force: true });
  };
  try {
    const client = await Client.connect(config.dataFolder);
    if (config.bootstrap.length > 0) await untilConnected(client);
    return { client, embedded: true, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A job names the peers that may work on it: a peer that has just started waits a moment for the first of them. */
async function untilConnected(client: Client): Promise<void> {
  for (let i = 0; i < 30; i++) {
    const peers = await client.peers();
    if (peers.some((peer) => peer.connected && peer.cores !== undefined)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function submit(
  client: Client,
  kernel: KernelChoice,
  given: Readonly<Record<string, string>>,
  { file, policy }: RunOptions,
): Promise<string> {
  return client.submit({
    kernel:
      'builtIn' in kernel
        ? { name: kernel.builtIn }
        : { upload: await client.uploadBytes(kernel.wasm), manifest: kernel.manifest },
    arguments: given,
    ...(file === undefined
      ? {}
      : { file: { upload: await client.upload(resolve(file.path)), name: basename(file.path) } }),
    policy,
  });
}

async function sayIfAlone(client: Client): Promise<void> {
  const { view } = await client.status();
  if (view.peers.some((peer) => peer.connected && peer.incompatible === undefined)) return;
  say(
    view.cores > 0
      ? `no other peer is in reach: computing on this machine's own ${view.cores === 1 ? 'core' : `${view.cores} cores`}, and taking help as it appears`
      : 'no other peer is in reach and this one gives no cores: the job waits until one appears',
  );
}

async function deliver(
  client: Client,
  job: string,
  outcome: FinishedOutcome,
  { output, plot, raw, json }: Pick<RunOptions, 'output' | 'plot' | 'raw' | 'json'>,
): Promise<void> {
  const bytes = await client.result(job);
  const result = resultOf(outcome, bytes);
  if (output !== undefined) await writeResult(result, output, raw);
  if (plot !== undefined) await writePlot(plot, (await client.progress(job)).title, outcome, bytes);
  const { label, progress } = { label: outcome.label, progress: await client.progress(job) };
  if (json) {
    const { tasks, units, elapsedMs } = progress;
    const { fuel, executions, refuted, show, sha256, byteLength } = outcome;
    const effort = { label, tasks, units, executions, fuel, refuted, elapsedMs, show, sha256, byteLength };
    printJson({
      job,
      ...effort,
      output: output && resolve(output),
      plot: plot && resolve(plot),
      result: output === undefined ? jsonResult(result) : undefined,
    });
    return;
  }
  if (output === undefined) {
    process.stdout.write(raw ? bytes : forTerminal(result, process.stdout.isTTY === true));
  }
  const perUnit = (outcome.executions / Math.max(1, progress.units)).toFixed(2);
  say(
    `finished in ${duration(progress.elapsedMs / 1_000)}: ${progress.units} units, ${label}, ${perUnit} executions per unit, ${short(outcome.fuel)} fuel`,
  );
  for (const { author, units } of outcome.refuted) {
    say(`refuted: ${await nameOf(client, job, author)} on ${units} unit${units === 1 ? '' : 's'}`);
  }
  if (output !== undefined) say(`result written to ${resolve(output)}`);
  if (plot !== undefined) say(`plot written to ${resolve(plot)}`);
}

async function nameOf(client: Client, job: string, author: string): Promise<string> {
  const { names } = await client.job(job);
  return shortName((names as Readonly<Record<string, string>>)[author] ?? author);
}
