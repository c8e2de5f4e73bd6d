/** A suite of tests in one Chromium; where there is none, it is skipped, and its name says why. */
import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { findBrowser } from './find-browser.ts';
import { Tabs } from './tabs.ts';

/** `tests` get what gives the tabs, within a test; pages and daemons end with each of them. */
export function describeTabs(what: string, tests: (opened: () => Tabs) => void): void {
  const executablePath = findBrowser();
  const where = executablePath === undefined ? `${what} (skipped: no Chromium, run .ci/install-chromium.sh)` : what;
  describe.skipIf(executablePath === undefined)(where, () => {
    let tabs: Tabs | undefined;
    beforeAll(async () => {
      tabs = await Tabs.create(executablePath!);
    });
    afterEach(() => tabs?.clear());
    afterAll(() => tabs?.close());
    tests(() => tabs!);
  });
}
