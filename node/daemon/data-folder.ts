/**
 * The data folder: identity, store, results, and what the CLI needs in order to find its daemon.
 *
 *   schema.json     version of this layout; a newer one is refused before anything is touched
 *   identity.key    the seed of this peer's key, hex, readable by its owner only
 *   webrtc.pem      key and certificate of webrtc-direct, where that is listened on; also its owner's only
 *   store/          LevelDB; its lock is the folder's lock and dies with the process
 *   daemon.pid      who holds the lock, for the message
 *   api.json        port and process of the running daemon; removed when it stops
 *   token, watch-token   bearer tokens of the control API, readable by their owner only
 *   results/        joined results of own jobs
 *   checkpoints/    units that were begun and not finished
 *   uploads/        files on their way into a job; emptied at start
 *   config.json     configuration, if the owner wrote one
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fromHex, toHex } from '../protocol/bytes.ts';
import type { ConfigSources } from './config.ts';
import { ShoalError } from './errors.ts';
import type { LevelStore } from './level-store.ts';

export const SCHEMA_VERSION = 1;
/** Of the seed, and of a token. */
const SECRET_BYTES = 32;

export interface DataFolder {
  readonly path: string;
  readonly store: LevelStore;
  readonly seed: Uint8Array;
  /** Bearer token of everything the control API can do. */
  readonly actToken: string;
  /** Bearer token of what only looks. */
  readonly watchToken: string;
  file(name: string): string;
  /** Closes the store if that has not been done, and takes away what names this process. */
  close(): Promise<void>;
}

/**
 * Where it is: all that a command needs which talks to a daemon, and therefore apart from the rest of the configuration,
 * which takes longer to load than such a command to answer. Throws a ShoalError `configuration`.
 */
export function dataFolderOf({ flags, environment }: Pick<ConfigSources, 'flags' | 'environment'>): string {
  const given = flags.dataFolder ?? (environment.SHOAL_DATA || undefined);
  if (given === undefined) return resolve(defaultDataFolder(environment));
  if (typeof given === 'string' && given !== '') return resolve(given);
  throw new ShoalError('configuration', `dataFolder: expected a path; got ${JSON.stringify(given)} (from --data).`);
}

function defaultDataFolder(environment: Readonly<Record<string, string | undefined>>): string {
  const base = environment.XDG_DATA_HOME;
  return join(base !== undefined && base !== '' ? base : join(homedir(), '.local', 'share'), 'shoal');
}

/** Throws a ShoalError `data-folder-newer`; resolves to undefined where there is no data folder yet. */
export async function readSchema(path: string): Promise<number | undefined> {
  const text = await readText(join(path, 'schema.json'));
  if (text === undefined) return undefined;
  const version = parseSchema(text, path);
  if (version > SCHEMA_VERSION) {
    throw new ShoalError(
      'data-folder-newer',
      `data folder ${path} was written by a newer version of shoal (schema ${version}; this one knows up to ${SCHEMA_VERSION}). ` +
        'Nothing in it was changed. Update shoal, or choose another folder with --data.',
    );
  }
  return version;
}

export async function openDataFolder(options: {
  readonly path: string;
  readonly blockBytesMax: number;
  readonly nowMs: () => number;
}): Promise<DataFolder> {
  const { path } = options;
  const schema = await readSchema(path);
  await makeFolder(path);
  const store = await openLocked(options);
  try {
    if (schema === undefined) {
      await writeWhole(join(path, 'schema.json'), `${JSON.stringify({ schema: SCHEMA_VERSION })}\n`, 0o644);
    }
    await writeWhole(join(path, 'daemon.pid'), `${process.pid}\n`, 0o644);
    await rm(join(path, 'api.json'), { force: true });
    await rm(join(path, 'uploads'), { recursive: true, force: true });
    for (const name of ['uploads', 'results']) await mkdir(join(path, name), { recursive: true, mode: 0o700 });
    const [seed, actToken, watchToken] = [
      fromHex(await secret(path, 'identity.key')),
      await secret(path, 'token'),
      await secret(path, 'watch-token'),
    ];
    return {
      path,
      store,
      seed,
      actToken,
      watchToken,
      file: (name) => join(path, name),
      async close() {
        await rm(join(path, 'api.json'), { force: true });
        await rm(join(path, 'daemon.pid'), { force: true });
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Replaces a file in one step: a reader sees the old or the new content, never half of it. */
export async function writeWhole(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const draft = `${path}.${process.pid}.${toHex(randomBytes(4))}`;
  await writeFile(draft, content, { mode });
  await rename(draft, path);
}

export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
    throw new ShoalError('data-folder', `cannot read ${path}: ${(error as Error).message}`, error);
  }
}

async function openLocked(options: Parameters<typeof openDataFolder>[0]): Promise<LevelStore> {
  const { path, blockBytesMax, nowMs } = options;
  // Loaded here: commands that only read a file of the folder open no store.
  const { openLevelStore, StoreLockedError } = await import('./level-store.ts');
  try {
    return await openLevelStore({ path: join(path, 'store'), blockBytesMax, nowMs });
  } catch (error) {
    if (!(error instanceof StoreLockedError)) throw error;
    const pid = (await readText(join(path, 'daemon.pid')))?.trim();
    throw new ShoalError(
      'data-folder-in-use',
      `data folder ${path} is in use by another peer${pid === undefined ? '' : ` (pid ${pid})`}. ` +
        'Stop it, or give this one a folder of its own with --data.',
    );
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    if (!(await stat(path)).isDirectory()) throw new Error('it is not a folder');
  } catch (error) {
    throw new ShoalError('data-folder', `cannot use ${path} as data folder: ${(error as Error).message}`, error);
  }
}

function parseSchema(text: string, path: string): number {
  try {
    const { schema } = JSON.parse(text) as { schema?: unknown };
    if (Number.isSafeInteger(schema) && (schema as number) > 0) return schema as number;
  } catch {
    // Falls through to the message below.
  }
  throw new ShoalError(
    'data-folder',
    `${join(path, 'schema.json')} is damaged: expected {"schema": ${SCHEMA_VERSION}}. Nothing was changed; restore it or choose another folder with --data.`,
  );
}

/** 32 random bytes in hex, made once and kept in a file only its owner can read. */
async function secret(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  const text = (await readText(path))?.trim();
  if (text === undefined) {
    const fresh = toHex(randomBytes(SECRET_BYTES));
    await writeWhole(path, `${fresh}\n`, 0o600);
    return fresh;
  }
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new ShoalError(
      'data-folder',
      `${path} is damaged: expected 64 hex digits. Restore it from a backup, or delete it to get a new one.`,
    );
  }
  await chmod(path, 0o600);
  return text;
}
