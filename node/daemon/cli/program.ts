/**
 * The command line of `shoal`: which commands and flags there are. What they do stands in the files beside this one, which
 * are loaded when they are asked for, so that a command waits for nobody else's libraries; how an error ends stands in
 * `errors.ts`.
 */
import { resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Overrides } from '../compose.ts';
import type { ConfigSources } from '../config.ts';
import { dataFolderOf } from '../data-folder.ts';
import { ShoalError, translate } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { VERSION } from '../installation.ts';
import { LOG_LEVELS } from '../log-levels.ts';
import { Client } from './client.ts';
import { kernelCommands } from './kernel/commands.ts';
import type { KernelChoice } from './kernel-argument.ts';
import { endQuietlyOnClosedPipe, print, printJson, say } from './output.ts';
import type { RunOptions } from './run.ts';
import type { WasiFlags } from './wasi-program.ts';

interface CommonFlags {
  readonly data?: string;
  readonly config?: string;
  readonly json?: true;
  readonly logLevel?: string;
}

interface PeerFlags extends CommonFlags {
  readonly listen?: string[];
  readonly bootstrap?: string[];
  readonly cores?: string;
  readonly swarmKey?: string;
  readonly apiPort?: string;
  readonly blockQuota?: string;
  readonly peersMax?: string;
  readonly network?: string;
  readonly serveVolunteers?: string | true;
  readonly volunteerHost?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

interface ResultFlags {
  readonly output?: string;
  readonly plot?: string;
  readonly raw?: true;
}

interface RunFlags extends PeerFlags, ResultFlags, WasiFlags {
  readonly file?: string;
  readonly quorum?: number;
  readonly replicas?: number;
  readonly own?: 'never' | 'alone' | 'always';
  readonly tasksPerUnit?: number;
  readonly taskSize?: number;
  readonly priority?: number;
  readonly ttl?: number;
  readonly detach?: true;
}

/** Runs one command line and sets the process's exit code. `overrides` replace parts of peers started by it. */
export async function main(argv: readonly string[], overrides: Overrides = {}): Promise<void> {
  endQuietlyOnClosedPipe();
  try {
    await createProgram(overrides).parseAsync([...argv]);
  } catch (error) {
    process.exitCode = report(error, argv);
  }
}

function report(error: unknown, argv: readonly string[]): number {
  // Commander has said what was wrong already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const { code, message, exitCode } = translate(error);
  if (argv.includes('--json')) printJson({ error: { code, message, exitCode } });
  say(code === 'interrupted' ? message : `shoal: ${message}`);
  if (code === 'failed' && error instanceof Error && argv.includes('debug')) say(error.stack ?? '');
  return exitCode;
}

export function createProgram(overrides: Overrides): Command {
  const program = new Command('shoal')
    .description('A peer-to-peer volunteer compute network: verified WebAssembly work without a coordinator.')
    .version(VERSION, '-V, --version')
    .exitOverride()
    .showHelpAfterError('("shoal --help" shows all commands)');

  volunteerFlags(peerFlags(command(program, 'up', 'start a peer and keep it running')))
    .allowExcessArguments(false)
    .action(async (flags: PeerFlags) => {
      const { up } = await import('./up.ts');
      await up({ sources: sourcesOf(flags), json: flags.json === true, overrides });
    });

  resultFlags(peerFlags(command(program, 'run', 'submit a job, follow it and print its result')))
    .argument('[kernel]', 'built-in kernel, folder with kernel.json, or .wasm file with its manifest beside it')
    .argument('[arguments...]', "the kernel's own arguments, e.g. --from 0 --to 1000000")
    .option('--wasi <file>', 'a WASI preview1 program instead of a kernel; its own arguments follow "--"')
    .option('--stdin-lines <file>', 'with --wasi: standard input, cut at ends of lines into tasks (--task-size bytes)')
    .option('--stdin-file <file>', 'with --wasi: standard input as a whole, in one task')
    .option('--fuel <n>', 'with --wasi: fuel for each task (default: 20000000000)', wholeNumber)
    .option('--memory <size>', 'with --wasi: memory for each task, e.g. 128MiB (default: 64MiB)')
    .option('--file <path>', 'input file, for kernels that read one')
    .option('--quorum <m>', 'results that must agree for each unit', wholeNumber)
    .option('--replicas <r>', 'replicas started from the beginning (default: the quorum)', wholeNumber)
    .addOption(
      new Option('--own <when>', 'use results only this peer computed (default: alone)').choices([
        'never',
        'alone',
        'always',
      ]),
    )
    .option('--tasks-per-unit <n>', 'tasks in one work unit', wholeNumber)
    .option('--task-size <n>', 'bytes, numbers or pixels to a side in one task', wholeNumber)
    .option('--priority <n>', 'order among your own jobs, larger first', anyInteger)
    .option('--ttl <seconds>', 'give up after this time', wholeNumber)
    .option('--detach', "print the job's id and leave it to the daemon")
    .allowUnknownOption()
    .action(async (kernel: string | undefined, words: string[], flags: RunFlags) => {
      const { run } = await import('./run.ts');
      if (flags.wasi === undefined) return run(runOptions(kernelOf(kernel, flags), words, flags, overrides));
      const { wasiRun } = await import('./wasi-program.ts');
      const program = await wasiRun(flags, kernel === undefined ? words : [kernel, ...words]);
      return run({ ...runOptions(program.kernel, [], flags, overrides), file: program.file });
    });

  common(program, 'cancel', 'cancel a job of this peer')
    .argument('<job>', 'id, or its beginning')
    .action(async (job: string, flags: CommonFlags) => {
      const id = await (await Client.connect(dataFolderOf(sourcesOf(flags)))).cancel(job);
      if (flags.json === true) printJson({ job: id, cancelling: true });
      else print(`job ${id} is being cancelled`);
    });
  common(program, 'raise', 'ask for a larger quorum on every unit of a running job')
    .argument('<job>', 'id, or its beginning')
    .requiredOption('--quorum <m>', 'results that must agree for each unit', wholeNumber)
    .action(async (job: string, flags: CommonFlags & { readonly quorum: number }) => {
      const id = await (await Client.connect(dataFolderOf(sourcesOf(flags)))).raise(job, flags.quorum);
      if (flags.json === true) printJson({ job: id, quorum: flags.quorum });
      else print(`job ${id} is being raised to a quorum of ${flags.quorum}`);
    });
  common(program, 'status', 'what this peer is and does').action(async (flags: CommonFlags) =>
    (await show()).showStatus(showOptions(flags)),
  );
  common(program, 'dashboard', 'the address of the page that shows this peer')
    .option('--watch-only', 'an address that lets its holder look, but not submit, cancel or change anything')
    .action(async (flags: CommonFlags & { readonly watchOnly?: true }) => {
      const { showDashboard } = await import('./dashboard.ts');
      await showDashboard({ ...showOptions(flags), watchOnly: flags.watchOnly === true });
    });
  common(program, 'peers', 'peers this one knows').action(async (flags: CommonFlags) =>
    (await show()).showPeers(showOptions(flags)),
  );
  common(program, 'jobs', 'jobs this peer knows').action(async (flags: CommonFlags) =>
    (await show()).showJobs(showOptions(flags)),
  );
  common(program, 'job', 'one job, unit by unit')
    .argument('<job>', 'id, or its beginning')
    .action(async (job: string, flags: CommonFlags) => (await show()).showJob(job, showOptions(flags)));
  peerFlags(command(program, 'why', 'why this peer idles, or why a job waits'))
    .argument('[job]', 'id, or its beginning')
    .action(async (job: string | undefined, flags: PeerFlags) => (await show()).showWhy(job, showOptions(flags)));
  resultFlags(common(program, 'result', 'the result of a job of this peer'))
    .argument('<job>', 'id, or its beginning')
    .action(async (job: string, flags: CommonFlags & ResultFlags) => {
      const { getResult } = await import('./run.ts');
      const { output, plot, raw } = flags;
      await getResult(job, { ...showOptions(flags), output, plot, raw: raw === true });
    });

  kernelCommands(program);
  const key = program.command('key').description('keys of private networks');
  command(key, 'new', 'write the swarm key of a new private network')
    .argument('<file>')
    .option('--json', 'answer as JSON')
    .action(async (file: string, flags: { json?: true }) => {
      const { createSwarmKeyFile } = await import('../swarm-key.ts');
      await createSwarmKeyFile(resolve(file));
      if (flags.json === true) printJson({ swarmKey: resolve(file) });
      else
        print(
          `swarm key written to ${resolve(file)}. Give it to every peer of the network: shoal up --swarm-key ${file}`,
        );
    });
  return program;
}

/** What only looks. */
const show = () => import('./show.ts');

function command(parent: Command, name: string, description: string): Command {
  return parent.command(name).description(description).exitOverride();
}

function common(parent: Command, name: string, description: string): Command {
  return commonFlags(command(parent, name, description)).allowExcessArguments(false);
}

function commonFlags(target: Command): Command {
  return target
    .option('--data <folder>', 'data folder (default: ~/.local/share/shoal)')
    .option('--config <file>', 'configuration file (default: config.json in the data folder)')
    .option('--log-level <level>', `${LOG_LEVELS.join(', ')}; logs go to stderr`)
    .option('--json', 'answer as JSON');
}

function peerFlags(target: Command): Command {
  return commonFlags(target)
    .option('--listen <multiaddr>', 'address to listen on; repeat for several', collect)
    .option('--bootstrap <multiaddr>', 'peer to connect to at start; repeat for several', collect)
    .option('--cores <n>', 'work units executed side by side (default: half the cores)')
    .option('--swarm-key <file>', 'key of a private network')
    .option('--network <name>', 'name of a test network')
    .option('--api-port <port>', 'port of the control API on 127.0.0.1 (default: any free one)')
    .option('--block-quota <size>', 'space for blocks, e.g. 2GiB (default: 4GiB)')
    .option('--peers-max <n>', 'peers connected at once; further ones are told that it is full (default: 128)');
}

/** Of a peer that stays: only it can be handed to others. */
function volunteerFlags(target: Command): Command {
  return target
    .option(
      '--serve-volunteers [host:port]',
      'serve the page with which others join by a browser tab (default: 127.0.0.1:4102); beyond 127.0.0.1 it needs a certificate. Adds listen addresses that tabs can dial',
    )
    .option(
      '--volunteer-host <name>',
      "name or address under which others reach it, one of the certificate's (default: taken from there)",
    )
    .option('--tls-cert <file>', 'certificate in PEM form, with its chain: for that page, and for /tls/ws addresses')
    .option('--tls-key <file>', 'its private key in PEM form, without a passphrase');
}

function resultFlags(target: Command): Command {
  return target
    .option('--output <file>', 'write the result to a file instead of stdout')
    .option('--plot <file>', 'draw the result into an SVG file, where the kernel has a plot')
    .option('--raw', 'the result as the kernel wrote it, byte by byte');
}

function sourcesOf(flags: PeerFlags): ConfigSources {
  return {
    flags: {
      dataFolder: flags.data,
      listen: flags.listen,
      bootstrap: flags.bootstrap,
      cores: flags.cores,
      swarmKey: flags.swarmKey,
      apiPort: flags.apiPort,
      logLevel: flags.logLevel,
      blockQuota: flags.blockQuota,
      peersMax: flags.peersMax,
      network: flags.network,
      serveVolunteers: flags.serveVolunteers,
      volunteerHost: flags.volunteerHost,
      tlsCert: flags.tlsCert,
      tlsKey: flags.tlsKey,
    },
    environment: process.env,
    file: flags.config,
  };
}

function showOptions(flags: PeerFlags): { sources: ConfigSources; json: boolean } {
  return { sources: sourcesOf(flags), json: flags.json === true };
}

function kernelOf(kernel: string | undefined, flags: RunFlags): string {
  const only = (['stdinLines', 'stdinFile', 'fuel', 'memory'] as const).find((name) => flags[name] !== undefined);
  if (only !== undefined) {
    const flag = only.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`);
    throw new ShoalError(
      'usage',
      `--${flag} goes with --wasi <program.wasm>; a kernel says in its kernel.json what it takes.`,
    );
  }
  if (kernel !== undefined) return kernel;
  throw new ShoalError('usage', 'shoal run needs a kernel, or --wasi <program.wasm>. "shoal run --help" shows how.');
}

function runOptions(
  kernel: string | KernelChoice,
  words: readonly string[],
  flags: RunFlags,
  overrides: Overrides,
): RunOptions {
  const { quorum, replicas, own, tasksPerUnit, taskSize, priority, ttl } = flags;
  if (flags.detach === true && flags.output !== undefined) {
    throw new ShoalError(
      'usage',
      '--detach and --output exclude each other: get the result later with "shoal result <job> --output <file>".',
    );
  }
  const policy = { quorum, replicas, ownResults: own, tasksPerUnit, taskSize, priority, ttlMs: ttl && ttl * 1_000 };
  return {
    ...showOptions(flags),
    kernel,
    words,
    file: flags.file === undefined ? undefined : { flag: '--file', path: flags.file },
    policy: Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined)),
    detach: flags.detach === true,
    output: flags.output,
    plot: flags.plot,
    raw: flags.raw === true,
    overrides,
  };
}

function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('expected a whole number from 1 on.');
  return Number(text);
}

function anyInteger(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new InvalidArgumentError('expected a whole number.');
  return Number(text);
}
