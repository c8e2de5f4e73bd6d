/**
 * Exports the global in which the simple placement counts the depth of calls. A trap leaves it where it was: the sandbox
 * never uses an instance again that has trapped, but a script of the suite does, and then it has to begin at zero.
 */
import { ByteReader, ByteWriter } from '../../node/sandbox/bytes.ts';
import { FUEL_EXPORT } from '../../node/sandbox/meter.ts';
import { SECTION } from '../../node/sandbox/module.ts';

export const DEPTH_EXPORT = 'test:depth';

const GLOBAL_KIND = 3;

export function exposeDepth(metered: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter(metered.length + 16).append(metered, 0, 8);
  const reader = new ByteReader(metered, 8);
  while (!reader.done) {
    const start = reader.position;
    const id = reader.byte();
    const section = reader.slice(reader.u32());
    if (id !== SECTION.export) {
      out.append(metered, start, reader.position);
      continue;
    }
    const exports = withDepth(section);
    out.byte(id).u32(exports.length).appendWriter(exports);
  }
  return Uint8Array.from(out.finish());
}

function withDepth(section: ByteReader): ByteWriter {
  const count = section.u32();
  const out = new ByteWriter().u32(count + 1).append(section.bytes, section.position, section.end);
  for (let item = 0; item < count; item++) {
    const name = section.name();
    section.skip(1);
    const index = section.u32();
    // The rewriter appends it behind the fuel.
    if (name === FUEL_EXPORT)
      out
        .name(DEPTH_EXPORT)
        .byte(GLOBAL_KIND)
        .u32(index + 1);
  }
  return out;
}
