/**
 * What a module imports, it calls through a gate: a function the rewriter appends for each import. The gate sees that
 * the host has room on the engine's stack, which would end elsewhere in each engine, and in the merged mode it speaks
 * both conventions: fuel and depth come as parameters, the host's function takes neither. Every caller has put the fuel
 * into its global before a call, so the host can charge there, and the gate takes back what is left.
 *
 * Imports have the lowest indexes, so a table may hold one. Its element is made to be the gate.
 */
import { ByteReader, ByteWriter } from './bytes.ts';
import { type Appended, type MeterMode, STACK_SLOTS_MAX } from './function-rewriter.ts';
import { type FunctionType, type KernelModule, SECTION } from './module.ts';

/** Value slots of 8 bytes that a function of the host may need on the stack, and more than any does. */
export const HOST_SLOTS = 1_024;

/** The body of the gate of imported function `index`. */
export function gate(index: number, type: FunctionType, appended: Appended, mode: MeterMode): ByteWriter {
  const parameters = type.parameters.length;
  const out = new ByteWriter().byte(0);
  // if (depth + HOST_SLOTS > STACK_SLOTS_MAX) unreachable
  if (mode === 'merged') out.byte(0x20).u32(parameters + 1);
  else out.byte(0x23).u32(appended.depthGlobal);
  out.byte(0x41).signed(HOST_SLOTS).byte(0x6a).byte(0x41).signed(STACK_SLOTS_MAX).put(0x4b, 0x04, 0x40, 0x00, 0x0b);
  for (let parameter = 0; parameter < parameters; parameter++) out.byte(0x20).u32(parameter);
  out.byte(0x10).u32(index);
  if (mode === 'merged') out.byte(0x23).u32(appended.fuelGlobal);
  return out.byte(0x0b);
}

/** The element section with gates in place of imported functions. The module has been read, and is valid. */
export function redirectedElements(module: KernelModule, gateOf: (index: number) => number): ByteWriter | undefined {
  const section = module.sections.get(SECTION.element);
  if (section === undefined) return undefined;
  const reader = new ByteReader(module.bytes, section.start, section.end);
  const out = new ByteWriter(section.end - section.start + 64).u32(section.count);
  const target = (index: number): number => (index < module.imports.length ? gateOf(index) : index);
  for (let segment = 0; segment < section.count; segment++) {
    const flags = reader.u32();
    out.u32(flags);
    const isActive = (flags & 1) === 0;
    if (isActive && (flags & 2) !== 0) out.u32(reader.u32());
    // An i32.const and `end`: anything else has been refused.
    if (isActive) out.byte(reader.byte()).signed(reader.s33()).byte(reader.byte());
    if ((flags & 3) !== 0) out.byte(reader.byte());
    const count = reader.u32();
    out.u32(count);
    for (let item = 0; item < count; item++) {
      if ((flags & 4) === 0) {
        out.u32(target(reader.u32()));
        continue;
      }
      const opcode = reader.byte();
      out.byte(opcode);
      if (opcode === 0xd2) out.u32(target(reader.u32()));
      else out.byte(reader.byte());
      out.byte(reader.byte());
    }
  }
  return out;
}
