/**
 * What several test files need built is built once: by whoever needs it first, into a folder that the others then find,
 * and anew where a source is newer than it. Nothing half built is ever found, since the folder gets its name at the end.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CHECKOUT, until } from './daemon.ts';
import { isAlive } from './processes.ts';

const BUILDS = join(CHECKOUT, 'dist', 'test-builds');

/** When the newest of these files, or of what is in these folders of the checkout, was changed. */
export function newestOf(sources: readonly string[]): number {
  const paths = sources.flatMap((source) => {
    const base = join(CHECKOUT, source);
    if (!statSync(base).isDirectory()) return [base];
    return [base, ...readdirSync(base, { recursive: true, encoding: 'utf8' }).map((name) => join(base, name))];
  });
  return Math.max(...paths.map(modifiedAt));
}

export function modifiedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** The folder into which `build` has put everything, now or before, from these sources as they are now. */
export async function builtOnce(
  name: string,
  sources: readonly string[],
  build: (outDir: string) => Promise<void>,
): Promise<string> {
  const built = join(BUILDS, `${name}-${Math.round(newestOf(sources))}`);
  const lock = `${built}.lock`;
  await mkdir(BUILDS, { recursive: true });
  await until(`${name} is built`, async () => existsSync(built) || (await take(lock)), 180_000);
  if (existsSync(built)) return built;
  try {
    for (const old of readdirSync(BUILDS)) {
      const path = join(BUILDS, old);
      if (old.startsWith(`${name}-`) && path !== lock) await rm(path, { recursive: true, force: true });
    }
    const part = `${built}.${process.pid}`;
    await build(part);
    await rename(part, built);
    return built;
  } finally {
    await rm(lock, { force: true });
  }
}

/** False where a process that lives has it. */
async function take(lock: string): Promise<boolean> {
  try {
    const file = await open(lock, 'wx');
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const owner = Number(await readFile(lock, 'utf8').catch(() => ''));
    // An empty one is being written.
    if (owner > 0 && !isAlive(owner)) await rm(lock, { force: true });
    return false;
  }
}
