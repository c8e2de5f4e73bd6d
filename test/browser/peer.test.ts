/**
 * A tab as a full volunteer, in a real Chromium: the same results as Node.js, work that counts, an identity that
 * survives a reload and is never shared, and an end that others notice at once.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { toHex } from '../../node/protocol/bytes.ts';
import type { Cid, JobId, PeerKey } from '../../node/protocol/ids.ts';
import { ABI_VERSION } from '../../node/protocol/parameters.ts';
import { type JobView, type PeerRow, partDone, type RunProgress } from '../../node/protocol/view.ts';
import { cidOf, encodeUnitInput } from '../../node/protocol/wire/block.ts';
import { METERING } from '../../node/sandbox/executor.ts';
import { meter } from '../../node/sandbox/meter.ts';
import { runUnit } from '../../node/sandbox/unit.ts';
import { KERNELS, Kernel } from '../kernels/host.ts';
import { readVectors } from '../kernels/vectors.ts';
import { type RunningDaemon, shoal, startDaemon, until } from '../support/daemon.ts';
import { readingsJob } from '../wasi/job.ts';
import { builtFixture, launch, type Site, serve } from './browser.ts';
import { findBrowser } from './find-browser.ts';
import type { Joined, PlainExecution, PlainRequest } from './fixture/main.ts';
import { startWitness, type Witness } from './witness.ts';

// Processes, a browser and real work on a machine that may be busy: conditions are polled, limits only end a hang.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const executablePath = findBrowser();
const where = executablePath === undefined ? 'a tab (skipped: no Chromium, run .ci/install-chromium.sh)' : 'a tab';
/** Pages closed in the hope of a goodbye, which no browser promises. */
const CLOSE_ATTEMPTS = 3;
const LISTEN = ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'];

interface Tab extends Joined {
  readonly page: Page;
  readonly context: BrowserContext;
}

