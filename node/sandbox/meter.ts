/**
 * The rewriter: from a kernel as its author built it to the module that is run. It appends types, functions, globals and
 * exports and rewrites function bodies in place, so no index in the code changes. In the merged mode functions get
 * another type, with fuel and depth passed along, what the host may call gets a wrapper, and small loops are unrolled,
 * which moves code but no index; `unroll.ts`. What a module imports it calls through a gate of its own, which keeps room
 * on the stack for the host; `gates.ts`. What it adds:
 *
 *   shoal:fuel           mutable i64: fuel left. The host sets it before anything runs; below zero means out of fuel.
 *   shoal:host-failure   mutable i32: 1 when this machine had no memory for a growth the limit allowed.
 *   shoal:start          the start function, if there was one, for the host to call once fuel is set.
 *   shoal:save           () -> every mutable global as i64, and
 *   shoal:restore        (as many i64) -> (): `saved-globals.ts`, in kernels whose state is memory and globals.
 *
 * The memory's maximum becomes the lower of what the kernel declares and the job's limit. Custom sections (names,
 * debug information) are left out: what they say about positions would be wrong afterwards.
 *
 * The output is part of consensus through the fuel it counts: any change here that changes fuel, limits or results
 * needs a new REWRITER_VERSION. Both modes are kept: the simple one is what the merged one is checked against.
 */
import { ByteWriter } from './bytes.ts';
import { type Appended, type MeterMode, rewriteFunction } from './function-rewriter.ts';
import { gate, redirectedElements } from './gates.ts';
import { METERED_BYTES_MAX, METERED_FUNCTION_BYTES_MAX, PASSED_VALUES_MAX } from './limits.ts';
import { type ExportKind, type ImportPolicy, type KernelModule, readModule, SECTION, VALUE } from './module.ts';
import { KernelRefusedError } from './refusal.ts';
import { restoreFunction, type SavedGlobal, savedGlobals, saveFunction } from './saved-globals.ts';
import { CalledSizes } from './unchecked-run.ts';
import { unrollLoops } from './unroll.ts';
import { WEIGHTS_VERSION, type Weights, weightsOf } from './weights.ts';

export const REWRITER_VERSION = 6;

export const FUEL_EXPORT = 'shoal:fuel';
export const HOST_FAILURE_EXPORT = 'shoal:host-failure';
export const START_EXPORT = 'shoal:start';
export const SAVE_EXPORT = 'shoal:save';
export const RESTORE_EXPORT = 'shoal:restore';

export interface MeterOptions {
  /** Pages of 64 KiB the memory may grow to. */
  readonly memoryPagesMax: number;
  /** Both modes take the same fuel for every call that completes; they differ in what a trap costs, and in speed. */
  readonly mode?: MeterMode;
  /** Says which functions may be imported; without it, none. */
  readonly allowImport?: ImportPolicy | undefined;
  /** Those of new jobs if none are given. */
  readonly weights?: Weights;
}

/** Validates `bytes` first. Throws a KernelRefusedError. */
export function meter(bytes: Uint8Array, options: MeterOptions): Uint8Array {
  return new ModuleRewriter(readModule(bytes, options.allowImport), options).rewrite();
}

const EXPORT_KINDS: readonly ExportKind[] = ['function', 'table', 'memory', 'global'];

const ORDER = [
  SECTION.type,
  SECTION.import,
  SECTION.function,
  SECTION.table,
  SECTION.memory,
  SECTION.global,
  SECTION.export,
  SECTION.element,
  SECTION.dataCount,
  SECTION.code,
  SECTION.data,
];

class ModuleRewriter {
  readonly #module: KernelModule;
  /** The same, with what functions are made of. */
  readonly #unrolled: KernelModule;
  readonly #pagesMax: number;
  readonly #mode: MeterMode;
  readonly #weights: Weights;
  /** Those added, by what they are. A list would be searched once for each of up to 100,000 functions. */
  readonly #types = new Map<string, number>();
  /** Types () -> results by the list of a type of the module, because the text of a thousand results takes its time. */
  readonly #blockTypes = new Map<readonly number[], number>();
  readonly #newTypes = new ByteWriter();
  /** Types added for functions that pass fuel and depth along. */
  #passedTypes = 0;
  /** By function: its wrapper for the host. */
  readonly #wrappers = new Map<number, number>();
  /** Undefined where a kernel's state cannot be saved: then the two functions are left out. */
  readonly #saved: readonly SavedGlobal[] | undefined;
  #saveType = 0;
  #restoreType = 0;
  readonly #chargeType: number;
  readonly #growType: number;
  readonly #appended: Appended;

