/** The time of the kernels in the browsers of this machine, so that weights are not fitted to one engine alone. */
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import puppeteer from 'puppeteer-core';
import { build } from 'vite';
import { meter } from '../../../node/sandbox/meter.ts';
import { CHECKOUT } from '../../support/daemon.ts';
import type { Program } from './programs.ts';

export interface BrowserTimes {
  readonly engine: string;
  /** Why it is not measured; undefined if it is. */
  readonly missing: string | undefined;
  /** Least time of one run of each program, in milliseconds. */
  readonly times: readonly number[];
}

const BROWSERS = [
  {
    engine: 'Chromium',
    browser: 'chrome',
    paths: ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome-stable'],
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
  },
  { engine: 'Firefox', browser: 'firefox', paths: ['/usr/bin/firefox-esr', '/usr/bin/firefox'], args: [] },
] as const;
const RUN_MAX_MS = 300_000;
const ROUNDS = 4;
/** Browsers give the time in steps of up to a millisecond. */
const TURN_MS = 60;
const GLOBAL = 'shoalWeights';

export async function browserTimes(programs: readonly Program[]): Promise<readonly BrowserTimes[]> {
  const script = await bundle();
  const subjects = programs.map(({ name, wasm, memoryPagesMax, work }) => ({
    name,
    wasm: base64(meter(wasm, { memoryPagesMax, mode: 'merged' })),
    ...('argument' in work
      ? { argument: work.argument }
      : { ...work, parameters: base64(work.parameters), input: base64(work.input) }),
  }));
  const found: BrowserTimes[] = [];
  for (const { engine, browser: kind, paths, args } of BROWSERS) {
    const executablePath = paths.find(isExecutable);
    if (executablePath === undefined) {
      found.push({ engine, missing: `no ${paths.join(' or ')}`, times: [] });
      continue;
    }
    const options = { browser: kind, executablePath, headless: true, args: [...args], protocolTimeout: RUN_MAX_MS };
    const browser = await puppeteer.launch(options);
    try {
      const page = await browser.newPage();
      const call = `${GLOBAL}.leastTimes(${JSON.stringify(subjects)}, ${ROUNDS}, ${TURN_MS})`;
      const times = (await page.evaluate(
        `(async () => { ${script}\nreturn JSON.stringify(await ${call}); })()`,
      )) as string;
      found.push({ engine: `${engine} ${await browser.version()}`, missing: undefined, times: JSON.parse(times) });
    } finally {
      await browser.close();
    }
  }
  return found;
}

async function bundle(): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'shoal-weights-'));
  try {
    const entry = path.join(CHECKOUT, 'test/bench/weights/page.ts');
    const lib = { entry, formats: ['iife' as const], name: GLOBAL, fileName: () => 'page.js' };
    const output = { outDir: folder, emptyOutDir: true, target: 'es2022', minify: false, lib } as const;
    await build({ configFile: false, logLevel: 'error', root: CHECKOUT, build: output });
    return readFileSync(path.join(folder, 'page.js'), 'utf8');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
