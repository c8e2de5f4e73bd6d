/** What the sandbox makes of a module: metered in both placements, or refused, with a reason that can be counted. */

import type { MeterOptions } from '../../node/sandbox/meter.ts';
import { KernelRefusedError } from '../../node/sandbox/refusal.ts';
import { exposeDepth } from './depth.ts';

export const PLACEMENTS = ['simple', 'merged'] as const;
export type Placement = (typeof PLACEMENTS)[number];

export interface Sandbox {
  meter(bytes: Uint8Array, options: MeterOptions): Uint8Array;
  inspect(bytes: Uint8Array): unknown;
}

export type Prepared =
  | { readonly metered: Readonly<Record<Placement, Uint8Array<ArrayBuffer>>> }
  | { readonly refused: string };

/** All a 32-bit memory can have: the suite's modules grow as far as they declare. */
const PAGES_MAX = 65_536;
/** The ABI says which functions a kernel may import; the rewriter can carry all. */
const OPTIONS = { memoryPagesMax: PAGES_MAX, allowImport: () => undefined };

/** Throws what is no refusal: the sandbox has to accept or refuse. */
export function prepare({ meter }: Sandbox, bytes: Uint8Array): Prepared {
  const attempts = PLACEMENTS.map((mode): Uint8Array<ArrayBuffer> | string => {
    try {
      return exposeDepth(meter(bytes, { ...OPTIONS, mode }));
    } catch (error) {
      if (error instanceof KernelRefusedError) return reasonOf(error);
      throw error;
    }
  });
  const [simple, merged] = attempts;
  if (typeof simple === 'string' || typeof merged === 'string') {
    if (simple !== merged) throw new Error(`one placement refuses what the other does not: ${attempts.join(' / ')}`);
    return { refused: simple as string };
  }
  return { metered: { simple: simple!, merged: merged! } };
}

/** Nothing if the sandbox refuses a module that is not valid; otherwise what it did instead. */
export function refusesInvalid(sandbox: Sandbox, bytes: Uint8Array): string | undefined {
  const looks: readonly [string, () => unknown][] = [
    ['inspect', () => sandbox.inspect(bytes)],
    ...PLACEMENTS.map(
      (mode) => [`meter (${mode})`, () => sandbox.meter(bytes, { ...OPTIONS, mode })] as [string, () => unknown],
    ),
  ];
  for (const [name, look] of looks) {
    try {
      look();
    } catch (error) {
      if (error instanceof KernelRefusedError) continue;
      return `${name} fails with ${error instanceof Error ? error.message : String(error)}`;
    }
    return `${name} accepts it`;
  }
  return undefined;
}

/** Without what differs from module to module. */
function reasonOf({ code, message }: KernelRefusedError): string {
  const feature = /the kernel uses (.*), which/.exec(message)?.[1];
  if (feature !== undefined) return feature;
  if (code === 'forbidden-import') return `imports of a ${/imports the (\w+)/.exec(message)?.[1] ?? 'function'}`;
  return code;
}