  constructor(
    module: KernelModule,
    { memoryPagesMax, mode = 'simple', weights = weightsOf(WEIGHTS_VERSION)! }: MeterOptions,
  ) {
    this.#module = module;
    this.#unrolled = mode === 'merged' ? unrollLoops(module) : module;
    this.#mode = mode;
    this.#weights = weights;
    const initial = module.memory?.initial ?? 0;
    if (initial > memoryPagesMax) {
      throw new KernelRefusedError(
        'memory-too-large',
        `the kernel begins with ${initial} pages of memory, the job allows ${memoryPagesMax}`,
      );
    }
    this.#pagesMax = Math.min(memoryPagesMax, module.memory?.maximum ?? memoryPagesMax);
    if (mode === 'merged') this.#addPassedTypes();
    this.#chargeType = this.#addType([VALUE.i64], []);
    this.#growType = this.#addType([VALUE.i32], [VALUE.i32]);
    this.#saved = savedGlobals(module);
    if (this.#saved !== undefined) {
      const words = this.#saved.flatMap(({ words }) => Array.from({ length: words }, () => VALUE.i64));
      this.#saveType = this.#addType([], words);
      this.#restoreType = this.#addType(words, []);
    }
    this.#appended = {
      fuelGlobal: module.globals.length,
      depthGlobal: module.globals.length + 1,
      chargeFunction: module.functions.length,
      growFunction: module.functions.length + 1,
      calledSizes: new CalledSizes(this.#unrolled),
      blockType: (results) => this.#blockType(results),
      gate: (index) => module.functions.length + this.#helperCount + index,
      passedType: (type) => module.types.length + type,
    };
    if (mode === 'merged') this.#wrap(module);
  }

