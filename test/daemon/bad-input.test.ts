/** The README's table of errors, row by row, through the real command line: message, exit code, and a daemon that stays up. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../node/daemon/exit-codes.ts';
import { type RunningDaemon, shoal, startDaemon, until } from '../support/daemon.ts';
import { type BadKernel, writeKernel } from './bad-kernels.ts';

// Every command is a process of its own; on a busy machine each takes seconds.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let folder: string;
let daemon: RunningDaemon;
let finishedJob: string;

const LOOPBACK = ['--listen', '/ip4/127.0.0.1/tcp/0'];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-bad-'));
  daemon = await startDaemon({ network: 'bad-input' });
  const run = await shoal(['run', await writeKernel(folder, 'works'), '--json', '--data', daemon.data]);
  expect(run.exitCode, run.stderr).toBe(EXIT.ok);
  finishedJob = (JSON.parse(run.stdout) as { job: string }).job;
});

/** Nothing that went wrong took the daemon down or anything with it. */
afterAll(async () => {
  try {
    const { pid } = await daemon.api<{ pid: number }>('status');
    expect(pid).toBe(daemon.pid);
    const kept = await shoal(['result', finishedJob, '--raw', '--data', daemon.data]);
    expect(kept.exitCode).toBe(EXIT.ok);
    expect(kept.stdout).toHaveLength(64);
  } finally {
    expect(await daemon.stop()).toBe(0);
    await rm(folder, { recursive: true, force: true });
  }
});

describe('kernels', () => {
  const rows: readonly [BadKernel, RegExp, number][] = [
    ['no-wasm', /kernel|WebAssembly/i, EXIT.kernelRefused],
    ['forbidden-import', /env\.now|import/, EXIT.kernelRefused],
    ['loops-for-ever', /ran out of fuel/, EXIT.jobFailed],
    ['allocates-without-end', /trapped/, EXIT.jobFailed],
    ['recurses-without-end', /trapped.*recursion/, EXIT.jobFailed],
  ];
  it.each(rows)('%s', async (name, message, exitCode) => {
    const run = await shoal(['run', await writeKernel(folder, name), '--data', daemon.data]);
    expect(run.stderr).toMatch(message);
    expect(run.stderr).not.toMatch(/ at .*\.js:\d+/);
    expect(run.stdout).toBe('');
    expect(run.exitCode).toBe(exitCode);
    const { jobs } = await daemon.api<{ jobs: readonly { job: string }[] }>('jobs');
    expect(jobs.map(({ job }) => job)).toEqual([finishedJob]);
  });

  it('fails a job whose tasks the network agreed to trap, naming tasks and trap', async () => {
    const run = await shoal(['run', await writeKernel(folder, 'fails-on-odd'), '--json', '--data', daemon.data]);
    expect(run.exitCode, run.stderr).toBe(EXIT.jobFailed);
    const { error } = JSON.parse(run.stdout) as { error: { code: string; message: string } };
    expect(error.code).toBe('job-failed');
    expect(error.message).toMatch(/^4 of 8 tasks failed \(own\): 4 trapped .*First: task 1\.$/);
    const jobs = await daemon.api<{ jobs: readonly { job: string }[] }>('jobs');
    const failed = jobs.jobs.find(({ job }) => job !== finishedJob)!.job;
    const later = await shoal(['result', failed.slice(0, 12), '--data', daemon.data]);
    expect(later.exitCode).toBe(EXIT.jobFailed);
    expect(later.stderr).toContain('4 of 8 tasks failed');
  });
});

