/**
 * `vectors.json`: what a kernel must compute, written down from any source but the kernel itself. Peers that agree only
 * show that a kernel is deterministic; that it is right is shown here. This is the one place where the shape of the
 * file is written down; errors name file and key.
 *
 *   { "cases":  [{ "name", "arguments", "input", "source", "expected", "sha256" }],
 *     "merges": [{ "name", "of": [names of cases], "source", "expected", "sha256" }] }
 */
import { z } from 'zod';
import { concatBytes, fromHex, uint32Bytes } from '../protocol/bytes.ts';
import { TRAP, type TrapKind } from '../protocol/trust/commitment.ts';
import { type ArgumentInputs, encodeParameters, resolveArguments } from './arguments.ts';
import { SdkError } from './error.ts';
import { encodeCounts, encodeTable } from './format.ts';
import { issueLines, parseJson } from './issues.ts';
import type { KernelManifest } from './manifest.ts';

export interface Expectation {
  /** Of the output, in hex. */
  readonly sha256: string | undefined;
  /** The output itself, where the file spells it out. */
  readonly expected: Uint8Array | undefined;
  /** How the call must end; other than `none`, there is no output. */
  readonly ends: TrapKind;
  /** Where this comes from. */
  readonly source: string | undefined;
}

export interface Vector extends Expectation {
  readonly name: string;
  /** As the manifest encodes the case's arguments. */
  readonly parameters: Uint8Array;
  /** Input of the one task, without the parameters. */
  readonly input: Uint8Array;
}

/** Outputs of cases, in this order, merged by `shoal_reduce`. */
export interface MergeVector extends Expectation {
  readonly name: string;
  readonly of: readonly Vector[];
}

export interface Vectors {
  readonly cases: readonly Vector[];
  readonly merges: readonly MergeVector[];
}

export interface VectorOptions {
  readonly manifest: KernelManifest;
  /** Named in errors. */
  readonly fileName?: string;
  /** Reads a file that `input.file` or `expected.file` names, relative to the vectors. */
  readonly readFile?: (name: string) => Uint8Array;
}

const ENDS = {
  trap: TRAP.trap,
  'out of fuel': TRAP.outOfFuel,
  'kernel error': TRAP.kernelError,
  'output too large': TRAP.outputTooLarge,
} as const;

const whole = z.union([z.int().min(0), z.string().regex(/^\d{1,20}$/, 'must be a whole number or a string of digits')]);
const bytesMember = {
  text: z.string(),
  base64: z.base64(),
  hex: z.string().regex(/^(?:[0-9a-f]{2})*$/i),
  file: z.string(),
};

const input = z
  .strictObject({
    ...bytesMember,
    u32: z.array(
      z
        .int()
        .min(0)
        .max(2 ** 32 - 1),
    ),
    u64: z.array(whole),
  })
  .partial()
  .superRefine(exactlyOne);

const expected = z
  .strictObject({
    ...bytesMember,
    u16: z.array(z.int().min(0).max(65_535)),
    u32: z.array(
      z
        .int()
        .min(0)
        .max(2 ** 32 - 1),
    ),
    u64: z.union([whole, z.array(whole)]),
    counts: z.record(z.string(), whole),
    rows: z.array(z.array(z.union([z.number(), z.string()]))),
    ends: z.enum(Object.keys(ENDS) as (keyof typeof ENDS)[]),
  })
  .partial()
  .superRefine(exactlyOne);

const outcome = {
  source: z.string().min(1).optional(),
  expected: expected.optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits')
    .optional(),
};
const name = z.string().min(1);

const schema = z.strictObject({
  cases: z
    .array(
      z
        .strictObject({
          name,
          arguments: z.record(z.string(), z.union([z.number(), z.string()])).default({}),
          input: input,
          ...outcome,
        })
        .superRefine(hasOutcome),
    )
    .min(1),
  merges: z.array(z.strictObject({ name, of: z.array(name).min(1), ...outcome }).superRefine(hasOutcome)).default([]),
});

type VectorFile = z.infer<typeof schema>;
type CaseEntry = VectorFile['cases'][number];
type OutcomeEntry = Pick<CaseEntry, 'source' | 'expected' | 'sha256'>;
type Issues = z.core.$RefinementCtx;

function exactlyOne(value: object, context: Issues): void {
  const keys = Object.keys(value);
  if (keys.length === 1) return;
  const found = keys.length === 0 ? 'none' : keys.join(', ');
  context.addIssue({ code: 'custom', message: `must say exactly one thing, in one of its forms; found ${found}` });
}

function hasOutcome(value: { readonly expected?: unknown; readonly sha256?: unknown }, context: Issues): void {
  if (value.expected !== undefined || value.sha256 !== undefined) return;
  context.addIssue({ code: 'custom', message: 'needs "expected" or "sha256": what the output must be' });
}

