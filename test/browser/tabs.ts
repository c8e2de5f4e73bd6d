/**
 * Tabs for tests and measurements that need several: the fixture served on loopback, one Chromium, and pages that have
 * joined a network of daemons. Whoever opens it closes it.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { JobView, PeerRow } from '../../node/protocol/view.ts';
import type { Progress } from '../../node/sdk/jobs/progress.ts';
import { type DaemonOptions, type RunningDaemon, startDaemon, until } from '../support/daemon.ts';
import { builtFixture, launch, type Site, serve } from './browser.ts';
import type { Joined, JoinOptions } from './fixture/main.ts';
import { LISTEN, webSocketsOf } from './sockets.ts';

export interface Tab extends Joined {
  readonly page: Page;
  readonly context: BrowserContext;
}

export interface OpenOptions extends Omit<JoinOptions, 'bootstrap' | 'network'> {
  /** Beside other tabs of the same profile; in a profile of its own by default. */
  readonly context?: BrowserContext;
}

export class Tabs {
  readonly browser: Browser;
  readonly #site: Site;
  readonly #contexts = new Set<BrowserContext>();
  readonly #daemons: RunningDaemon[] = [];

  private constructor(browser: Browser, site: Site) {
    this.browser = browser;
    this.#site = site;
  }

  /** `more` are arguments of Chromium beside the usual ones. */
  static async create(executablePath: string, more: readonly string[] = []): Promise<Tabs> {
    const [site, browser] = await Promise.all([serve(await builtFixture()), launch(executablePath, more)]);
    return new Tabs(browser, site);
  }

  /** A daemon that tabs can dial. */
  async startDaemon(options: DaemonOptions & { readonly network: string }): Promise<RunningDaemon> {
    const daemon = await startDaemon({ listen: LISTEN, ...options });
    this.#daemons.push(daemon);
    return daemon;
  }

  async openPage(context?: BrowserContext): Promise<Page> {
    const opened = context ?? (await this.browser.newContext());
    this.#contexts.add(opened);
    const page = await opened.newPage();
    await page.goto(this.#site.url);
    await page.waitForFunction(() => 'fixture' in globalThis);
    return page;
  }

  /** Resolves when all of `daemons` are connected with the tab. */
  async open(network: string, daemons: readonly RunningDaemon[], options: OpenOptions = {}): Promise<Tab> {
    const tab = await this.openUnconnected(network, daemons.flatMap(webSocketsOf), options);
    for (const daemon of daemons) await until('the tab is connected', () => isConnected(daemon, tab.self));
    return tab;
  }

  /** Resolves when the tab's peer runs, whether or not anybody answers it. */
  async openUnconnected(
    network: string,
    bootstrap: readonly string[],
    { context, ...options }: OpenOptions = {},
  ): Promise<Tab> {
    const page = await this.openPage(context);
    const joined = await page.evaluate((o) => fixture.join(o), { cores: 1, ...options, network, bootstrap });
    if (!('self' in joined)) throw new Error(`the tab could not join: ${joined.code}: ${joined.message}`);
    return { ...joined, page, context: page.context() };
  }

  async closePages(): Promise<void> {
    await Promise.all([...this.#contexts].map((context) => context.close()));
    this.#contexts.clear();
  }

  /** Ends daemons and pages; the browser goes on. */
  async clear(): Promise<void> {
    await this.closePages();
    await Promise.all(this.#daemons.splice(0).map((daemon) => daemon.stop()));
  }

  async close(): Promise<void> {
    await this.clear();
    await this.browser.close();
    await this.#site.close();
  }
}

export async function isConnected(daemon: RunningDaemon, key: string): Promise<boolean> {
  const { peers } = await daemon.api<{ peers: PeerRow[] }>('peers');
  return peers.some(({ peer, connected }) => peer === key && connected);
}

export async function viewOf(daemon: RunningDaemon, job: string): Promise<JobView> {
  return (await daemon.api<{ view: JobView }>(`jobs/${job}`)).view;
}

export async function resultOf({ apiPort, token }: RunningDaemon, job: string): Promise<Buffer> {
  const response = await fetch(`http://127.0.0.1:${apiPort}/v1/jobs/${job}/result`, {
    headers: { authorization: `Bearer ${token}` },
  });
  if (!response.ok) throw new Error(`no result of job ${job}: ${response.status} ${await response.text()}`);
  return Buffer.from(await response.arrayBuffer());
}

/** Resolves to the view of an own job of `daemon` whose result is there. */
export function finished(daemon: RunningDaemon, job: string, timeoutMs = 120_000): Promise<JobView> {
  return until(
    `job ${job} is finished`,
    async () => {
      const { view, progress } = await daemon.api<{ view: JobView; progress: Progress }>(`jobs/${job}`);
      return progress.outcome?.state === 'finished' && view;
    },
    timeoutMs,
  );
}
