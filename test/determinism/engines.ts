/** The engines of this machine, each of which runs the corpus and answers with one line an entry and mode. */
import { execFile, execFileSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import vm from 'node:vm';
import { Worker } from 'node:worker_threads';
import puppeteer, { type Browser } from 'puppeteer-core';
import { build } from 'vite';
import { packageRoot } from './test-build.ts';

export interface Engine {
  readonly name: string;
  /** Why it cannot be run here; undefined if it can. */
  readonly missing: string | undefined;
  run(script: string, entries: readonly unknown[]): Promise<readonly string[]>;
}

const GLOBAL = 'shoalDeterminism';
const RUN_MAX_MS = 900_000;
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome-stable'];
const FIREFOX = ['/usr/bin/firefox-esr', '/usr/bin/firefox'];
const JSC = ['/usr/bin/jsc', '/usr/local/bin/jsc'];
const CHROMIUM_ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A file that exports `runEntries`, with all it needs, as one script that sets a global. */
export async function bundleEngine(file = 'test/determinism/engine.ts'): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'shoal-engine-'));
  try {
    await build({
      configFile: false,
      logLevel: 'error',
      root: packageRoot(),
      build: {
        outDir: folder,
        emptyOutDir: true,
        target: 'es2022',
        minify: false,
        lib: {
          entry: path.join(packageRoot(), file),
          formats: ['iife'],
          name: GLOBAL,
          fileName: () => 'engine.js',
        },
      },
    });
    return readFileSync(path.join(folder, 'engine.js'), 'utf8');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function engines(): readonly Engine[] {
  const [chromium, firefox, jsc] = [CHROMIUM, FIREFOX, JSC].map((paths) => paths.find(isExecutable));
  const chrome = { name: 'Chromium', browser: 'chrome', executablePath: chromium, args: CHROMIUM_ARGUMENTS } as const;
  const fox = { name: 'Firefox', browser: 'firefox', executablePath: firefox, args: [] } as const;
  return [
    { name: `Node.js ${process.version}, main thread`, missing: undefined, run: runInThisThread },
    { name: `Node.js ${process.version}, worker`, missing: undefined, run: runInWorkerThread },
    browserEngine(chrome, 'page'),
    browserEngine(chrome, 'worker'),
    browserEngine(fox, 'page'),
    browserEngine(fox, 'worker'),
    {
      name: `JavaScriptCore ${versionOf(jsc)}`.trim(),
      missing: jsc === undefined ? `no ${JSC.join(' or ')}` : undefined,
      run: (script, entries) => runInShell(jsc!, script, entries),
    },
  ];
}

async function runInThisThread(script: string, entries: readonly unknown[]): Promise<readonly string[]> {
  const engine = vm.runInThisContext(`${script}\n;${GLOBAL}`) as { runEntries(entries: readonly unknown[]): string[] };
  return engine.runEntries(entries);
}

function runInWorkerThread(script: string, entries: readonly unknown[]): Promise<readonly string[]> {
  const glue = `const { parentPort, workerData } = require('node:worker_threads');
    parentPort.postMessage(${GLOBAL}.runEntries(workerData));`;
  return new Promise((resolve, reject) => {
    const worker = new Worker(`${script}\n${glue}`, { eval: true, workerData: entries });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

interface BrowserKind {
  readonly name: string;
  readonly browser: 'chrome' | 'firefox';
  readonly executablePath: string | undefined;
  readonly args: readonly string[];
}

function browserEngine(kind: BrowserKind, where: 'page' | 'worker'): Engine {
  const { executablePath, name } = kind;
  return {
    name: `${name} ${versionOf(executablePath)}, ${where}`,
    missing: executablePath === undefined ? `no ${name}` : undefined,
    run: (script, entries) => runInBrowser(kind, where, script, entries),
  };
}

async function runInBrowser(
  { browser: kind, executablePath, args }: BrowserKind,
  where: 'page' | 'worker',
  script: string,
  entries: readonly unknown[],
): Promise<readonly string[]> {
  let browser: Browser | undefined;
  try {
    browser = await puppeteer.launch({
      browser: kind,
      executablePath: executablePath!,
      headless: true,
      args: [...args],
      protocolTimeout: RUN_MAX_MS,
    });
    const page = await browser.newPage();
    const expression = where === 'page' ? onPage(script, entries) : inWorker(script, entries);
    return JSON.parse((await page.evaluate(expression)) as string) as string[];
  } finally {
    await browser?.close();
  }
}

function onPage(script: string, entries: readonly unknown[]): string {
  return `(() => { ${script}\nreturn JSON.stringify(${GLOBAL}.runEntries(${JSON.stringify(entries)})); })()`;
}

function inWorker(script: string, entries: readonly unknown[]): string {
  const glue = `onmessage = ({ data }) => postMessage(JSON.stringify(${GLOBAL}.runEntries(data)));`;
  return `new Promise((resolve, reject) => {
    const text = ${JSON.stringify(`${script}\n${glue}`)};
    const worker = new Worker(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })));
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(${JSON.stringify(entries)});
  })`;
}

/** The shell has no text codecs; names in the corpus are ASCII. */
const SHELL_CODECS = `globalThis.TextEncoder ??= class { encode(text) { return Uint8Array.from(text, (c) => c.charCodeAt(0)); } };
globalThis.TextDecoder ??= class { decode(bytes) { return String.fromCharCode(...bytes); } };\n`;

async function runInShell(jsc: string, script: string, entries: readonly unknown[]): Promise<readonly string[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'shoal-jsc-'));
  try {
    const file = path.join(folder, 'run.js');
    const call = `print(JSON.stringify(${GLOBAL}.runEntries(${JSON.stringify(entries)})));`;
    writeFileSync(file, `${SHELL_CODECS}${script}\n${call}`);
    const { stdout } = await promisify(execFile)(jsc, [file], { maxBuffer: 2 ** 27, timeout: RUN_MAX_MS });
    return JSON.parse(stdout) as string[];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function versionOf(executable: string | undefined): string {
  if (executable === undefined || path.basename(executable) === 'jsc') return '';
  try {
    return /\d+(\.\d+)*/.exec(execFileSync(executable, ['--version'], { encoding: 'utf8', stdio: 'pipe' }))?.[0] ?? '';
  } catch {
    return '';
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
