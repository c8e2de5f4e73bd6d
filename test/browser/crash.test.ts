/**
 * A tab whose renderer is killed in mid-work, as by a crash, and that is opened again: it speaks under the same
 * identity and works on, and never says two things about one unit. What it has said is heard by a witness.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { until } from '../support/daemon.ts';
import { findBrowser } from './find-browser.ts';
import { submitPrimes } from './primes.ts';
import { killRenderer, rendererOf } from './renderers.ts';
import { finished, Tabs } from './tabs.ts';
import { startWitness, type Witness } from './witness.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 180_000 });

const executablePath = findBrowser();
const where =
  executablePath === undefined
    ? 'a tab that crashes (skipped: no Chromium, run .ci/install-chromium.sh)'
    : 'a tab that crashes';
/** Commitments of the tab before each crash. The last one may be kept and not sent, or sent and not revealed. */
const COMMITS_BEFORE_CRASH = 2;
const CRASHES = 2;
const UNITS = 24;

describe.skipIf(executablePath === undefined)(where, () => {
  let tabs: Tabs;
  let witness: Witness | undefined;
  beforeAll(async () => {
    tabs = await Tabs.create(executablePath!);
  });
  afterEach(async () => {
    await witness?.stop();
    witness = undefined;
    await tabs.clear();
  });
  afterAll(() => tabs?.close());

  it('goes on as the same peer, and never commits twice to a unit, nor reveals two results', async () => {
    const network = 'crash';
    const daemon = await tabs.startDaemon({ network, cores: 1 });
    const heard = await startWitness(network, daemon.addresses.slice(0, 1));
    witness = heard;
    let tab = await tabs.open(network, [daemon]);
    const { self, context } = tab;
    const pid = () => rendererOf(tabs.browser, tab.page);
    let process = await pid();
    const { job } = await submitPrimes(daemon, { units: UNITS, taskSize: 60_000 });
    /** What the tab has said of each unit: its seals, or the results that it has revealed. */
    const saidBy = (kind: 'commit' | 'reveal'): ReadonlyMap<number, ReadonlySet<string>> => {
      const said = new Map<number, Set<string>>();
      for (const { author, body } of heard.heard) {
        if (author !== self || (body.kind !== 'commit' && body.kind !== 'reveal')) continue;
        if (body.kind !== kind || body.job !== job) continue;
        for (const entry of body.entries) {
          const word = 'seal' in entry ? entry.seal : `${entry.merkle} ${entry.salt} ${entry.closing.join()}`;
          said.set(entry.unit, (said.get(entry.unit) ?? new Set()).add(word));
        }
      }
      return said;
    };
    for (let crash = 0; crash < CRASHES; crash++) {
      const before = saidBy('commit').size;
      await until('the tab has committed', () => saidBy('commit').size >= before + COMMITS_BEFORE_CRASH, 90_000, 5);
      await killRenderer(tab.page, process);
      await tab.page.close();
      tab = await tabs.open(network, [daemon], { context });
      expect(tab).toMatchObject({ self, slot: 0 });
      process = await pid();
    }
    await finished(daemon, job);
    for (const kind of ['commit', 'reveal'] as const) {
      const said = saidBy(kind);
      expect(said.size, kind).toBeGreaterThanOrEqual(CRASHES);
      const twice = [...said].filter(([, words]) => words.size > 1);
      expect(twice, kind).toEqual([]);
    }
    const { refuted } = (await daemon.api<{ progress: { refuted: readonly unknown[] } }>(`jobs/${job}`)).progress;
    expect(refuted).toEqual([]);
  });
});
