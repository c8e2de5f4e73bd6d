/** A picture as a PNG file without compression: small pictures inside a plot, in a browser as outside of one. */
import { concatBytes } from '../../protocol/bytes.ts';

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const STORED_MAX = 65_535;

/** `rgb` holds three bytes a pixel, row by row. */
export function encodePng(width: number, height: number, rgb: Uint8Array): Uint8Array {
  const rows = new Uint8Array((width * 3 + 1) * height);
  // In front of each row: that it is not filtered.
  for (let y = 0; y < height; y++) rows.set(rgb.subarray(y * width * 3, (y + 1) * width * 3), y * (width * 3 + 1) + 1);
  const head = concatBytes(bigEndian(width), bigEndian(height), Uint8Array.of(8, 2, 0, 0, 0));
  return concatBytes(SIGNATURE, chunk('IHDR', head), chunk('IDAT', stored(rows)), chunk('IEND', new Uint8Array(0)));
}

/** A zlib stream of blocks that are stored as they are. */
function stored(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0x78, 0x01)];
  for (let at = 0; at < bytes.length || at === 0; at += STORED_MAX) {
    const part = bytes.subarray(at, at + STORED_MAX);
    const isLast = at + STORED_MAX >= bytes.length ? 1 : 0;
    const { length } = part;
    parts.push(Uint8Array.of(isLast, length & 255, length >> 8, ~length & 255, (~length >> 8) & 255), part);
  }
  return concatBytes(...parts, bigEndian(adler32(bytes)));
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const named = concatBytes(new TextEncoder().encode(type), data);
  return concatBytes(bigEndian(data.length), named, bigEndian(crc32(named)));
}

function bigEndian(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function adler32(bytes: Uint8Array): number {
  let [a, b] = [1, 0];
  for (const byte of bytes) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  return ((b << 16) | a) >>> 0;
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
