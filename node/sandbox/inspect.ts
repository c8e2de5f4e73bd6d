/**
 * What a kernel is, and whether this network can run it: the only door through which a stranger's module comes in. A
 * module is looked at as what its job says it is (`abi`); where nobody has said, it is a WASI program if it looks like
 * one: `_start`, or imports of WASI, and no `shoal_abi`.
 */
import { ABI_VERSION, ABI_VERSIONS, WASI_ABI_VERSION } from '../protocol/parameters.ts';
import {
  type FunctionType,
  type ImportPolicy,
  type KernelExport,
  type KernelModule,
  NO_IMPORTS,
  readModule,
} from './module.ts';
import { KernelRefusedError } from './refusal.ts';
import { whyNotResumable } from './saved-globals.ts';
import { WASI_IMPORTS, WASI_MODULE } from './wasi/table.ts';

export interface KernelReport {
  readonly byteLength: number;
  /** How it speaks with its host; see `ABI_VERSIONS`. */
  readonly abi: number;
  /** `module.name` of each import. Empty unless it is a WASI program. */
  readonly imports: readonly string[];
  readonly exports: readonly string[];
  /** Pages of 64 KiB. `maximumPages` is undefined where the kernel declares none. */
  readonly memory: { readonly initialPages: number; readonly maximumPages: number | undefined };
  /** WebAssembly features beyond the MVP that it uses, e.g. `simd`. */
  readonly features: readonly string[];
  readonly functionCount: number;
  /** Whether outputs can be merged by the kernel itself. */
  readonly hasReduce: boolean;
  /** Why it cannot be saved between two steps and go on later; undefined where it can. */
  readonly notResumable?: string | undefined;
}

const TO_I32 = '() -> i32';
const I32_TO_I32 = '(i32) -> i32';
const TO_NOTHING = '() -> ()';
const REQUIRED: Readonly<Record<string, string>> = {
  shoal_abi: TO_I32,
  shoal_alloc: I32_TO_I32,
  shoal_init: TO_I32,
  shoal_step: I32_TO_I32,
  shoal_out_ptr: TO_I32,
  shoal_out_len: TO_I32,
};
const OPTIONAL: Readonly<Record<string, string>> = {
  shoal_reduce: TO_I32,
  _start: TO_NOTHING,
  _initialize: TO_NOTHING,
};

/** Which functions a module may import. Throws a KernelRefusedError for an ABI that this version does not have. */
export function importsOf(abi: number): ImportPolicy {
  if (abi === WASI_ABI_VERSION) return WASI_IMPORTS;
  if (abi === ABI_VERSION) return NO_IMPORTS;
  throw new KernelRefusedError('unknown-version', `ABI ${abi} is not among ${ABI_VERSIONS.join(', ')}`);
}

/** Throws a KernelRefusedError whose code and message say what is wrong with the kernel. */
export function inspect(bytes: Uint8Array, abi?: number): KernelReport {
  return abi === undefined ? inspectAs(bytes, likelyAbi(bytes)) : inspectAs(bytes, abi);
}

function inspectAs(bytes: Uint8Array, abi: number): KernelReport {
  const module = readModule(bytes, importsOf(abi));
  const exports = new Map(module.exports.map((item) => [item.name, item]));
  if (abi === WASI_ABI_VERSION) checkCommand(module, exports);
  else {
    for (const [name, signature] of Object.entries(REQUIRED)) checkFunction(module, name, exports.get(name), signature);
    for (const [name, signature] of Object.entries(OPTIONAL)) {
      if (exports.has(name)) checkFunction(module, name, exports.get(name), signature);
    }
  }
  if (exports.get('memory')?.kind !== 'memory' || module.memory === undefined) {
    throw new KernelRefusedError('missing-export', 'the kernel does not export its memory as "memory"');
  }
  return {
    byteLength: bytes.length,
    abi,
    imports: module.imports.map((item) => `${item.module}.${item.name}`),
    exports: module.exports.map((item) => item.name),
    memory: { initialPages: module.memory.initial, maximumPages: module.memory.maximum },
    features: module.features,
    functionCount: module.functions.length - module.imports.length,
    hasReduce: abi === ABI_VERSION && exports.has('shoal_reduce'),
    notResumable: abi === WASI_ABI_VERSION ? 'it is a WASI program, which has no steps' : whyNotResumable(module),
  };
}

function likelyAbi(bytes: Uint8Array): number {
  let importsWasi = false;
  const note: ImportPolicy = ({ module }) => {
    importsWasi ||= module === WASI_MODULE;
  };
  const exports = new Set(readModule(bytes, note).exports.map(({ name }) => name));
  return !exports.has('shoal_abi') && (importsWasi || exports.has('_start')) ? WASI_ABI_VERSION : ABI_VERSION;
}

/** A WASI command: it runs once, from `_start` to its end. */
function checkCommand(module: KernelModule, exports: ReadonlyMap<string, KernelExport>): void {
  if (!exports.has('_start') && exports.has('_initialize')) {
    throw new KernelRefusedError(
      'missing-export',
      'the program is a WASI reactor: it has _initialize and no _start, so there is nothing to run; build it as a command',
    );
  }
  if (!exports.has('_start')) {
    throw new KernelRefusedError(
      'missing-export',
      'the program does not export _start, which a WASI command begins with; build it as an executable, not as a library',
    );
  }
  checkFunction(module, '_start', exports.get('_start'), TO_NOTHING);
}

function checkFunction(module: KernelModule, name: string, found: KernelExport | undefined, signature: string): void {
  if (found === undefined) {
    throw new KernelRefusedError('missing-export', `the kernel does not export the function ${name} ${signature}`);
  }
  const type = found.kind === 'function' ? module.types[module.functions[found.index]!] : undefined;
  const actual = type === undefined ? `a ${found.kind}` : describe(type);
  if (actual !== signature) {
    throw new KernelRefusedError('wrong-abi-signature', `the kernel's export ${name} is ${actual}, not ${signature}`);
  }
}

const NAMES: Readonly<Record<number, string>> = { 127: 'i32', 126: 'i64', 125: 'f32', 124: 'f64', 123: 'v128' };

function describe(type: FunctionType): string {
  const [parameters, results] = [type.parameters, type.results].map((types) => types.map((byte) => NAMES[byte]));
  return `(${parameters!.join(', ')}) -> ${results!.length === 1 ? results![0] : `(${results!.join(', ')})`}`;
}
