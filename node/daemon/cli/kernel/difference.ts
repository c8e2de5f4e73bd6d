/** Where two outputs differ, for the author of a kernel: as the rows or entries they stand for, and as bytes. */
import { toHex } from '../../../protocol/bytes.ts';
import { decodeCounts, decodeTable, decodeU64 } from '../../../sdk/format.ts';
import type { KernelManifest } from '../../../sdk/manifest.ts';

const ROWS_SHOWN = 5;
const BYTES_SHOWN = 16;

/** Lines of text. Either side may be missing: then there is one to look at. */
export function differenceOf(
  expected: Uint8Array | undefined,
  actual: Uint8Array | undefined,
  result: KernelManifest['result'],
): readonly string[] {
  if (actual === undefined) return [];
  const got = decoded(actual, result);
  if (expected === undefined)
    return got === undefined ? [`got  ${hexAt(actual, 0)}`] : shown('got ', got.slice(0, ROWS_SHOWN));
  const wanted = decoded(expected, result);
  const rows = wanted === undefined || got === undefined ? [] : differingRows(wanted, got);
  return [...rows, ...differingBytes(expected, actual)];
}

/** One line of text for each row or entry; undefined where the bytes are not what the manifest says. */
function decoded(bytes: Uint8Array, { show, columns }: KernelManifest['result']): readonly string[] | undefined {
  try {
    if (show === 'u64') return [decodeU64(bytes).toString()];
    if (show === 'counts') return decodeCounts(bytes).map(({ key, count }) => `${JSON.stringify(key)}: ${count}`);
    if (columns === undefined) return undefined;
    return decodeTable(bytes, columns).map((row) => row.map((cell) => printable(String(cell))).join(' | '));
  } catch {
    return undefined;
  }
}

/** Cells without a name may hold anything, and as much of it. */
function printable(text: string): string {
  const clean = text.replace(/\p{C}+/gu, ' ');
  return clean.length > 60 ? `${clean.slice(0, 60)}…` : clean;
}

function differingRows(wanted: readonly string[], got: readonly string[]): readonly string[] {
  const lines: string[] = [];
  if (wanted.length !== got.length) lines.push(`${got.length} rows, expected ${wanted.length}`);
  let shownRows = 0;
  for (let row = 0; row < Math.max(wanted.length, got.length) && shownRows < ROWS_SHOWN; row++) {
    if (wanted[row] === got[row]) continue;
    shownRows++;
    lines.push(`row ${row}: expected  ${wanted[row] ?? '(no such row)'}`);
    lines.push(`${' '.repeat(`row ${row}:`.length)} got       ${got[row] ?? '(no such row)'}`);
  }
  return lines;
}

function differingBytes(expected: Uint8Array, actual: Uint8Array): readonly string[] {
  let at = 0;
  while (at < Math.min(expected.length, actual.length) && expected[at] === actual[at]) at++;
  const sizes = expected.length === actual.length ? '' : ` (${actual.length} bytes, expected ${expected.length})`;
  return [
    `first difference at byte ${at}${sizes}`,
    `  expected  ${hexAt(expected, at)}`,
    `  got       ${hexAt(actual, at)}`,
  ];
}

function hexAt(bytes: Uint8Array, at: number): string {
  if (at >= bytes.length) return bytes.length === 0 ? '(nothing)' : '(it ends here)';
  const end = Math.min(bytes.length, at + BYTES_SHOWN);
  return `${toHex(bytes.subarray(at, end)).replace(/..(?=.)/g, '$& ')}${end < bytes.length ? ' …' : ''}`;
}

function shown(head: string, lines: readonly string[]): readonly string[] {
  return lines.map((line) => `${head} ${line}`);
}
