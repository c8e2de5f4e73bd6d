/** The sandbox process from inside, and what becomes of everybody else when it ends: all with real processes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SANDBOX_FOLDER } from '../../node/daemon/installation.ts';
import { permissionSwitch } from '../../node/daemon/workers/permissions.ts';
import type { ProcessExecutor } from '../../node/daemon/workers/process-executor.ts';
import { createSandbox } from '../../node/daemon/workers/sandbox.ts';
import type { LogLevel } from '../../node/runtime/log.ts';
import { METERING } from '../../node/sandbox/index.ts';
import { CHECKOUT, startDaemon, until } from '../support/daemon.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { childrenOf, isAlive, kernelThreadsOf } from '../support/processes.ts';
import { assemble, kernel, sumKernel } from './kernels.ts';
import { keepRequest, outcomeOf } from './requests.ts';

// Processes and threads come up slowly on a busy machine, and kernels run at the lowest priority.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const isLinux = process.platform === 'linux';
const endlessKernel = kernel({ init: '(loop $forever (br $forever)) (i32.const 0)' });

/** Tries what must not work, and says how it went: for the process and for its threads. */
const PROBE = `
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import inspector from 'node:inspector';
function attempt(what) { try { what(); return 'done'; } catch (error) { return error.code ?? error.message; } }
export const found = {
  environment: Object.keys(process.env),
  read: attempt(() => readFileSync('/etc/hostname')),
  list: attempt(() => readdirSync('/')),
  own: attempt(() => readFileSync(new URL(import.meta.url))),
  write: attempt(() => writeFileSync(new URL('written', import.meta.url), 'x')),
  child: attempt(() => spawnSync(process.execPath, ['--version'])),
  addon: attempt(() => process.dlopen({ exports: {} }, '/tmp/addon.node')),
  inspector: attempt(() => inspector.open(0)),
  thread: attempt(() => new Worker('', { eval: true, execArgv: [], stdout: true, stderr: true }).terminate()),
  code: attempt(() => new Function('return 1')()),
};`;

let folder: string;
let sandboxes: ProcessExecutor[];
let logged: { level: LogLevel; message: string; fields: Readonly<Record<string, unknown>> | undefined }[];
const store = createMemoryStore();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-sandbox-'));
  sandboxes = [];
  logged = [];
});
afterEach(async () => {
  await Promise.all(sandboxes.map((sandbox) => sandbox.close()));
  rmSync(folder, { recursive: true, force: true });
});

function open(code = SANDBOX_FOLDER, onHealth?: (failure: string | undefined) => void): ProcessExecutor {
  const logger = {
    log: (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) =>
      void logged.push({ level, message, fields }),
  };
  const health = onHealth === undefined ? {} : { onHealth };
  const sandbox = createSandbox({ folder: code, cores: 2, blocks: store.blocks, logger, ...health });
  sandboxes.push(sandbox);
  return sandbox;
}

/** The product's code, with one of its files replaced. */
function codeWith(file: string, text: string): string {
  cpSync(SANDBOX_FOLDER, folder, { recursive: true });
  writeFileSync(join(folder, 'probe.mjs'), PROBE);
  writeFileSync(join(folder, file), text);
  return folder;
}

const text = () => JSON.stringify(logged);

describe('inside the sandbox process', () => {
  const denied = {
    read: 'ERR_ACCESS_DENIED',
    list: 'ERR_ACCESS_DENIED',
    write: 'ERR_ACCESS_DENIED',
    child: 'ERR_ACCESS_DENIED',
  };

  it('there is no environment, no file but its own code, no child process, no addon, no inspector', async () => {
    const says = `import { found } from './probe.mjs';
      process.send({ type: 'log', level: 'info', message: 'found', fields: found });`;
    vi.stubEnv('SHOAL_SECRET', 'of the daemon');
    open(codeWith('process.mjs', says)).warm();
    vi.unstubAllEnvs();
    const { fields } = await until('the probe', () => logged.find(({ message }) => message === 'found'));
    expect(fields).toMatchObject({ ...denied, environment: [], own: 'done' });
    expect(fields).toMatchObject({ addon: 'ERR_DLOPEN_DISABLED', code: expect.stringContaining('Code generation') });
    expect(fields!.inspector).not.toBe('done');
    expect(existsSync(join(folder, 'written'))).toBe(false);
  });

  it('the same holds for threads that run kernels, which cannot start others without it', async () => {
    const code = codeWith(
      'thread.mjs',
      `import { found } from './probe.mjs'; console.error('found ' + JSON.stringify(found));`,
    );
    const sandbox = open(code);
    const outcome = outcomeOf(sandbox, 1, await keepRequest(store.blocks, assemble(sumKernel)));
    const line = await until(
      'the probe',
      () => /found (\{.*?\})/.exec(logged.map(({ fields }) => fields?.text).join('')) ?? undefined,
    );
    expect(JSON.parse(line[1]!)).toMatchObject({
      ...denied,
      environment: [],
      own: 'done',
      thread: 'ERR_ACCESS_DENIED',
    });
    expect(await outcome).toMatchObject({ ok: false, code: 'worker-crashed' });
  });

  it('nothing runs where it finds something open', async () => {
    // As if this Node.js did not know the model, or the switch did something else.
    const thread = readFileSync(join(SANDBOX_FOLDER, 'thread.mjs'), 'utf8');
    const code = codeWith('thread.mjs', `process.permission.has = () => true;\n${thread}`);
    const outcome = await outcomeOf(open(code), 1, await keepRequest(store.blocks, assemble(sumKernel)));
    expect(outcome).toMatchObject({
      ok: false,
      code: 'worker-crashed',
      detail: expect.stringContaining('open in this thread'),
    });
  });
});

