/** The file with the key of a private network: read with an error that says where it was named, written once. */
import { readFile, writeFile } from 'node:fs/promises';
import { generateSwarmKey, networkNameOf, parseSwarmKey } from '../network/swarm-key.ts';
import { ShoalError } from './errors.ts';

export interface SwarmKeyFile {
  /** libp2p's text form. */
  readonly text: Uint8Array;
  /** Name of the private network, derived from the key; goes into what peers sign. */
  readonly network: string;
  readonly path: string;
}

/** `source` is the flag, variable or file that named the path. Throws a ShoalError `swarm-key`. */
export async function readSwarmKey(path: string, source: string): Promise<SwarmKeyFile> {
  let content: Uint8Array;
  try {
    content = await readFile(path);
  } catch (error) {
    const missing = (error as { code?: unknown }).code === 'ENOENT';
    const what = missing ? 'does not exist' : `cannot be read: ${(error as Error).message}`;
    throw new ShoalError(
      'swarm-key',
      `swarmKey: ${path} ${what} (from ${source}). Copy the file from a peer of that network, or make one for a new network with "shoal key new <file>".`,
    );
  }
  try {
    const key = parseSwarmKey(content);
    return { text: key.text, network: networkNameOf(key), path };
  } catch (error) {
    throw new ShoalError(
      'swarm-key',
      `swarmKey: ${path} is ${(error as Error).message} (from ${source}). Copy the file from a peer of that network.`,
    );
  }
}

/** Writes a fresh key, readable by its owner only. Never overwrites: a lost swarm key splits a network. */
export async function createSwarmKeyFile(path: string): Promise<void> {
  try {
    await writeFile(path, `${Buffer.from(generateSwarmKey().text).toString()}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const exists = (error as { code?: unknown }).code === 'EEXIST';
    if (exists) throw new ShoalError('usage', `${path} exists already; a swarm key is never overwritten.`);
    throw new ShoalError('storage', `cannot write ${path}: ${(error as Error).message}`);
  }
}