describe('what is named but not there, or not understood', () => {
  const rows: readonly [string, readonly string[], RegExp, number][] = [
    ['an unknown kernel', ['run', 'no-such-kernel'], /no kernel named no-such-kernel.*word-count/, EXIT.missingFile],
    ['a missing kernel file', ['run', './no/such.wasm'], /no\/such\.wasm: no such file/, EXIT.missingFile],
    [
      'a missing input file',
      ['run', 'word-count', '--file', '/no/such.txt'],
      /--file \/no\/such\.txt: no such file/,
      EXIT.missingFile,
    ],
    ['no input file', ['run', 'word-count'], /--file/, EXIT.usage],
    ['an unknown argument', ['run', 'prime-count', '--form', '1'], /unknown option --form.*--from, --to/, EXIT.usage],
    ['a missing argument', ['run', 'prime-count'], /\bto\b/, EXIT.usage],
    ['an argument that is no number', ['run', 'prime-count', '--to', 'ten'], /\bto\b.*whole number/, EXIT.usage],
    ['an empty range', ['run', 'prime-count', '--from', '5', '--to', '5'], /range is empty/, EXIT.usage],
    ['a quorum of nothing', ['run', 'prime-count', '--to', '5', '--quorum', '0'], /quorum/, EXIT.usage],
    ['an unknown job', ['job', 'ffff'], /no job ffff/, EXIT.notFound],
    ['an unknown command', ['fly'], /unknown command 'fly'/, EXIT.usage],
  ];
  it.each(rows)('%s', async (_, args, message, exitCode) => {
    const run = await shoal([...args, ...(args[0] === 'fly' ? [] : ['--data', daemon.data])]);
    expect(run.stderr).toMatch(message);
    expect(run.stdout).toBe('');
    expect(run.exitCode).toBe(exitCode);
  });

  it('a bad address, in a flag and in the environment', async () => {
    const data = join(folder, 'bad-address');
    const flag = await shoal(['up', '--data', data, '--listen', '127.0.0.1:4100']);
    expect(flag.stderr).toMatch(/listen: .*127\.0\.0\.1:4100.*--listen/);
    expect(flag.exitCode).toBe(EXIT.address);
    const variable = await shoal(['up', '--data', data, ...LOOPBACK], { env: { SHOAL_BOOTSTRAP: 'there' } });
    expect(variable.stderr).toMatch(/bootstrap: .*there.*SHOAL_BOOTSTRAP/);
    expect(variable.exitCode).toBe(EXIT.address);
  });

  it('a port that is taken', async () => {
    const taken = daemon.addresses[0]!.replace(/\/p2p\/.*/, '');
    const second = await shoal(['up', '--data', join(folder, 'taken'), '--network', 'bad-input', '--listen', taken]);
    expect(second.stderr).toContain(taken);
    expect(second.exitCode).toBe(EXIT.address);
  });
});

describe('kernels under development', () => {
  const vectorsOf = (file: object): Promise<string> => withFile('vectors.json', JSON.stringify(file));
  /** The kernel that works, and one more file beside it. */
  async function withFile(name: string, text: string): Promise<string> {
    const parent = await mkdtemp(join(folder, 'kernel-'));
    const kernel = await writeKernel(parent, 'works');
    await writeFile(join(kernel, name), text);
    return kernel;
  }
  const CASE = { name: 'three', arguments: { to: 8 }, input: { u64: [3, 4] }, expected: { u64: 3 } };
  const rows: readonly [string, () => Promise<readonly string[]>, RegExp, number][] = [
    ['a folder with something in it', async () => ['new', folder], /nothing is overwritten/, EXIT.usage],
    ['a template nobody has', async () => ['new', 'x', '--template', 'tree'], /tree.*map, reduce, grid/, EXIT.usage],
    [
      'a folder without source',
      async () => ['build', await writeKernel(folder, 'works')],
      /index\.ts: no such file/,
      EXIT.missingFile,
    ],
    [
      'a mistake in the source',
      async () => ['build', await withFile('index.ts', '\nlet a: i32 = b;\n')],
      /Cannot find name 'b'[\s\S]*index\.ts\(2,14\)/,
      EXIT.kernelRefused,
    ],
    [
      'a key no manifest has',
      async () => ['build', await withFile('kernel.json', '{"name": "x", "colour": 1}')],
      /kernel\.json: title: [\s\S]*kernel\.json: the whole file: .*colour/,
      EXIT.kernelRefused,
    ],
    [
      'no vectors',
      async () => ['test', await withFile('notes.txt', '')],
      /vectors\.json: no such file/,
      EXIT.missingFile,
    ],
    [
      'vectors with a key they have not',
      async () => ['test', await vectorsOf({ cases: [{ ...CASE, expect: 3 }] })],
      /vectors\.json: cases\[0\]: .*"expect"/,
      EXIT.kernelRefused,
    ],
    [
      'a kernel that computes something else',
      async () => ['test', await vectorsOf({ cases: [CASE, { ...CASE, name: 'four', expected: { u64: 4 } }] })],
      /1 of 2 failed: four/,
      EXIT.testFailed,
    ],
    [
      'a kernel that is refused',
      async () => ['inspect', await writeKernel(folder, 'forbidden-import')],
      /env\.now/,
      EXIT.kernelRefused,
    ],
    ['no kernel at all', async () => ['inspect', 'no-such'], /no-such: no such file.*word-count/, EXIT.missingFile],
    [
      'a content id of which nothing is known',
      async () => ['inspect', `bafkrei${'a'.repeat(52)}`, '--data', daemon.data],
      /no job known here uses .*not kept here/,
      EXIT.notFound,
    ],
    ['a job that is not known', async () => ['inspect', 'ffff', '--data', daemon.data], /no job ffff/, EXIT.notFound],
  ];
  it.each(rows)('%s', async (_, args, message, exitCode) => {
    const run = await shoal(['kernel', ...(await args())]);
    expect(run.stderr).toMatch(message);
    expect(run.stderr).not.toMatch(/ at .*\.js:\d+/);
    expect(run.exitCode).toBe(exitCode);
  });
});

