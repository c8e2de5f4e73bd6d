/** What a file is refused for before a byte of it is read. */
import { BLOCK_BYTES_MAX } from '../../../node/protocol/limits.ts';
import { bytes } from './words.ts';

/** A kernel is sent as one block. Throws an Error in words for people. */
export function checkModuleSize({ name, size }: Pick<File, 'name' | 'size'>): void {
  if (size <= BLOCK_BYTES_MAX) return;
  throw new Error(`${name} has ${bytes(size)}, and a kernel may have up to ${bytes(BLOCK_BYTES_MAX)}`);
}