describe.skipIf(executablePath === undefined)(where, () => {
  let folder: string;
  let site: Site;
  let browser: Browser;
  let contexts: BrowserContext[] = [];
  let daemons: RunningDaemon[] = [];
  let networks = 0;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'shoal-tab-'));
    [site, browser] = await Promise.all([builtFixture().then(serve), launch(executablePath!)]);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    await rm(folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    await Promise.all(contexts.map((context) => context.close()));
    contexts = [];
    await Promise.all(daemons.map((daemon) => daemon.stop()));
    daemons = [];
  });

  /** Two daemons that know each other, of which only the second computes. */
  async function startNetwork(): Promise<{ network: string; first: RunningDaemon; second: RunningDaemon }> {
    const network = `tab-${++networks}`;
    const first = await startDaemon({ network, cores: 0, listen: LISTEN });
    daemons.push(first);
    const second = await startDaemon({ network, cores: 1, listen: LISTEN, bootstrap: first.addresses.slice(0, 1) });
    daemons.push(second);
    return { network, first, second };
  }

  async function openContext(): Promise<BrowserContext> {
    const context = await browser.newContext();
    contexts.push(context);
    return context;
  }

  async function openPage(context: BrowserContext): Promise<Page> {
    const page = await context.newPage();
    await page.goto(site.url);
    await page.waitForFunction(() => 'fixture' in globalThis);
    return page;
  }

  async function joinFrom(page: Page, network: string, bootstrap: readonly RunningDaemon[]): Promise<Joined> {
    const addresses = bootstrap.flatMap(webSocketsOf);
    const joined = await page.evaluate((options) => fixture.join(options), { network, bootstrap: addresses, cores: 1 });
    expect(joined).toHaveProperty('self');
    return joined as Joined;
  }

  /** In a context of its own: another profile, another renderer. Resolves when these daemons see the tab. */
  async function openTab(network: string, ...bootstrap: readonly RunningDaemon[]): Promise<Tab> {
    const context = await openContext();
    const page = await openPage(context);
    const { self, slot } = await joinFrom(page, network, bootstrap);
    for (const daemon of bootstrap) await until('a tab is connected', () => isConnected(daemon, self));
    return { self, slot, page, context };
  }

  const isConnected = async (daemon: RunningDaemon, key: string): Promise<boolean> =>
    (await daemon.api<{ peers: PeerRow[] }>('peers')).peers.some(({ peer, connected }) => peer === key && connected);
  const viewOf = async (daemon: RunningDaemon, job: string): Promise<JobView> =>
    (await daemon.api<{ view: JobView }>(`jobs/${job}`)).view;
  const submit = async (daemon: RunningDaemon, to: string, taskSize: number, tasksPerUnit: number): Promise<string> =>
    (
      await daemon.api<{ job: string }>('jobs', {
        kernel: { name: 'prime-count' },
        arguments: { to },
        policy: { quorum: 2, taskSize, tasksPerUnit },
      })
    ).job;
  /** One unit of minutes, which two peers must compute: the second daemon, and one other peer at a time. */
  const submitLongUnit = (daemon: RunningDaemon): Promise<string> => submit(daemon, '40000000000', 40_000_000, 1_000);

  it('computes every vector of every kernel with the output and the fuel of Node.js', async () => {
    const page = await openPage(await openContext());
    for (const name of KERNELS) {
      const { expected, blocks, requests } = vectorUnits(name);
      const found = await page.evaluate(([b, r]) => fixture.execute(b, r), [blocks, requests] as const);
      expect(found, name).toEqual(expected);
    }
  });

  it('joins two daemons and computes units that count, and resumes as the same peer after a reload', async () => {
    const { network, first, second } = await startNetwork();
    const context = await openContext();
    const page = await openPage(context);
    const { self, slot } = await joinFrom(page, network, [first]);
    expect(slot).toBe(0);
    await until('the tab is connected to both daemons', async () =>
      (await Promise.all([first, second].map((daemon) => isConnected(daemon, self)))).every(Boolean),
    );

    // The first daemon computes nothing: each unit needs the other daemon and the tab.
    const job = await submit(first, '40000000', 500_000, 10);
    const finished = await until('the job is finished', async () => {
      const view = await viewOf(first, job);
      return view.state === 'finished' && view;
    });
    expect(finished.unitRows).toHaveLength(8);
    for (const { countedAuthors } of finished.unitRows) {
      expect(countedAuthors.toSorted()).toEqual([self, second.key].toSorted());
    }
    await until('the other daemon counts the tab, too', async () =>
      (await viewOf(second, job)).unitRows.every(({ countedAuthors }) => countedAuthors.includes(self as PeerKey)),
    );
    const view = await page.evaluate(() => fixture.view());
    expect(view).toMatchObject({ self, cores: 1, paused: [], observer: undefined });
    expect(view.totals.unitsExecuted).toBeGreaterThanOrEqual(8);
    await computesProgram(first, self, second.key);

    await page.reload();
    await page.waitForFunction(() => 'fixture' in globalThis);
    expect(await joinFrom(page, network, [second])).toEqual({ self, slot: 0 });
    const restored = await page.evaluate((id) => fixture.jobView(id), job);
    expect(restored?.job).toBe(job);
    await page.evaluate((address) => fixture.dial(address), webSocketsOf(first)[0]!);
    const refused = page.evaluate((address) => fixture.dial(address), first.addresses[0]!);
    await expect(refused).rejects.toThrow('a tab can only open websockets');

    const beside = await openPage(context);
    const other = await joinFrom(beside, network, [first]);
    expect(other.slot).toBe(1);
    expect(other.self).not.toBe(self);
  });

  /** A WASI program's units count for the tab as those of a kernel do, with the output and the fuel of Node.js. */
  async function computesProgram(submitter: RunningDaemon, ...authors: readonly string[]): Promise<void> {
    const wanted = await readingsJob(folder);
    const run = await shoal(wanted.commandLine(submitter.data));
    expect(run.exitCode, run.stderr).toBe(0);
    const { job, fuel } = JSON.parse(run.stdout) as { job: string; fuel: number };
    expect(fuel).toBe(wanted.fuel);
    expect(await submitter.api<string>(`jobs/${job}/result`)).toBe(wanted.output);
    const { unitRows } = await viewOf(submitter, job);
    expect(unitRows).toHaveLength(wanted.units);
    for (const { countedAuthors } of unitRows) expect(countedAuthors.toSorted()).toEqual(authors.toSorted());
  }

  it('says goodbye when its page is closed, so that another tab takes over at once', async () => {
    const { network, first } = await startNetwork();
    const witness = await startWitness(network, first.addresses.slice(0, 1));
    try {
      const waiting = await openTab(network, first);
      // A browser that is short of time may give a page none at all to end in: then the next one has to show it.
      for (let attempt = 1; attempt <= CLOSE_ATTEMPTS; attempt++) {
        await waiting.page.evaluate(() => fixture.pause('manual'));
        const closing = await openTab(network, first);
        const job = await submitLongUnit(first);
        await until('the tab has claimed the unit', () => claims(witness, closing.self, job, 'held'));
        await waiting.page.evaluate(() => fixture.resume('manual'));
        await closing.page.close();
        const seen = () => claims(witness, closing.self, job, 'released');
        const goodbye = await until('the goodbye: a claim with lease 0', seen, 10_000).catch(() => false);
        if (goodbye) await until('the other tab has taken over', () => claims(witness, waiting.self, job, 'held'));
        await first.api(`jobs/${job}/cancel`, {});
        if (goodbye) return;
      }
      expect.unreachable(`${CLOSE_ATTEMPTS} pages were closed and none said goodbye`);
    } finally {
      await witness.stop();
    }
  });

  it('goes on where it was after a pause, a reload, and after its page was closed', async () => {
    const { network, first } = await startNetwork();
    const context = await openContext();
    let page = await openPage(context);
    await joinFrom(page, network, [first]);
    const job = await submitLongUnit(first);

    const shown = () =>
      page.evaluate((id) => fixture.view().replicas.find((replica) => replica.job === id)?.progress, job);
    const logged = async (message: string): Promise<readonly RunProgress[]> =>
      (await page.evaluate(() => fixture.log()))
        .filter((line) => line.startsWith(`info ${message} `))
        .map((line) => JSON.parse(line.slice(`info ${message} `.length)));
    const underWay = (least: number) =>
      until('the unit is under way', async () => {
        const progress = await shown();
        return progress !== undefined && partDone(progress) > least && progress;
      });
    const resumed = (count: number) =>
      until('the unit goes on', async () => {
        const all = await logged('unit resumed');
        return all.length === count && all[count - 1];
      });

    await underWay(0);
    await page.evaluate(() => fixture.pause('manual'));
    const [interrupted] = await until('it has stopped', async () => {
      const all = await logged('unit interrupted');
      return all.length === 1 && all;
    });
    expect(await shown()).toBeUndefined();
    await page.evaluate(() => fixture.resume('manual'));
    // Not one step was lost.
    expect(await resumed(1)).toEqual(interrupted);

    // A browser that is short of time may give a page, and its workers, none at all to end in.
    const leave = async (how: () => Promise<unknown>): Promise<boolean> => {
      const last = await underWay(0);
      await how();
      await joinFrom(page, network, [first]);
      const found = await resumed(1);
      return partDone(found) >= partDone(last);
    };
    const attempt = async (how: () => Promise<unknown>): Promise<void> => {
      for (let attempts = 1; attempts <= CLOSE_ATTEMPTS; attempts++) if (await leave(how)) return;
      expect.unreachable(`${CLOSE_ATTEMPTS} times what had been shown as done was lost`);
    };
    await attempt(async () => {
      await page.reload();
      await page.waitForFunction(() => 'fixture' in globalThis);
    });
    await attempt(async () => {
      await page.close();
      page = await openPage(context);
    });
    await first.api(`jobs/${job}/cancel`, {});
    await until('nothing is kept of a job that is cancelled', () =>
      page.evaluate(async () => {
        const names = (await indexedDB.databases()).map(({ name }) => name!);
        const name = names.find((candidate) => candidate.endsWith('/checkpoints'))!;
        return new Promise<boolean>((resolve, reject) => {
          const opening = indexedDB.open(name);
          opening.onerror = () => reject(opening.error);
          opening.onsuccess = () => {
            const counting = opening.result.transaction('bytes').objectStore('bytes').count();
            counting.onsuccess = () => {
              opening.result.close();
              resolve(counting.result === 0);
            };
          };
        });
      }),
    );
  });

  it('is replaced without a goodbye when its renderer is killed', async () => {
    const { network, first } = await startNetwork();
    const witness = await startWitness(network, first.addresses.slice(0, 1));
    try {
      const tab = await openTab(network, first);
      const job = await submitLongUnit(first);
      const counts = async (): Promise<boolean> =>
        (await viewOf(first, job)).unitRows[0]?.claimedBy.includes(tab.self as PeerKey) === true;
      await until('the tab has claimed the unit', counts);
      const session = await tab.context.newCDPSession(tab.page);
      const crashed = tab.page.waitForEvent('crash');
      // A renderer that has crashed answers nothing any more.
      session.send('Page.crash').catch(() => undefined);
      await crashed;
      await until('its claim no longer counts', async () => !(await counts()));
      expect(claims(witness, tab.self, job, 'released')).toBe(false);
      const next = await openTab(network, first);
      await until('the next tab has taken over', () => claims(witness, next.self, job, 'held'));
      await first.api(`jobs/${job}/cancel`, {});
    } finally {
      await witness.stop();
    }
  });
});

