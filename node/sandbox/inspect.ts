/** What a kernel is, and whether this network can run it: the only door through which a stranger's module comes in. */
import { type FunctionType, type KernelExport, type KernelModule, readModule } from './module.ts';
import { KernelRefusedError } from './refusal.ts';
import { whyNotResumable } from './saved-globals.ts';

export interface KernelReport {
  readonly byteLength: number;
  /** `module.name` of each import; always empty today, because a kernel with imports is refused. */
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

/** Throws a KernelRefusedError whose code and message say what is wrong with the kernel. */
export function inspect(bytes: Uint8Array): KernelReport {
  const module = readModule(bytes);
  const exports = new Map(module.exports.map((item) => [item.name, item]));
  for (const [name, signature] of Object.entries(REQUIRED)) checkFunction(module, name, exports.get(name), signature);
  for (const [name, signature] of Object.entries(OPTIONAL)) {
    if (exports.has(name)) checkFunction(module, name, exports.get(name), signature);
  }
  if (exports.get('memory')?.kind !== 'memory' || module.memory === undefined) {
    throw new KernelRefusedError('missing-export', 'the kernel does not export its memory as "memory"');
  }
  return {
    byteLength: bytes.length,
    imports: [],
    exports: module.exports.map((item) => item.name),
    memory: { initialPages: module.memory.initial, maximumPages: module.memory.maximum },
    features: module.features,
    functionCount: module.functions.length - module.imports.length,
    hasReduce: exports.has('shoal_reduce'),
    notResumable: whyNotResumable(module),
  };
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
