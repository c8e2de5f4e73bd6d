/** A result as its owner wants it: readable on the terminal, complete in a file, whole in JSON. */
import { writeFile } from 'node:fs/promises';
import {
  decodeCounts,
  decodeU64,
  formatResult,
  namedCells,
  pictureToPpm,
  tableToTsv,
  topCounts,
} from '../../sdk/format.ts';
import type { FinishedOutcome } from '../../sdk/jobs/note.ts';
import type { JobResult } from '../../sdk/join.ts';
import { ShoalError } from '../errors.ts';

export function resultOf(outcome: FinishedOutcome, bytes: Uint8Array): JobResult {
  if (outcome.picture === undefined) return { show: outcome.show, bytes, columns: outcome.columns };
  return { show: outcome.show, bytes, picture: { ...outcome.picture, pixels: bytes } };
}

/** For stdout: text, or the bytes themselves where they go into a file or a pipe. */
export function forTerminal(result: JobResult, isTerminal: boolean): string | Uint8Array {
  if (!isTerminal && result.show === 'bytes') return result.bytes;
  if (!isTerminal && result.picture !== undefined) return pictureToPpm(result.picture);
  return `${formatResult(result)}${result.show === 'picture' || result.show === 'bytes' ? ' (write it to a file with --output)' : ''}\n`;
}

/**
 * For a file: every count as `word<TAB>number`, the most frequent first; a table as TSV; a number; a picture as PPM; bytes as they
 * are. With `raw`, what the kernel wrote, whatever it is. Rejects with a ShoalError `storage`.
 */
export async function writeResult(result: JobResult, path: string, raw: boolean): Promise<void> {
  try {
    await writeFile(path, raw ? result.bytes : fileContent(result));
  } catch (error) {
    throw new ShoalError('storage', `cannot write the result to ${path}: ${(error as Error).message}`, error);
  }
}

function fileContent(result: JobResult): string | Uint8Array {
  if (result.picture !== undefined) return pictureToPpm(result.picture);
  if (result.show === 'u64') return `${decodeU64(result.bytes)}\n`;
  if (result.columns !== undefined) return tableToTsv(result.bytes, result.columns);
  if (result.show !== 'counts') return result.bytes;
  const counts = decodeCounts(result.bytes);
  return topCounts(counts, counts.length)
    .map(({ key, count }) => `${key}\t${count}\n`)
    .join('');
}

/** Counts beyond 2^53 do not fit a JSON number: all of them are strings of digits. */
export function jsonResult(result: JobResult): unknown {
  if (result.show === 'u64') return decodeU64(result.bytes).toString();
  if (result.show === 'counts') {
    return Object.fromEntries(decodeCounts(result.bytes).map(({ key, count }) => [key, count.toString()]));
  }
  if (result.columns !== undefined) {
    const { names, rows } = namedCells(result.bytes, result.columns);
    return rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]])));
  }
  const { picture } = result;
  if (picture === undefined) return { hex: result.bytes };
  return { width: picture.width, height: picture.height, bytesPerPixel: picture.bytesPerPixel };
}
