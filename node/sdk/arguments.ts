/**
 * The arguments of one job: what a person typed, checked against the manifest and turned into numbers, and the
 * bytes of the parameters among them, little-endian in the order of `kernel.json`.
 */
import { PARAMETER_BYTES_MAX } from '../protocol/limits.ts';
import { WASI_ABI_VERSION } from '../protocol/parameters.ts';
import { SdkError } from './error.ts';
import type { ArgumentSpec, ArgumentType, KernelManifest } from './manifest.ts';
import { problemOfNumber } from './number.ts';

/** As typed or computed: `"1e9"`, `1000`, `10n`. */
export type ArgumentInput = string | number | bigint;
export type ArgumentInputs = Readonly<Record<string, ArgumentInput>>;

/** Every argument the manifest declares, defaults filled in: bigint for u64, number for the others. */
export type Arguments = ReadonlyMap<string, number | bigint>;

/** An argument's name among the arguments of a WASI program, to be replaced by its value. */
export const PLACEHOLDER = /\{([a-zA-Z][a-zA-Z0-9]*)\}/g;

const BYTES_OF_TYPE: Record<ArgumentType, number> = { u32: 4, i32: 4, u64: 8, f64: 8 };

/** Throws an SdkError that names the argument: unknown, missing, not a number of its type, or out of range. */
export function resolveArguments(manifest: KernelManifest, given: ArgumentInputs): Arguments {
  const declared = [...manifest.parameters, ...(manifest.arguments ?? [])];
  for (const name of Object.keys(given)) {
    if (declared.some((spec) => spec.name === name)) continue;
    const known = declared.map((spec) => spec.name).join(', ') || 'none';
    throw new SdkError('argument-unknown', `${manifest.name} has no argument ${name}; it takes: ${known}`);
  }
  return new Map(
    declared.map((spec) => {
      const input = Object.hasOwn(given, spec.name) ? given[spec.name] : undefined;
      return [spec.name, resolve(manifest, spec, input ?? spec.default)];
    }),
  );
}

function resolve(manifest: KernelManifest, spec: ArgumentSpec, input: ArgumentInput | undefined): number | bigint {
  if (input === undefined) {
    throw new SdkError('argument-missing', `${manifest.name} needs the argument ${spec.name}: ${spec.description}`);
  }
  const value = parseNumber(spec, input);
  const { min, max } = spec;
  const below = min !== undefined && value < parseNumber(spec, min);
  const above = max !== undefined && value > parseNumber(spec, max);
  if (below || above) {
    const wanted =
      max === undefined ? `at least ${min}` : min === undefined ? `at most ${max}` : `from ${min} to ${max}`;
    throw new SdkError('argument-out-of-range', `${spec.name} must be ${wanted}, not ${input}`);
  }
  return value;
}

/** Whole numbers may be written `1000000`, `1_000_000` or `1e6`. */
function parseNumber(spec: ArgumentSpec, input: ArgumentInput): number | bigint {
  const refuse = (problem: string): never => {
    throw new SdkError('argument-invalid', `${spec.name} (${spec.type}) ${problem}: ${JSON.stringify(String(input))}`);
  };
  if (spec.type === 'f64') {
    const text = typeof input === 'string' ? input.trim() : input;
    const value = text === '' ? Number.NaN : Number(text);
    return Number.isFinite(value) ? value : refuse('must be a finite number');
  }
  let exact: number | bigint = 0n;
  if (typeof input === 'string') {
    const match = /^(-?\d{1,20})(?:[eE]\+?(\d{1,2}))?$/.exec(input.trim().replaceAll('_', ''));
    if (match === null) return refuse('must be a whole number');
    exact = BigInt(match[1] as string) * 10n ** BigInt(match[2] ?? 0);
  } else {
    exact = input;
  }
  const problem = problemOfNumber(spec.type, exact);
  if (problem !== undefined) return refuse(problem);
  return spec.type === 'u64' ? BigInt(exact) : Number(exact);
}

/** The bytes that head the input of every task; of a WASI program, its arguments. */
export function encodeParameters(manifest: KernelManifest, values: Arguments): Uint8Array {
  if (manifest.abi === WASI_ABI_VERSION) return encodeProgramArguments(manifest, values);
  const length = manifest.parameters.reduce((sum, spec) => sum + BYTES_OF_TYPE[spec.type], 0);
  if (length > PARAMETER_BYTES_MAX) {
    throw new SdkError(
      'manifest-invalid',
      `${manifest.name}: parameters take ${length} bytes of ${PARAMETER_BYTES_MAX}`,
    );
  }
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { name, type } of manifest.parameters) {
    const value = argument(values, name);
    if (type === 'u64') view.setBigUint64(at, BigInt(value), true);
    else if (type === 'f64') view.setFloat64(at, Number(value), true);
    else if (type === 'i32') view.setInt32(at, Number(value), true);
    else view.setUint32(at, Number(value), true);
    at += BYTES_OF_TYPE[type];
  }
  return bytes;
}

/** NUL-terminated strings, one after the other, the program's name first. */
function encodeProgramArguments({ name, args = [] }: KernelManifest, values: Arguments): Uint8Array {
  const filled = args.map((text) =>
    text.replace(PLACEHOLDER, (found, key: string) => (values.has(key) ? String(argument(values, key)) : found)),
  );
  const bytes = new TextEncoder().encode([name, ...filled].map((text) => `${text}\0`).join(''));
  if (bytes.length > PARAMETER_BYTES_MAX) {
    throw new SdkError(
      'argument-invalid',
      `${name}: its arguments take ${bytes.length} bytes of ${PARAMETER_BYTES_MAX}`,
    );
  }
  return bytes;
}

/** The value of a declared argument; the manifest's schema has checked that it is declared. */
export function argument(values: Arguments, name: string): number | bigint {
  const value = values.get(name);
  if (value === undefined) throw new SdkError('argument-missing', `no value for the argument ${name}`);
  return value;
}