describe('a sandbox process that does not start', () => {
  it('is said, with its own last words, and nothing is run in another way', async () => {
    const health: (string | undefined)[] = [];
    const sandbox = open(codeWith('process.mjs', `throw new Error('bad weather');`), (failure) => health.push(failure));
    const outcome = await outcomeOf(sandbox, 1, await keepRequest(store.blocks, assemble(sumKernel)));
    expect(outcome).toMatchObject({ ok: false, code: 'worker-crashed' });
    expect(health).toEqual([expect.stringMatching(/does not start: .*exit code 1.*bad weather/s)]);
    expect(logged.filter(({ level }) => level === 'error')).toHaveLength(4);
  });

  it('is what an unknown switch would give', async () => {
    const child = spawn(process.execPath, ['--no-such-permission-model', '-e', ''], { stdio: 'ignore' });
    expect(await once(child, 'exit')).toEqual([9, null]);
    expect(['20.20.2', '22.12.0', '22.13.0', '23.4.0', '23.5.0', '24.0.0'].map(permissionSwitch)).toEqual([
      ...new Array(2).fill('--experimental-permission'),
      '--permission',
      '--experimental-permission',
      '--permission',
      '--permission',
    ]);
  });
});

describe.runIf(isLinux)('when the sandbox process is killed', () => {
  it('in the middle of units, they fail as failures of the host, and the next one runs', async () => {
    const sandbox = open();
    const endless = await keepRequest(store.blocks, endlessKernel, { fuelPerTaskMax: 2 ** 42 });
    const running = [1, 2, 3].map((ticket) => outcomeOf(sandbox, ticket, endless));
    await until('both kernels at work', () => kernelThreadsOf(sandbox.pid!).length === 2);
    const killed = sandbox.pid!;
    process.kill(killed, 'SIGKILL');
    for (const outcome of await Promise.all(running)) {
      expect(outcome).toMatchObject({ ok: false, code: 'worker-crashed', detail: expect.stringContaining('SIGKILL') });
    }
    const next = await outcomeOf(sandbox, 4, await keepRequest(store.blocks, assemble(sumKernel)));
    expect(next).toMatchObject({ ok: true });
    expect(sandbox.pid).not.toBe(killed);
    expect(text()).toContain('the sandbox process ended');
  });

  it('signals meant for a whole group leave it to the daemon', async () => {
    const sandbox = open();
    await sandbox.inspect(assemble(sumKernel));
    const before = sandbox.pid!;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(before, signal);
    expect(await outcomeOf(sandbox, 1, await keepRequest(store.blocks, assemble(sumKernel)))).toMatchObject({
      ok: true,
    });
    expect(sandbox.pid).toBe(before);
  });
});

describe.runIf(isLinux)('when its daemon is killed', () => {
  it('the sandbox process goes, whatever its threads are doing', async () => {
    const program = `
      const { createSandbox } = await import(${JSON.stringify(join(CHECKOUT, 'dist/node/daemon/workers/sandbox.js'))});
      const blocks = { get: async (cid) => cid === 'kernel' ? Buffer.from('${Buffer.from(endlessKernel).toString('base64')}', 'base64') : Uint8Array.of(0x81, 0x40) };
      const log = (level, message, fields) => { if (level !== 'debug') console.error(message, fields); };
      const sandbox = createSandbox({ folder: ${JSON.stringify(SANDBOX_FOLDER)}, cores: 1, blocks, logger: { log } });
      const request = { job: 'j', unit: 0, taskCount: 1, kernel: 'kernel', unitInput: 'input', abi: 1, stepQuantum: 1,
        metering: ${JSON.stringify(METERING)}, parameters: new Uint8Array(0), fuelPerTaskMax: 2 ** 42,
        memoryPagesMax: 16, outputBytesPerTaskMax: 64, wallClockMaxMs: 60_000 };
      sandbox.execute(1, request, (outcome) => { console.error(outcome); process.exit(1); });
      console.log(sandbox.pid);`;
    const owner = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string];
    const pid = Number(line);
    await until('the kernel at work', () => kernelThreadsOf(pid).length === 1);
    expect(owner.exitCode).toBeNull();
    owner.kill('SIGKILL');
    await until('the sandbox process to go', () => !isAlive(pid), 20_000);
  });
});

describe.runIf(isLinux)('a daemon whose sandbox process is killed', () => {
  it('stays, and its job is finished', { timeout: 120_000 }, async () => {
    const daemon = await startDaemon({ network: 'isolation', cores: 2 });
    try {
      const sandboxOf = () => childrenOf(daemon.pid)[0];
      const body = {
        kernel: { name: 'prime-count' },
        arguments: { to: '2000000000' },
        policy: { ownResults: 'always', taskSize: 40_000_000, tasksPerUnit: 10 },
      };
      const { job } = await daemon.api<{ job: string }>('jobs', body);
      const first = await until('a kernel at work', () => {
        const pid = sandboxOf();
        return pid !== undefined && kernelThreadsOf(pid).length > 0 && pid;
      });
      process.kill(first, 'SIGKILL');
      const finished = await until('the job', async () => {
        const progress = await daemon.api<{ outcome?: { state: string } }>(`jobs/${job}/progress`);
        return progress.outcome;
      });
      expect(finished).toMatchObject({ state: 'finished' });
      expect(sandboxOf()).not.toBe(first);
      expect(daemon.log()).toContain('the sandbox process ended');
    } finally {
      await daemon.stop();
    }
    expect(childrenOf(daemon.pid)).toEqual([]);
  });
});
