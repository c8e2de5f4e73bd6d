/** Reads `kernels/<name>/vectors.json`: what each kernel must compute, from sources other than the kernel. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { uint32Bytes } from '../../node/protocol/bytes.ts';
import { encodeParameters, resolveArguments } from '../../node/sdk/arguments.ts';
import { encodeCounts } from '../../node/sdk/format.ts';
import type { KernelManifest } from '../../node/sdk/manifest.ts';

const schema = z.strictObject({
  cases: z.array(
    z.strictObject({
      name: z.string(),
      arguments: z.record(z.string(), z.union([z.number(), z.string()])),
      input: z.union([
        z.strictObject({ text: z.string() }),
        z.strictObject({ base64: z.base64() }),
        z.strictObject({ u32: z.array(z.number()) }),
        z.strictObject({ u64: z.array(z.string()) }),
      ]),
      /** Where the expected value comes from. */
      source: z.string(),
      expected: z
        .union([
          z.strictObject({ counts: z.record(z.string(), z.number()) }),
          z.strictObject({ u16: z.array(z.number()) }),
          z.strictObject({ u64: z.string() }),
          z.strictObject({ hex: z.hex() }),
        ])
        .optional(),
      sha256: z.string().length(64),
    }),
  ),
});

type VectorFile = z.infer<typeof schema>;

export interface Vector {
  readonly name: string;
  readonly parameters: Uint8Array;
  readonly input: Uint8Array;
  /** The output itself, where the file spells it out. */
  readonly expected: Uint8Array | undefined;
  readonly sha256: string;
}

export function readVectors(manifest: KernelManifest): Vector[] {
  const file = new URL(`../../kernels/${manifest.name}/vectors.json`, import.meta.url);
  return schema.parse(JSON.parse(readFileSync(file, 'utf8'))).cases.map((item) => ({
    name: item.name,
    parameters: encodeParameters(manifest, resolveArguments(manifest, item.arguments)),
    input: inputBytes(item.input),
    expected: item.expected === undefined ? undefined : expectedBytes(item.expected),
    sha256: item.sha256,
  }));
}

function inputBytes(input: VectorFile['cases'][number]['input']): Uint8Array {
  if ('text' in input) return new TextEncoder().encode(input.text);
  if ('base64' in input) return Uint8Array.from(Buffer.from(input.base64, 'base64'));
  if ('u32' in input) return Uint8Array.from(Buffer.concat(input.u32.map(uint32Bytes)));
  return uint64s(input.u64);
}

function expectedBytes(expected: NonNullable<VectorFile['cases'][number]['expected']>): Uint8Array {
  if ('u64' in expected) return uint64s([expected.u64]);
  if ('hex' in expected) return Uint8Array.from(Buffer.from(expected.hex, 'hex'));
  if ('u16' in expected) return Uint8Array.from(expected.u16.flatMap((value) => [value & 255, value >> 8]));
  const counts = Object.entries(expected.counts).map(([key, count]) => ({ key, count: BigInt(count) }));
  // A JSON object lists keys that look like integers first: put them back in the order of their bytes.
  return encodeCounts(counts.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key))));
}

function uint64s(values: readonly string[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => {
    view.setBigUint64(index * 8, BigInt(value), true);
  });
  return bytes;
}
