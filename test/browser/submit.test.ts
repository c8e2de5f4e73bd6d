/**
 * Submitting from a tab: the network computes what a person at a page asks for, the tab puts the result together, and
 * neither a reload nor an absence loses it. Results are compared with ones that no kernel and no network has touched.
 */
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { PeerView } from '../../node/protocol/view.ts';
import { BAD_KERNELS, BAD_MANIFEST } from '../daemon/bad-kernels.ts';
import { countsAsBytes, countWords } from '../demonstration/count-words.ts';
import { drawMandelbrot } from '../demonstration/draw-mandelbrot.ts';
import { mobyDick } from '../demonstration/moby-dick.ts';
import { Kernel } from '../kernels/host.ts';
import { type RunningDaemon, until } from '../support/daemon.ts';
import { findBrowser } from './find-browser.ts';
import type { PlainSubmission } from './fixture/main.ts';
import { webSocketsOf } from './sockets.ts';
import { Tabs, viewOf } from './tabs.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 180_000 });

const executablePath = findBrowser();
const where =
  executablePath === undefined
    ? 'a job of a tab (skipped: no Chromium, run .ci/install-chromium.sh)'
    : 'a job of a tab';

describe.skipIf(executablePath === undefined)(where, () => {
  let tabs: Tabs;
  let daemons: readonly RunningDaemon[];
  const network = 'submit';
  beforeAll(async () => {
    tabs = await Tabs.create(executablePath!);
    const first = await tabs.startDaemon({ network, cores: 1 });
    const second = await tabs.startDaemon({ network, cores: 1, bootstrap: first.addresses.slice(0, 1) });
    daemons = [first, second];
  });
  afterEach(() => tabs.closePages());
  afterAll(() => tabs?.close());

  const submit = async (page: Page, submission: PlainSubmission): Promise<string> => {
    const answer = await page.evaluate((s) => fixture.submit(s), submission);
    if (!('job' in answer)) throw new Error(answer.message);
    return answer.job;
  };

  const outcomeOf = (page: Page, job: string) =>
    until(`job ${job} has ended in the tab`, () => page.evaluate((id) => fixture.ownJob(id)?.outcome, job), 180_000);

  async function resultOf(page: Page, job: string): Promise<Buffer> {
    return Buffer.from(await page.evaluate((id) => fixture.result(id), job), 'hex');
  }

  it('lists the kernels that came with the page, with what each may touch', async () => {
    const { page } = await tabs.open(network, daemons);
    const kernels = await page.evaluate(() => fixture.kernels());
    expect(kernels.map(({ manifest }) => manifest.name)).toEqual(
      expect.arrayContaining(['mandelbrot', 'prime-count', 'word-count']),
    );
    for (const { report, cid } of kernels) {
      expect(report.imports).toEqual([]);
      expect(cid).toMatch(/^bafk/);
    }
  });

  it('counts words of a file, and merges them by the kernel itself in a worker of the tab', async () => {
    const { page } = await tabs.open(network, daemons);
    const { text } = mobyDick();
    const job = await submit(page, {
      kernel: { name: 'word-count' },
      arguments: {},
      file: { name: 'whale.txt', hex: Buffer.from(text).toString('hex') },
    });
    expect(await outcomeOf(page, job)).toMatchObject({ state: 'finished', show: 'counts' });
    expect((await resultOf(page, job)).equals(countsAsBytes(countWords(text)))).toBe(true);
    const own = await page.evaluate((id) => fixture.ownJob(id), job);
    expect(own?.label).toContain('quorum 2/2');
  });

  it('goes on after a reload in the middle, and the picture is the same to the last bit', async () => {
    const view = { width: 512, height: 384, centreX: -0.7435, centreY: 0.1314, span: 0.01, iterations: 3_000 };
    const { page, self } = await tabs.open(network, daemons, { cores: 0 });
    const job = await submit(page, {
      kernel: { name: 'mandelbrot' },
      arguments: Object.fromEntries(Object.entries(view).map(([name, value]) => [name, String(value)])),
      policy: { tasksPerUnit: 1 },
    });
    const { unit, units } = await until('a part of the picture is there', async () => {
      const rows = await page.evaluate((id) => fixture.jobView(id)?.unitRows, job);
      const found = rows?.find(({ output }) => output !== undefined);
      return found && { unit: found.unit, units: rows!.length };
    });
    expect(await page.evaluate(([id, at]) => fixture.unitOutput(id, at), [job, unit] as const)).not.toBe('');
    const own = await page.evaluate((id) => fixture.ownJob(id), job);
    expect(own?.picture).toMatchObject({ width: view.width, height: view.height });
    expect(own!.done).toBeLessThan(units);

    await page.reload();
    await page.waitForFunction(() => 'fixture' in globalThis);
    const bootstrap = daemons.flatMap(webSocketsOf);
    const again = await page.evaluate((options) => fixture.join(options), { network, bootstrap, cores: 0 });
    expect(again).toMatchObject({ self });
    expect(await outcomeOf(page, job)).toMatchObject({ state: 'finished', show: 'picture' });
    expect((await resultOf(page, job)).equals(drawMandelbrot(view))).toBe(true);
  });

  it('joins what has finished while the tab was away', async () => {
    const { page, context } = await tabs.open(network, daemons, { cores: 0 });
    const executed = new Map<RunningDaemon, number>();
    for (const daemon of daemons) {
      executed.set(daemon, (await daemon.api<{ view: PeerView }>('status')).view.totals.unitsExecuted);
    }
    // One unit: its input is with both daemons as soon as they compute it, and nobody needs the tab any more.
    const job = await submit(page, {
      kernel: { name: 'prime-count' },
      arguments: { to: '1000000000' },
      policy: { tasksPerUnit: 1_000 },
    });
    for (const daemon of daemons) {
      await until('a daemon computes the unit', async () => {
        const { view } = await daemon.api<{ view: PeerView }>('status');
        const { length } = view.replicas.filter((replica) => replica.job === job && replica.phase !== 'fetching');
        return length > 0 || view.totals.unitsExecuted > executed.get(daemon)!;
      });
    }
    await page.close();
    await until('the daemons agree on the unit', async () => {
      const { unitRows } = await viewOf(daemons[0]!, job);
      return unitRows.length === 1 && unitRows[0]?.state === 'agreed';
    });
    const again = await tabs.open(network, daemons, { context, cores: 0 });
    expect(await outcomeOf(again.page, job)).toMatchObject({ state: 'finished', show: 'u64' });
    expect((await resultOf(again.page, job)).readBigUInt64LE()).toBe(50_847_534n);
  });

  it('refuses a kernel that wants something from outside, and says what it wants', async () => {
    const { page } = await tabs.open(network, daemons);
    const wasm = Buffer.from(BAD_KERNELS['forbidden-import']()).toString('hex');
    const looked = await page.evaluate((hex) => fixture.inspect(hex), wasm);
    expect(looked).toMatchObject({ message: expect.stringContaining('env.now') });
    const manifest = new Kernel('prime-count').manifest;
    const submitted = await page.evaluate((s) => fixture.submit(s), { kernel: { wasm, manifest }, arguments: {} });
    expect(submitted).toMatchObject({ message: expect.stringContaining('env.now') });
    const malformed = { ...manifest, limits: { ...manifest.limits, tasksPerUnit: 0 } };
    const fine = Buffer.from(new Kernel('prime-count').wasm).toString('hex');
    expect(
      await page.evaluate((s) => fixture.submit(s), { kernel: { wasm: fine, manifest: malformed }, arguments: {} }),
    ).toMatchObject({ message: expect.stringContaining('limits.tasksPerUnit') });
    expect(await page.evaluate(() => fixture.view().jobs.filter(({ own }) => own))).toEqual([]);
  });

  it('tries a job before anybody hears of it, and cancels one that runs', async () => {
    const { page } = await tabs.open(network, daemons);
    const wasm = Buffer.from(BAD_KERNELS['recurses-without-end']()).toString('hex');
    const tried = await page.evaluate((s) => fixture.submit(s), {
      kernel: { wasm, manifest: BAD_MANIFEST },
      arguments: {},
    });
    expect(tried).toMatchObject({ message: expect.stringContaining('Nothing was announced') });
    const job = await submit(page, { kernel: { name: 'prime-count' }, arguments: { to: '400000000000' } });
    await page.evaluate((id) => fixture.cancel(id), job);
    expect(await outcomeOf(page, job)).toMatchObject({ state: 'cancelled' });
  });
});