it('says of a kernel that is known what it may touch, and who announced it', async () => {
  interface Answer {
    readonly cid: string;
    readonly isKept: boolean;
    readonly imports: readonly string[];
    readonly bytes: number;
    readonly uses: readonly { readonly job: string; readonly own: boolean; readonly memoryPagesMax: number }[];
  }
  const answers: Answer[] = [];
  for (const kernel of [finishedJob.slice(0, 12), undefined]) {
    const args = ['kernel', 'inspect', kernel ?? answers[0]!.cid, '--data', daemon.data];
    const run = await shoal([...args, '--json']);
    expect(run.exitCode, run.stderr).toBe(EXIT.ok);
    answers.push(JSON.parse(run.stdout) as Answer);
  }
  const [byJob, byContent] = answers;
  expect(byContent).toEqual(byJob);
  expect(byJob).toMatchObject({
    isKept: true,
    imports: [],
    uses: [{ job: finishedJob, own: true, memoryPagesMax: 64 }],
  });
  expect(byJob!.bytes).toBeGreaterThan(100);
  const local = await shoal(['kernel', 'inspect', await writeKernel(folder, 'works'), '--data', daemon.data]);
  expect(local.stdout).toContain(byJob!.cid);
  expect(local.stdout).toMatch(/imports +none: no files, no network, no clock, no randomness/);
  expect(local.stdout).toMatch(/memory +begins with 64.0 KiB, at most 4.0 MiB/);
  expect(local.stdout).toMatch(/fuel +at most 20.00 M a task/);
  expect(local.stdout).toMatch(/announced by +this peer/);
});

describe('data folders', () => {
  it('a second daemon on the same one', async () => {
    const second = await shoal(['up', '--data', daemon.data, '--network', 'bad-input', ...LOOPBACK]);
    expect(second.stderr).toMatch(new RegExp(`${daemon.data} is in use by another peer \\(pid ${daemon.pid}\\)`));
    expect(second.exitCode).toBe(EXIT.dataFolderInUse);
  });

  it('one of a newer version, which stays as it is', async () => {
    const newer = join(folder, 'newer');
    await mkdir(newer);
    await writeFile(join(newer, 'schema.json'), '{"schema": 99}');
    for (const args of [['up', ...LOOPBACK], ['why'], ['run', 'prime-count', '--to', '100']]) {
      const run = await shoal([...args, '--data', newer]);
      expect(run.stderr).toMatch(/newer version of shoal \(schema 99/);
      expect(run.exitCode).toBe(EXIT.dataFolderNewer);
    }
    expect(await readdir(newer)).toEqual(['schema.json']);
  });

  it('one where no daemon runs', async () => {
    const run = await shoal(['status', '--data', join(folder, 'nobody')]);
    expect(run.stderr).toMatch(/no daemon runs on data folder .*nobody.*shoal up/);
    expect(run.exitCode).toBe(EXIT.daemonUnreachable);
  });
});

describe('swarm keys', () => {
  it('a missing file is named by up and by why', async () => {
    const data = join(folder, 'keyless');
    for (const command of ['up', 'why']) {
      const run = await shoal([command, '--data', data, '--swarm-key', '/no/such.key']);
      expect(run.stderr).toMatch(/swarmKey: \/no\/such\.key does not exist \(from --swarm-key\)/);
      expect(run.exitCode).toBe(EXIT.swarmKey);
    }
  });

  it('a peer with another key, and one without, name the key in the log of up and in why', async () => {
    const [right, wrong] = [join(folder, 'right.key'), join(folder, 'wrong.key')];
    for (const path of [right, wrong]) expect((await shoal(['key', 'new', path])).exitCode).toBe(EXIT.ok);
    const inside = await startDaemon({ args: ['--swarm-key', right], cores: 0 });
    const outsiders: RunningDaemon[] = [];
    try {
      outsiders.push(await startDaemon({ args: ['--swarm-key', wrong], bootstrap: inside.addresses, cores: 0 }));
      outsiders.push(await startDaemon({ network: 'bad-input', bootstrap: inside.addresses, cores: 0 }));
      for (const outsider of outsiders) {
        const why = await until('the swarm key in shoal why', async () => {
          const { stdout } = await shoal(['why', '--data', outsider.data]);
          return /swarm key/.test(stdout) && stdout;
        });
        expect(why).toContain('--swarm-key');
        expect(outsider.log()).toMatch(/swarm key/);
      }
      const member = await startDaemon({ args: ['--swarm-key', right], bootstrap: inside.addresses, cores: 0 });
      outsiders.push(member);
      await until('the two with one key to meet', async () => {
        const { peers } = await member.api<{ peers: readonly { connected: boolean }[] }>('peers');
        return peers.some(({ connected }) => connected);
      });
    } finally {
      await Promise.all([inside, ...outsiders].map((peer) => peer.stop()));
    }
  });
});