function webSocketsOf({ addresses }: RunningDaemon): readonly string[] {
  return addresses.filter((address) => address.includes('/ws'));
}

/** Whether this peer has said that it works on unit 0 of that job, or that it has let go of it. */
function claims({ heard }: Witness, key: string, job: string, lease: 'held' | 'released'): boolean {
  return heard.some(
    ({ author, body }) =>
      author === key &&
      body.kind === 'claim' &&
      body.job === job &&
      body.units.includes(0) &&
      body.leaseMs > 0 === (lease === 'held'),
  );
}

/** One unit of one task for each vector, and what Node.js makes of it. */
function vectorUnits(name: (typeof KERNELS)[number]): {
  readonly expected: readonly PlainExecution[];
  readonly blocks: Record<string, string>;
  readonly requests: readonly PlainRequest[];
} {
  const kernel = new Kernel(name);
  const { fuelPerTaskMax, memoryPagesMax, outputBytesPerTaskMax, stepQuantum } = kernel.manifest.limits;
  const module = new WebAssembly.Module(Uint8Array.from(meter(kernel.wasm, { memoryPagesMax })));
  const kernelCid = cidOf(kernel.wasm, 'raw');
  const blocks: Record<string, string> = { [kernelCid]: toHex(kernel.wasm) };
  const expected: PlainExecution[] = [];
  const requests: PlainRequest[] = [];
  for (const { parameters, input, sha256 } of readVectors(kernel.manifest)) {
    const unitInput = encodeUnitInput([input]);
    const cid: Cid = cidOf(unitInput, 'dag-cbor');
    blocks[cid] = toHex(unitInput);
    const limits = { stepQuantum, fuelPerTaskMax, outputBytesPerTaskMax };
    const { leaves, merkleRoot, fuel, output } = runUnit(
      module,
      { task: undefined, taskCount: 1, abi: kernel.manifest.abi, parameters, unitInput, ...limits },
      nodeSha256,
      () => performance.now(),
    );
    // The leaf ends with the hash of the output, which the vector file knows from another source.
    expect(toHex(leaves).endsWith(sha256)).toBe(true);
    expected.push({ leaves: toHex(leaves), merkleRoot, fuel, output: output!.cid });
    requests.push({
      ...{ job: 'vectors' as JobId, unit: 0, task: undefined, taskCount: 1, ...limits },
      ...{ kernel: kernelCid, abi: ABI_VERSION, metering: METERING, memoryPagesMax, wallClockMaxMs: 60_000 },
      ...{ parameters: toHex(parameters), unitInput: cid },
    });
  }
  return { expected, blocks, requests };
}

function nodeSha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}
