/**
 * A real daemon as a child process of a test: `shoal up` on a data folder, on loopback, with ports of its own.
 * Ready when this resolves. Always stopped by whoever started it; `kill('SIGKILL')` is part of the game.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The checkout, from this file as a source (`test/support`) and compiled (`dist/test/support`). */
const base = fileURLToPath(new URL('../../', import.meta.url));
export const CHECKOUT = base.endsWith('/dist/') ? base.slice(0, -'dist/'.length) : base;
export const SHOAL = join(CHECKOUT, 'node/daemon/shoal.js');

export interface DaemonOptions {
  /** Data folder. A temporary one that `stop` removes by default. */
  readonly data?: string;
  /** Peers without a common network name or swarm key must not meet: default `test`. */
  readonly network?: string | undefined;
  readonly bootstrap?: readonly string[];
  readonly cores?: number;
  readonly listen?: readonly string[];
  /** More arguments of `shoal up`. */
  readonly args?: readonly string[];
  /** Another entry that ends in `main(process.argv, overrides)`, e.g. a liar. Default: the product's own. */
  readonly entry?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Time to get ready. */
  readonly timeoutMs?: number;
}

export interface RunningDaemon {
  readonly peer: string;
  /** The peer key, 64 hex digits. */
  readonly key: string;
  readonly pid: number;
  readonly apiPort: number;
  /** Multiaddrs, with the peer's name at the end. */
  readonly addresses: readonly string[];
  /** Address of its dashboard, token included. */
  readonly dashboard: string;
  /** Link for volunteers' tabs; undefined unless `args` ask for that page. */
  readonly volunteerUrl: string | undefined;
  readonly data: string;
  readonly token: string;
  readonly child: ChildProcess;
  /** What it wrote to stderr so far: its log, one JSON object a line. */
  log(): string;
  /** GET without a body, POST with one. Rejects with an Error that has `status` and the API's message. */
  api<T = unknown>(path: string, body?: unknown): Promise<T>;
  /** Resolves when the process is gone. The data folder stays. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Orderly end by SIGTERM; removes a temporary data folder. Resolves to the exit code (null after a signal). */
  stop(): Promise<number | null>;
}

interface Ready {
  readonly peer: string;
  readonly key: string;
  readonly apiPort: number;
  readonly addresses: readonly string[];
  readonly dashboard: string;
  readonly volunteerUrl: string | undefined;
}

/** Rejects with an Error that quotes the daemon's log when it ends before it is ready, or takes too long. */
export async function startDaemon(options: DaemonOptions = {}): Promise<RunningDaemon> {
  const data = options.data ?? (await mkdtemp(join(tmpdir(), 'shoal-test-')));
  const child = spawn(process.execPath, [options.entry ?? SHOAL, ...commandLine(options, data)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...cleanEnvironment(), ...options.env },
  });
  const killWithTest = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithTest);
  child.once('exit', () => process.off('exit', killWithTest));
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-1_000_000);
  });
  // Not `exit`: its last words may still be on their way then.
  const gone = once(child, 'close');
  try {
    const ready = await readyLine(child, () => log, options.timeoutMs ?? 30_000);
    const token = (await readFile(join(data, 'token'), 'utf8')).trim();
    return {
      ...ready,
      pid: child.pid!,
      data,
      token,
      child,
      log: () => log,
      api: (path, body) => callApi(ready.apiPort, token, path, body),
      async kill(signal) {
        child.kill(signal);
        await gone;
      },
      async stop() {
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
        await gone;
        if (options.data === undefined) await rm(data, { recursive: true, force: true });
        return child.exitCode;
      },
    };
  } catch (error) {
    child.kill('SIGKILL');
    if (options.data === undefined) await rm(data, { recursive: true, force: true });
    throw error;
  }
}

/** Polls until `condition` gives something, and gives that. Rejects with what was awaited after `timeoutMs`. */
export async function until<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 60_000,
  intervalMs = 100,
): Promise<T> {
  const endsAt = performance.now() + timeoutMs;
  for (;;) {
    const found = await condition();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > endsAt) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}

export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One command line of `shoal`, to its end. Never rejects; a hanging one is killed after `timeoutMs`. */
export async function shoal(
  args: readonly string[],
  {
    env = {},
    timeoutMs = 120_000,
    entry = SHOAL,
  }: { env?: Record<string, string>; timeoutMs?: number; entry?: string } = {},
): Promise<Finished> {
  const child = spawn(process.execPath, [entry, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...cleanEnvironment(), ...env },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  await once(child, 'close');
  clearTimeout(timer);
  return { exitCode: child.exitCode, stdout, stderr };
}

function commandLine(options: DaemonOptions, data: string): string[] {
  const { network = 'test', bootstrap = [], cores = 1, listen = ['/ip4/127.0.0.1/tcp/0'], args = [] } = options;
  const usesSwarmKey = args.includes('--swarm-key');
  return [
    ...['up', '--json', '--data', data, '--cores', String(cores)],
    ...(usesSwarmKey ? [] : ['--network', network]),
    ...listen.flatMap((address) => ['--listen', address]),
    ...bootstrap.flatMap((address) => ['--bootstrap', address]),
    ...args,
  ];
}

/** Without the caller's own SHOAL_ variables, which would change what is tested. */
function cleanEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SHOAL_')));
}

async function readyLine(child: ChildProcess, log: () => string, timeoutMs: number): Promise<Ready> {
  const lines = createInterface({ input: child.stdout! });
  return new Promise((resolve, reject) => {
    const fail = (what: string): void => reject(new Error(`daemon ${what}\n${log()}`));
    const timer = setTimeout(() => fail(`was not ready after ${timeoutMs} ms`), timeoutMs);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      fail(`ended before it was ready (${signal ?? `exit code ${code}`})`);
    });
    lines.on('line', (line) => {
      const answer = JSON.parse(line) as Partial<Ready> & { ready?: boolean };
      if (answer.ready !== true) return;
      clearTimeout(timer);
      resolve(answer as Ready);
    });
  });
}

async function callApi<T>(port: number, token: string, path: string, body: unknown): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw Object.assign(new Error(`${path}: ${response.status} ${text}`), { status: response.status });
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return (isJson ? JSON.parse(text) : text) as T;
}
