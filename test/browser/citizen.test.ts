/**
 * The good citizen's adapters on the real interfaces of Chromium. What this machine and this browser cannot show is
 * not shown: a battery that discharges, a cellular connection, a system that refuses a wake lock. A page that is
 * really hidden needs another browser driver; `npm run bench -- hidden` has it.
 */
import { expect, it, vi } from 'vitest';
import { until } from '../support/daemon.ts';
import { submitPrimes } from './primes.ts';
import { describeTabs } from './suite.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

describeTabs('a good citizen', (opened) => {
  it('reads the browser, holds the screen awake while it computes, remembers, and closes', async () => {
    const tabs = opened();
    const network = 'citizen';
    const daemon = await tabs.startDaemon({ network, cores: 1 });
    const { page, context } = await tabs.open(network, [daemon]);
    const errors: string[] = [];
    page.on('pageerror', ({ message }) => errors.push(message));
    await page.evaluate(() => fixture.startCitizen());
    const state = () => page.evaluate(() => fixture.citizenState());
    const asleep = { battery: 'charging', metered: false, hidden: false, busy: false, wakeLock: 'off' };
    await until('the battery is known', async () => (await state()).battery !== 'unknown');
    expect(await state()).toEqual(asleep);
    expect((await page.evaluate(() => fixture.view())).paused).toEqual([]);

    // A unit of minutes: the lock is asked for when it begins, and not before.
    await page.evaluate(() => fixture.setPreference('keepAwake', true));
    expect(await state()).toEqual(asleep);
    await submitPrimes(daemon, { units: 1, taskSize: 4_000_000_000 });
    await until('the screen is held awake', async () => (await state()).wakeLock === 'held');
    await page.evaluate(() => fixture.pause('manual'));
    expect((await state()).wakeLock).toBe('off');

    const saveData = await page.evaluate(() => {
      const { connection } = navigator as unknown as { connection: EventTarget };
      Object.defineProperty(connection, 'saveData', { value: true });
      connection.dispatchEvent(new Event('change'));
      return fixture.citizenState();
    });
    expect(saveData.metered).toBe(true);
    await until('the peer has heard of it', async () => {
      const { paused } = await page.evaluate(() => fixture.view());
      return paused.join() === 'manual,metered';
    });
    await page.evaluate(() => fixture.closeCitizen());
    expect(await page.evaluate(() => fixture.stop())).toBe('stopped');

    const again = await tabs.open(network, [daemon], { context });
    await again.page.evaluate(() => {
      fixture.startCitizen();
      fixture.resume('manual');
    });
    await until('the screen is held awake again', async () => {
      const { wakeLock } = await again.page.evaluate(() => fixture.citizenState());
      return wakeLock === 'held';
    });
    expect(errors).toEqual([]);
  });
});