/** Throws an SdkError `vectors-invalid` that names `fileName` and each bad key. */
export function parseVectors(text: string, options: VectorOptions): Vectors {
  const { manifest, fileName = 'vectors.json' } = options;
  const refuse = (message: string): SdkError => new SdkError('vectors-invalid', message);
  const checked = schema.safeParse(parseJson(text, fileName, refuse));
  if (!checked.success) throw refuse(issueLines(fileName, checked.error.issues));
  const { data } = checked;
  /** What is wrong in a place of the file is said with that place. */
  const at = <T>(place: string, read: () => T): T => {
    try {
      return read();
    } catch (error) {
      throw refuse(`${fileName}: ${place}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const cases = data.cases.map((entry, index): Vector => {
    const place = `cases[${index}]`;
    return {
      name: entry.name,
      parameters: at(`${place}.arguments`, () =>
        encodeParameters(manifest, resolveArguments(manifest, { ...unused(manifest), ...entry.arguments })),
      ),
      input: at(`${place}.input`, () => bytesOf(entry.input, options)),
      ...at(`${place}.expected`, () => expectation(entry, options)),
    };
  });
  const byName = new Map(cases.map((vector) => [vector.name, vector]));
  if (byName.size < cases.length) {
    const twice = cases.find((vector) => byName.get(vector.name) !== vector)?.name;
    throw refuse(`${fileName}: cases: two of them have the name ${JSON.stringify(twice)}`);
  }
  const merges = data.merges.map((entry, index): MergeVector => {
    const of = entry.of.map((wanted, position) => {
      const found = byName.get(wanted);
      if (found !== undefined && found.ends === TRAP.none) return found;
      const problem = found === undefined ? 'names no case' : 'names a case that has no output';
      throw refuse(`${fileName}: merges[${index}].of[${position}]: ${JSON.stringify(wanted)} ${problem}`);
    });
    return { name: entry.name, of, ...at(`merges[${index}].expected`, () => expectation(entry, options)) };
  });
  return { cases, merges };
}

/** A task's input is spelled out here: arguments that only shape tasks need no value. */
function unused(manifest: KernelManifest): ArgumentInputs {
  const needed = (manifest.arguments ?? []).filter((spec) => spec.default === undefined);
  return Object.fromEntries(needed.map((spec) => [spec.name, spec.min ?? 0]));
}

function expectation({ expected, sha256, source }: OutcomeEntry, options: VectorOptions): Expectation {
  if (expected?.ends !== undefined) {
    if (sha256 !== undefined) throw new Error('a call that ends so has no output, and no sha256');
    return { ends: ENDS[expected.ends], expected: undefined, sha256: undefined, source };
  }
  return { ends: TRAP.none, expected: expected && outputOf(expected, options), sha256, source };
}

function bytesOf(value: CaseEntry['input'], { readFile }: VectorOptions): Uint8Array {
  if (value.text !== undefined) return new TextEncoder().encode(value.text);
  if (value.base64 !== undefined) return fromBase64(value.base64);
  if (value.hex !== undefined) return fromHex(value.hex.toLowerCase());
  if (value.u32 !== undefined) return concatBytes(...value.u32.map(uint32Bytes));
  if (value.u64 !== undefined) return uint64s(value.u64);
  if (readFile === undefined) throw new Error('files cannot be read here');
  return readFile(value.file as string);
}

function outputOf(value: NonNullable<OutcomeEntry['expected']>, options: VectorOptions): Uint8Array {
  if (value.u16 !== undefined) return Uint8Array.from(value.u16.flatMap((pixel) => [pixel & 255, pixel >> 8]));
  if (value.u64 !== undefined) return uint64s(Array.isArray(value.u64) ? value.u64 : [value.u64]);
  if (value.counts !== undefined) return countBytes(value.counts);
  if (value.rows === undefined) return bytesOf(value as CaseEntry['input'], options);
  const { columns } = options.manifest.result;
  if (columns === undefined) throw new Error('rows need a kernel whose result is a table: result.columns');
  return encodeTable(value.rows, columns);
}

function countBytes(counts: Readonly<Record<string, number | string>>): Uint8Array {
  const encoder = new TextEncoder();
  const entries = Object.entries(counts).map(([key, count]) => ({
    key,
    count: BigInt(count),
    bytes: encoder.encode(key),
  }));
  // A JSON object lists keys that look like integers first: put them back in the order of their bytes.
  return encodeCounts(entries.sort((a, b) => compareBytes(a.bytes, b.bytes)));
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
  return a.length - b.length;
}

function uint64s(values: readonly (number | string)[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => {
    view.setBigUint64(index * 8, BigInt(value), true);
  });
  return bytes;
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
