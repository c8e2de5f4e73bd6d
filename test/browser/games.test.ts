/** Every game of the list, in a Web Worker of a real Chromium: each ends as it does in Node.js, and the page goes on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { GAMES, type Game } from '../sandbox/games.ts';
import { buildFixture, launch, type Site, serve } from './browser.ts';
import { findBrowser } from './find-browser.ts';
import type { PlayedGame } from './fixture/main.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const executablePath = findBrowser();
const where = executablePath === undefined ? 'a tab (skipped: no Chromium, run .ci/install-chromium.sh)' : 'a tab';

/** What it must come to, as `PlayedGame` says it; of a refusal and of a failure, its beginning. */
function endingOf({ expected }: Game): string {
  if ('refused' in expected) return `kernel-refused: ${expected.refused}: `;
  return 'fails' in expected ? `${expected.fails}: ` : `traps ${[expected.ends, expected.ends]}`;
}

describe.skipIf(executablePath === undefined)(where, () => {
  let folder: string;
  let site: Site;
  let browser: Browser;
  let played: ReadonlyMap<string, PlayedGame>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'shoal-games-'));
    await buildFixture(folder);
    site = await serve(folder);
    browser = await launch(executablePath!);
    const page = await browser.newPage();
    await page.goto(site.url);
    played = new Map((await page.evaluate(() => fixture.play())).map((game) => [game.name, game]));
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it.each(GAMES.map((game) => [game.name, game] as const))('%s', (name, game) => {
    const { ending, turns } = played.get(name)!;
    expect(ending.slice(0, endingOf(game).length)).toBe(endingOf(game));
    // A game that has to be stopped by the clock leaves the page its turns.
    if ('fails' in game.expected) expect(turns).toBeGreaterThan(1);
  });
});