  rewrite(): Uint8Array {
    // First, because function bodies may add types.
    const code = this.#code();
    const out = new ByteWriter(code.length + this.#module.bytes.length + 256);
    out.put(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
    for (const id of ORDER) {
      const section = id === SECTION.code ? code : this.#section(id);
      if (section !== undefined) out.byte(id).u32(section.length).appendWriter(section);
    }
    if (out.length > METERED_BYTES_MAX) {
      throw new KernelRefusedError(
        'too-large',
        `the metered kernel has ${out.length} bytes, at most ${METERED_BYTES_MAX} are allowed`,
      );
    }
    return out.finish();
  }

  #section(id: number): ByteWriter | undefined {
    const { functions, imports, memory, start } = this.#module;
    const extra = new ByteWriter();
    switch (id) {
      case SECTION.type:
        return this.#extended(id, this.#passedTypes + this.#types.size, this.#newTypes);
      case SECTION.function:
        if (this.#mode === 'merged') {
          for (const type of functions.slice(imports.length)) extra.u32(this.#appended.passedType(type));
        }
        extra.u32(this.#chargeType);
        if (memory !== undefined) extra.u32(this.#growType);
        for (const type of functions.slice(0, imports.length)) extra.u32(this.#ownType(type));
        for (const target of this.#wrappers.keys()) extra.u32(functions[target]!);
        if (this.#saved !== undefined) extra.u32(this.#saveType).u32(this.#restoreType);
        if (this.#mode === 'simple') return this.#extended(id, this.#addedCount, extra);
        return new ByteWriter().u32(functions.length - imports.length + this.#addedCount).appendWriter(extra);
      case SECTION.memory:
        if (memory === undefined) return undefined;
        return extra.put(1, 1).u32(memory.initial).u32(this.#pagesMax);
      case SECTION.global:
        extra.put(VALUE.i64, 1, 0x42, 0, 0x0b);
        extra.put(VALUE.i32, 1, 0x41, 0, 0x0b);
        extra.put(VALUE.i32, 1, 0x41, 0, 0x0b);
        return this.#extended(id, 3, extra);
      case SECTION.export:
        extra.name(FUEL_EXPORT).byte(3).u32(this.#appended.fuelGlobal);
        extra.name(HOST_FAILURE_EXPORT).byte(3).u32(this.#failureGlobal);
        if (start !== undefined)
          extra
            .name(START_EXPORT)
            .byte(0)
            .u32(this.#wrappers.get(start) ?? start);
        if (this.#saved !== undefined) {
          const save = functions.length + this.#addedCount - 2;
          extra.name(SAVE_EXPORT).byte(0).u32(save);
          extra
            .name(RESTORE_EXPORT)
            .byte(0)
            .u32(save + 1);
        }
        if (this.#mode === 'simple') return this.#extended(id, this.#addedExports, extra);
        return this.#rewrittenExports(this.#addedExports, extra);
      case SECTION.element:
        return imports.length === 0 ? this.#copied(id) : redirectedElements(this.#module, this.#appended.gate);
      case SECTION.code:
        throw new Error(`the code section of ${functions.length} functions is written first`);
      default:
        return this.#copied(id);
    }
  }

  get #helperCount(): number {
    return this.#module.memory === undefined ? 1 : 2;
  }

  /** Functions behind those of the module: helpers, gates, wrappers, and last the two that save and restore. */
  get #addedCount(): number {
    const others = this.#helperCount + this.#module.imports.length + this.#wrappers.size;
    return others + (this.#saved === undefined ? 0 : 2);
  }

  get #addedExports(): number {
    return 2 + (this.#module.start === undefined ? 0 : 1) + (this.#saved === undefined ? 0 : 2);
  }

  /** The type a function of the module has inside it. */
  #ownType(type: number): number {
    return this.#mode === 'merged' ? this.#appended.passedType(type) : type;
  }

  get #failureGlobal(): number {
    return this.#module.globals.length + 2;
  }

  #rewrittenExports(added: number, extra: ByteWriter): ByteWriter {
    const { exports } = this.#module;
    const out = new ByteWriter().u32(exports.length + added);
    for (const { name, kind, index } of exports) {
      const target = kind === 'function' ? this.#wrappers.get(index)! : index;
      out.name(name).byte(EXPORT_KINDS.indexOf(kind)).u32(target);
    }
    return out.appendWriter(extra);
  }

  #extended(id: number, added: number, items: ByteWriter): ByteWriter {
    const body = this.#module.sections.get(id);
    const out = new ByteWriter((body === undefined ? 0 : body.end - body.start) + items.length + 8);
    out.u32((body?.count ?? 0) + added);
    if (body !== undefined) out.append(this.#module.bytes, body.start, body.end);
    return out.appendWriter(items);
  }

  #copied(id: number): ByteWriter | undefined {
    const body = this.#module.sections.get(id);
    if (body === undefined) return undefined;
    return new ByteWriter(body.end - body.start + 8).u32(body.count).append(this.#module.bytes, body.start, body.end);
  }

  #code(): ByteWriter {
    const { bodies, bytes, imports, memory } = this.#unrolled;
    const out = new ByteWriter(bytes.length * 2);
    out.u32(bodies.length - imports.length + this.#addedCount);
    for (let index = imports.length; index < bodies.length; index++) {
      const body = rewriteFunction(this.#unrolled, index, this.#appended, this.#mode, this.#weights);
      if (body.length > METERED_FUNCTION_BYTES_MAX) {
        throw new KernelRefusedError(
          'function-too-large',
          `function ${index} of the kernel is too large to be metered`,
        );
      }
      out.u32(body.length).appendWriter(body);
    }
    this.#helper(out, this.#chargeFunction());
    if (memory !== undefined) this.#helper(out, this.#growFunction());
    imports.forEach(({ type }, index) => {
      this.#helper(out, gate(index, type, this.#appended, this.#mode));
    });
    for (const target of this.#wrappers.keys()) this.#helper(out, this.#wrapper(target));
    if (this.#saved !== undefined) {
      this.#helper(out, saveFunction(this.#saved));
      this.#helper(out, restoreFunction(this.#saved));
    }
    return out;
  }

  #helper(out: ByteWriter, body: ByteWriter): void {
    out.u32(body.length).appendWriter(body);
  }

  #chargeFunction(): ByteWriter {
    const fuel = this.#appended.fuelGlobal;
    const out = new ByteWriter().byte(0);
    // fuel -= amount; if (fuel < 0) unreachable
    out.byte(0x23).u32(fuel).put(0x20, 0, 0x7d).byte(0x24).u32(fuel);
    return out.byte(0x23).u32(fuel).put(0x42, 0, 0x53, 0x04, 0x40, 0x00, 0x0b, 0x0b);
  }

  #growFunction(): ByteWriter {
    const out = new ByteWriter().put(1, 1, VALUE.i32);
    // if (u64(delta) + u64(memory.size) > maximum) return -1
    out.put(0x20, 0, 0xad, 0x3f, 0, 0xad, 0x7c, 0x42).signed(this.#pagesMax);
    out.put(0x56, 0x04, 0x40, 0x41, 0x7f, 0x0f, 0x0b);
    // charge(u64(delta) * page)
    out.put(0x20, 0, 0xad, 0x42).signed(this.#weights.page).byte(0x7e).byte(0x10).u32(this.#appended.chargeFunction);
    // if ((before = memory.grow(delta)) == -1) { hostFailure = 1; unreachable }
    out.put(0x20, 0, 0x40, 0, 0x22, 1, 0x41, 0x7f, 0x46, 0x04, 0x40);
    out.put(0x41, 1, 0x24).u32(this.#failureGlobal).put(0x00, 0x0b);
    return out.put(0x20, 1, 0x0b);
  }

  /** For the host: takes the fuel from the global, calls, and puts back what is left. */
  #wrapper(target: number): ByteWriter {
    const { fuelGlobal } = this.#appended;
    const out = new ByteWriter().byte(0);
    const { parameters } = this.#module.types[this.#module.functions[target]!]!;
    for (let index = 0; index < parameters.length; index++) out.byte(0x20).u32(index);
    out.byte(0x23).u32(fuelGlobal).put(0x41, 0).byte(0x10);
    out.u32(target < this.#module.imports.length ? this.#appended.gate(target) : target);
    return out.byte(0x24).u32(fuelGlobal).byte(0x0b);
  }

  /** What the host may call gets a wrapper with the type it had. */
  #wrap({ exports, imports, start, functions }: KernelModule): void {
    const called = exports.flatMap(({ kind, index }) => (kind === 'function' ? [index] : []));
    for (const target of start === undefined ? called : [...called, start]) {
      if (this.#wrappers.has(target)) continue;
      this.#wrappers.set(target, functions.length + this.#helperCount + imports.length + this.#wrappers.size);
    }
  }

  /** Each type of the module again, with fuel and depth among the parameters and fuel among the results. */
  #addPassedTypes(): void {
    for (const { parameters, results } of this.#module.types) {
      if (Math.max(parameters.length, results.length) > PASSED_VALUES_MAX) {
        throw new KernelRefusedError(
          'too-large',
          `a type of the kernel has more than ${PASSED_VALUES_MAX} parameters or results`,
        );
      }
      this.#putType([...parameters, VALUE.i64, VALUE.i32], [...results, VALUE.i64]);
      this.#passedTypes++;
    }
  }

  #putType(parameters: readonly number[], results: readonly number[]): void {
    this.#newTypes
      .byte(0x60)
      .u32(parameters.length)
      .put(...parameters);
    this.#newTypes.u32(results.length).put(...results);
  }

  #blockType(results: readonly number[]): number {
    const known = this.#blockTypes.get(results);
    if (known !== undefined) return known;
    const index = this.#addType([], results);
    this.#blockTypes.set(results, index);
    return index;
  }

  /** Index of a new type, or of the same one added before. */
  #addType(parameters: readonly number[], results: readonly number[]): number {
    const key = `${parameters}:${results}`;
    const known = this.#types.get(key);
    const first = this.#module.types.length + this.#passedTypes;
    if (known !== undefined) return first + known;
    this.#putType(parameters, results);
    this.#types.set(key, this.#types.size);
    return first + this.#types.size - 1;
  }
}
