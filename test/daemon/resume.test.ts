/**
 * A daemon that stops in the middle of a unit goes on there when it is started again: at the very step where it was when
 * it was asked to stop, and at its last checkpoint when it was killed. The result is the right one all the same.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type PeerView, partDone } from '../../node/protocol/view.ts';
import type { UnitProgress } from '../../node/sandbox/unit.ts';
import { type RunningDaemon, shoal, startDaemon, until } from '../support/daemon.ts';

// Real work at the lowest priority, on a machine that may be busy: conditions are polled, limits only end a hang.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 });

let data: string;
let running: RunningDaemon | undefined;

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'shoal-resume-'));
});
afterEach(async () => {
  await running?.kill('SIGKILL');
  await rm(data, { recursive: true, force: true });
});

async function start(): Promise<RunningDaemon> {
  running = await startDaemon({ network: 'resume', data });
  return running;
}

/** One unit, of tasks that take some hundredths of a second each. */
function submit(daemon: RunningDaemon, to: number): Promise<{ job: string }> {
  const policy = { taskSize: 10_000_000, tasksPerUnit: 1_000 };
  return daemon.api('jobs', { kernel: { name: 'prime-count' }, arguments: { to: String(to) }, policy });
}

async function executing(daemon: RunningDaemon, job: string): Promise<PeerView['replicas'][number] | undefined> {
  const { view } = await daemon.api<{ view: PeerView }>('status');
  return view.replicas.find((replica) => replica.job === job && replica.progress !== undefined);
}

const underWay = (daemon: RunningDaemon, job: string) =>
  until('the unit is under way', async () => {
    const { progress } = (await executing(daemon, job)) ?? {};
    return progress !== undefined && progress.tasksDone > 0 && progress;
  });

function logged(daemon: RunningDaemon, message: string): (UnitProgress & { readonly job: string })[] {
  const lines = daemon
    .log()
    .split('\n')
    .filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line)).filter((line) => line.message === message);
}

const resumed = (daemon: RunningDaemon) => until('the unit goes on', () => logged(daemon, 'unit resumed')[0]);

it('goes on where it was, after SIGTERM and after kill -9', async () => {
  const first = await start();
  const { job: long } = await submit(first, 10_000_000_000);
  const folder = join(data, 'checkpoints');
  // Beside one that is being written, which has a longer name.
  await until('the first checkpoint', async () => (await readdir(folder)).includes(`${long}-0-all`));
  const { progress: before } = (await executing(first, long))!;
  await first.kill('SIGKILL');

  const second = await start();
  const afterKill = await resumed(second);
  expect(afterKill.job).toBe(long);
  expect(afterKill.tasksDone).toBeGreaterThan(0);
  // A second or two may have passed since it was saved.
  expect(partDone(afterKill)).toBeLessThan(partDone(before!) + 0.2);
  const status = await until('it to say so', async () => {
    const { stdout } = await shoal(['status', '--data', data]);
    return /executing, \d+ % \(went on at \d+ %\)/.test(stdout) && stdout;
  });
  expect(status).toContain(`${long.slice(0, 10)} unit 0 executing`);
  await second.api(`jobs/${long}/cancel`, {});
  await until('nothing is kept of a job that is cancelled', async () => (await readdir(folder)).length === 0);

  const { job } = await submit(second, 2_000_000_000);
  await underWay(second, job);
  await second.kill('SIGTERM');
  const [interrupted] = logged(second, 'unit interrupted').filter((line) => line.job === job);
  expect(interrupted).toBeDefined();

  const third = await start();
  const { tasksDone, tasks, stepsDone, steps } = await resumed(third);
  // Not one step was lost.
  expect(interrupted).toMatchObject({ tasksDone, tasks, stepsDone, steps });
  await until('the result', async () => {
    const { outcome } = await third.api<{ outcome?: object }>(`jobs/${job}/progress`);
    return outcome !== undefined;
  });
  const result = await shoal(['result', job, '--data', data]);
  expect(result.stdout).toBe('98222287\n');
  expect(await readdir(folder)).toEqual([]);
  await third.kill('SIGTERM');
});
