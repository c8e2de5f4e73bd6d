/** Jobs through the command line: results as files and JSON, detaching, cancelling, signals, restarts, embedded peers. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../node/daemon/exit-codes.ts';
import { CHECKOUT, type RunningDaemon, SHOAL, shoal, startDaemon, until } from '../support/daemon.ts';

// Every command is a process of its own; on a busy machine each takes seconds.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let folder: string;
let running: RunningDaemon[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-life-'));
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((daemon) => daemon.stop()));
  await rm(folder, { recursive: true, force: true });
});

async function start(options: Parameters<typeof startDaemon>[0] = {}): Promise<RunningDaemon> {
  const daemon = await startDaemon({ network: 'life', ...options });
  running.push(daemon);
  return daemon;
}

interface Progress {
  readonly state: string;
  readonly units: number;
  readonly done: number;
}

const progressOf = (daemon: RunningDaemon, job: string): Promise<Progress> => daemon.api(`jobs/${job}/progress`);

/** Many seconds of work on one core, in about a hundred units. */
const LONG = ['prime-count', '--to', '40000000000', '--task-size', '40000000', '--tasks-per-unit', '10'];

/** A child process whose stderr can be waited for. */
function spawnShoal(args: readonly string[]) {
  const child = spawn(process.execPath, [SHOAL, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const closed = once(child, 'close');
  return { child, closed, stdout: () => stdout, stderr: () => stderr };
}

describe('results', () => {
  it('come as text, as a file, raw and as JSON, and stay after a restart', async () => {
    const data = join(folder, 'data');
    const daemon = await start({ data });
    const text = join(folder, 'text.txt');
    await writeFile(text, 'the cat and the dog\n\nand the end\n');

    const first = await shoal(['run', 'word-count', '--file', text, '--data', data]);
    expect(first.exitCode, first.stderr).toBe(EXIT.ok);
    expect(first.stdout).toMatch(/^3 {2}the\n2 {2}and\n/);
    expect(first.stderr).toContain('own');

    const table = join(folder, 'counts.tsv');
    const asJson = await shoal(['run', 'word-count', '--file', text, '--output', table, '--json', '--data', data]);
    const { job, label, units } = JSON.parse(asJson.stdout) as { job: string; label: string; units: number };
    expect({ label, units }).toEqual({ label: 'own', units: 1 });
    expect(await readFile(table, 'utf8')).toMatch(/^the\t3\nand\t2\ncat\t1\n/);

    await daemon.kill('SIGKILL');
    running.pop();
    const again = await start({ data });
    expect(again.key).toBe(daemon.key);
    const later = await shoal(['result', job.slice(0, 8), '--json', '--data', data]);
    expect((JSON.parse(later.stdout) as { result: object }).result).toMatchObject({ the: '3', and: '2', dog: '1' });
    const raw = join(folder, 'raw.bin');
    expect((await shoal(['result', job, '--raw', '--output', raw, '--data', data])).exitCode).toBe(EXIT.ok);
    expect((await readFile(raw)).length).toBe(5 * 12 + 'theandcatdogend'.length);
  });

  it('are pictures in a format other programs open', async () => {
    const daemon = await start();
    const file = join(folder, 'set.ppm');
    const args = ['--width', '100', '--height', '60', '--centre-x', '-0.5', '--iterations', '50'];
    const run = await shoal(['run', 'mandelbrot', ...args, '--output', file, '--data', daemon.data]);
    expect(run.exitCode, run.stderr).toBe(EXIT.ok);
    const picture = await readFile(file);
    expect(picture.subarray(0, 14).toString()).toBe('P6\n100 60\n255\n');
    expect(picture.length).toBe(14 + 100 * 60 * 3);
  });
});

describe('a network of two', () => {
  it('agrees, and says who counted', async () => {
    const one = await start();
    const other = await start({ bootstrap: one.addresses });
    await until('both to know each other', async () => {
      const { peers } = await one.api<{ peers: { connected: boolean; cores?: number }[] }>('peers');
      return peers.some((peer) => peer.connected && peer.cores !== undefined);
    });
    const run = await shoal([
      'run',
      'prime-count',
      '--to',
      '100000000',
      '--own',
      'never',
      '--json',
      '--data',
      one.data,
    ]);
    expect(run.exitCode, run.stderr).toBe(EXIT.ok);
    expect(JSON.parse(run.stdout)).toMatchObject({ label: 'quorum 2/2', result: '5761455' });

    const jobs = await shoal(['jobs', '--data', other.data]);
    expect(jobs.stdout).toMatch(/finished +4\/4 .*Prime count/);
    const { job } = JSON.parse(run.stdout) as { job: string };
    const rows = await shoal(['job', job.slice(0, 8), '--data', one.data]);
    const name = (daemon: RunningDaemon): string => daemon.peer.slice(-8);
    expect(rows.stdout).toMatch(new RegExp(`0 +agreed +quorum 2/2 .*(${name(one)}|${name(other)})`));
    const peers = await shoal(['peers', '--data', one.data]);
    expect(peers.stdout).toContain(other.peer);
  });
});

describe('a long job', () => {
  it('goes on after kill −9 of its daemon, and can be cancelled', async () => {
    const data = join(folder, 'data');
    const daemon = await start({ data });
    const submitted = await shoal(['run', ...LONG, '--detach', '--data', data]);
    expect(submitted.exitCode, submitted.stderr).toBe(EXIT.ok);
    const job = submitted.stdout.trim();
    expect(job).toMatch(/^[0-9a-f]{64}$/);
    const before = await until('some units', async () => {
      const progress = await progressOf(daemon, job);
      return progress.done >= 2 && progress;
    });
    expect(before.units).toBe(100);
    expect((await shoal(['result', job, '--data', data])).exitCode).toBe(EXIT.notFound);

    await daemon.kill('SIGKILL');
    running.pop();
    const again = await start({ data });
    const after = await until('more units than before', async () => {
      const progress = await progressOf(again, job);
      return progress.done > before.done && progress;
    });
    expect(after.state).toBe('running');

    expect((await shoal(['cancel', job.slice(0, 10), '--data', data])).exitCode).toBe(EXIT.ok);
    await until('the end of the job', async () => (await progressOf(again, job)).state === 'cancelled');
    expect((await shoal(['result', job, '--data', data])).exitCode).toBe(EXIT.jobCancelled);
    expect((await shoal(['cancel', job, '--data', data])).exitCode).toBe(EXIT.usage);
  });

  it('is left to the daemon on Ctrl-C where nobody can be asked', async () => {
    const daemon = await start();
    const run = spawnShoal(['run', ...LONG, '--data', daemon.data]);
    await until('progress', () => /\d+\/100 units/.test(run.stderr()));
    run.child.kill('SIGINT');
    await run.closed;
    expect(run.child.exitCode).toBe(EXIT.interrupted);
    expect(run.stderr()).toMatch(/the daemon goes on with job/);
    const { jobs } = await daemon.api<{ jobs: { state: string; job: string }[] }>('jobs');
    expect(jobs).toMatchObject([{ state: 'running' }]);
    await daemon.api(`jobs/${jobs[0]!.job}/cancel`, {});
  });

  it('is cancelled on Ctrl-C where its peer lives in the same process', async () => {
    const data = join(folder, 'embedded');
    const args = ['--network', 'life', '--listen', '/ip4/127.0.0.1/tcp/0', '--data', data];
    const run = spawnShoal(['run', ...LONG, ...args]);
    await until('progress', () => /\d+\/100 units/.test(run.stderr()));
    run.child.kill('SIGTERM');
    await run.closed;
    expect(run.child.exitCode).toBe(EXIT.interrupted);
    expect(run.stderr()).toMatch(/starting a peer for this job/);
    expect(run.stderr()).toMatch(/no other peer is in reach/);
    expect(run.stderr()).toMatch(/is cancelled/);
    expect(await readdir(data)).not.toContain('api.json');
    const later = await start({ data });
    const { jobs } = await later.api<{ jobs: { state: string }[] }>('jobs');
    expect(jobs.every(({ state }) => state === 'cancelled')).toBe(true);
  });
});

describe('a job that cannot go on', () => {
  it('says why, and that one more peer would help', async () => {
    const daemon = await start();
    const run = spawnShoal(['run', 'prime-count', '--to', '1000', '--own', 'never', '--data', daemon.data]);
    await until('the reason', () => /peer.*\n {2}→ /.test(run.stderr()));
    await start({ bootstrap: daemon.addresses });
    await run.closed;
    expect(run.stdout()).toBe('168\n');
    expect(run.stderr()).toMatch(/quorum 2\/2/);
  });
});

describe('an embedded peer', () => {
  it('computes alone, joins a running network, and leaves nothing open', async () => {
    const args = ['--network', 'life', '--data', join(folder, 'own')];
    const alone = await shoal(['run', 'prime-count', '--to', '1000000', ...args]);
    expect(alone.exitCode, alone.stderr).toBe(EXIT.ok);
    expect(alone.stdout).toBe('78498\n');
    expect(alone.stderr).toMatch(/own/);

    const helper = await start();
    const helped = await shoal([
      'run',
      'prime-count',
      '--to',
      '1000000',
      '--bootstrap',
      helper.addresses[0]!,
      ...args,
      '--own',
      'never',
    ]);
    expect(helped.exitCode, helped.stderr).toBe(EXIT.ok);
    expect(helped.stderr).toMatch(/quorum 2\/2/);
  });

  it('takes a folder of its own where another one uses this', async () => {
    const args = ['--network', 'life', '--listen', '/ip4/127.0.0.1/tcp/0', '--data', join(folder, 'shared')];
    const first = spawnShoal(['run', ...LONG, ...args]);
    await until('progress', () => /\d+\/100 units/.test(first.stderr()));
    // The first peer puts its own job first, so this one takes its own result.
    const second = await shoal(['run', 'prime-count', '--to', '100000', '--own', 'always', ...args]);
    expect(second.exitCode, second.stderr).toBe(EXIT.ok);
    expect(second.stdout).toBe('9592\n');
    expect(second.stderr).toMatch(/temporary data folder/);
    const detached = await shoal(['run', 'prime-count', '--to', '100000', '--detach', ...args]);
    expect(detached.exitCode).toBe(EXIT.daemonUnreachable);
    first.child.kill('SIGINT');
    await first.closed;
    expect(first.child.exitCode).toBe(EXIT.interrupted);
  });
});

describe('the command itself', () => {
  it('says its version and stops orderly', async () => {
    const { version } = JSON.parse(await readFile(join(CHECKOUT, 'package.json'), 'utf8')) as { version: string };
    expect((await shoal(['--version'])).stdout).toBe(`${version}\n`);
    const daemon = await startDaemon({ network: 'life' });
    expect(await daemon.stop()).toBe(EXIT.ok);
  });

  it('survives a reader that goes away', async () => {
    const daemon = await start();
    const run = spawnShoal(['status', '--json', '--data', daemon.data]);
    run.child.stdout.destroy();
    await run.closed;
    expect(run.stderr()).toBe('');
  });

  it('says what is missing where it is not installed', async () => {
    await mkdir(join(folder, 'node/daemon'), { recursive: true });
    await cp(SHOAL, join(folder, 'node/daemon/shoal.js'));
    const entry = join(folder, 'node/daemon/shoal.js');
    const manifest = { type: 'module', engines: { node: '>=20.20.0' }, dependencies: { 'some-library': '1' } };
    const runWith = async (change: object) => {
      await writeFile(join(folder, 'package.json'), JSON.stringify({ ...manifest, ...change }));
      return shoal(['--version'], { entry });
    };
    for (const [change, message] of [
      [{ engines: { node: '>=99.1.0' } }, /Node\.js .* is too old: shoal needs >=99\.1\.0/],
      [{}, /dependencies are missing \(some-library\).*npm ci/],
      [{ dependencies: {} }, /the build is missing.*npm run build/],
    ] as const) {
      const run = await runWith(change);
      expect(run.stderr).toMatch(message);
      expect(run.exitCode).toBe(EXIT.installation);
    }
  });
});
