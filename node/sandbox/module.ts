/**
 * Reads a kernel's module and refuses whatever is not on the allow-list, by name and with a code. The engine's own
 * validation comes after it, always on the ORIGINAL bytes: a module that sets global 0 and has none is invalid, but
 * once the rewriter has appended its fuel global the same code would be valid and could refuel itself.
 *
 * The allow-list comes first so that every engine refuses the same modules for the same reasons, whatever proposals
 * it happens to know; what passes it is in all of them. Code is then validated by rules of our own, because engines do
 * not agree about it; `validate.ts`. Positions are kept, so that the rewriter can copy bytes.
 *
 * Functions may be imported as far as the module's reader is told: which ones is a matter of the ABI, not of reading.
 * They come first in the index space of functions, before those the module defines.
 */
import { ByteReader } from './bytes.ts';
import { newDecoded, readInstruction } from './instructions.ts';
import {
  EXPORTS_MAX,
  FUNCTION_BYTES_MAX,
  ITEMS_MAX,
  KERNEL_BYTES_MAX,
  LOCALS_MAX,
  LOCALS_TOTAL_MAX,
  NESTING_MAX,
  TABLE_ELEMENTS_MAX,
  TABLE_MAXIMUM_MAX,
  TABLES_MAX,
  TYPE_VALUES_MAX,
} from './limits.ts';
import { forbidFeature, KernelRefusedError } from './refusal.ts';
import type { Unrolled } from './unroll.ts';
import { validateFunctions } from './validate.ts';
import { VALUE } from './value-types.ts';

export const PAGE_BYTES = 65_536;
/** What indexes of 32 bits reach. */
const ADDRESSABLE_PAGES = 65_536;
/** Exports that begin with this belong to the rewriter. */
export const RESERVED_EXPORT = 'shoal:';

export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
} as const;

export { VALUE };

const VALUE_NAMES = new Map<number, string>(Object.entries(VALUE).map(([name, byte]) => [byte, name]));

const HIDDEN_CHANGES: ReadonlySet<string> = new Set(['table.init', 'table.copy', 'elem.drop', 'data.drop']);

export interface FunctionType {
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

export type ExportKind = 'function' | 'table' | 'memory' | 'global';

export interface KernelExport {
  readonly name: string;
  readonly kind: ExportKind;
  readonly index: number;
}

export interface FunctionImport {
  readonly module: string;
  readonly name: string;
  readonly type: FunctionType;
}

/** Throws a KernelRefusedError where a kernel may not have this import. */
export type ImportPolicy = (wanted: FunctionImport) => void;

/** For kernels that run without any import. */
export const NO_IMPORTS: ImportPolicy = ({ module, name }) => {
  throw new KernelRefusedError(
    'forbidden-import',
    `the kernel imports ${module}.${name}, but kernels run without any imports; build it so that nothing is imported`,
  );
};

export interface GlobalType {
  readonly type: number;
  readonly mutable: boolean;
}

/** Where a section's items are: after its count, up to its end. */
export interface SectionBody {
  readonly count: number;
  readonly start: number;
  readonly end: number;
}

export interface FunctionBody {
  /** Runs of locals of one type. */
  readonly locals: readonly { readonly count: number; readonly type: number }[];
  readonly localCount: number;
  /** First instruction, and the byte after the last `end`. */
  readonly start: number;
  readonly end: number;
}

export interface KernelModule {
  readonly bytes: Uint8Array;
  readonly sections: ReadonlyMap<number, SectionBody>;
  readonly types: readonly FunctionType[];
  /** The functions of the lowest indexes. */
  readonly imports: readonly FunctionImport[];
  /** Type index of each function, imported ones first. */
  readonly functions: readonly number[];
  /** By function; undefined where it is imported. */
  readonly bodies: readonly (FunctionBody | undefined)[];
  readonly memory: { readonly initial: number; readonly maximum: number | undefined } | undefined;
  readonly globals: readonly GlobalType[];
  readonly tableCount: number;
  readonly elementCount: number;
  /** What the section says that counts data segments; undefined without it. */
  readonly dataCount: number | undefined;
  readonly exports: readonly KernelExport[];
  readonly start: number | undefined;
  /** Features beyond the MVP, sorted. */
  readonly features: readonly string[];
  /** Where loops have been unrolled; undefined in a module as it was read. */
  readonly unrolled?: Unrolled | undefined;
  /** Instructions that change what neither memory nor globals show: a table, or which segments are dropped. */
  readonly hiddenChanges: readonly string[];
}

/** Throws a KernelRefusedError. The bytes are not changed and not kept by reference beyond the result. */
export function readModule(bytes: Uint8Array, allowImport: ImportPolicy = NO_IMPORTS): KernelModule {
  if (bytes.length > KERNEL_BYTES_MAX) {
    throw new KernelRefusedError(
      'too-large',
      `the kernel has ${bytes.length} bytes, at most ${KERNEL_BYTES_MAX} are allowed`,
    );
  }
  const magic = [0x00, 0x61, 0x73, 0x6d];
  if (!magic.every((byte, index) => bytes[index] === byte)) {
    throw new KernelRefusedError('not-wasm', 'the kernel is no WebAssembly module: it does not begin with "\\0asm"');
  }
  if (bytes[4] === 0x0d && bytes[6] === 0x01) throw forbidFeature('the component model');
  if (bytes[4] !== 1 || bytes[5] !== 0 || bytes[6] !== 0 || bytes[7] !== 0) {
    throw new KernelRefusedError('not-wasm', 'the kernel is no WebAssembly module of binary version 1');
  }
  const module = new ModuleReader(bytes, allowImport).read();
  validateFunctions(module);
  if (!WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>)) {
    throw new KernelRefusedError('invalid', 'the kernel is not a valid WebAssembly module');
  }
  return module;
}

class ModuleReader {
  readonly #bytes: Uint8Array;
  readonly #allowImport: ImportPolicy;
  readonly #sections = new Map<number, SectionBody>();
  readonly #features = new Set<string>();
  readonly #types: FunctionType[] = [];
  readonly #imports: FunctionImport[] = [];
  readonly #functions: number[] = [];
  readonly #bodies: (FunctionBody | undefined)[] = [];
  readonly #exports: KernelExport[] = [];
  #memory: KernelModule['memory'];
  #tables: number[] = [];
  readonly #globals: GlobalType[] = [];
  readonly #hiddenChanges = new Set<string>();
  /** Of all functions so far. */
  #locals = 0;
  #start: number | undefined;

  constructor(bytes: Uint8Array, allowImport: ImportPolicy) {
    this.#bytes = bytes;
    this.#allowImport = allowImport;
  }

  read(): KernelModule {
    const reader = new ByteReader(this.#bytes, 8);
    while (!reader.done) {
      const id = reader.byte();
      this.#readSection(id, reader.slice(reader.u32()));
    }
    return {
      bytes: this.#bytes,
      sections: this.#sections,
      types: this.#types,
      imports: this.#imports,
      functions: this.#functions,
      bodies: this.#bodies,
      memory: this.#memory,
      globals: this.#globals,
      tableCount: this.#tables.length,
      elementCount: this.#sections.get(SECTION.element)?.count ?? 0,
      dataCount: this.#sections.get(SECTION.dataCount)?.count,
      exports: this.#exports,
      start: this.#start,
      features: [...this.#features].sort(),
      hiddenChanges: [...this.#hiddenChanges].sort(),
    };
  }

  #readSection(id: number, section: ByteReader): void {
    if (id === SECTION.custom) {
      section.name();
      return;
    }
    if (id === 13) throw forbidFeature('exceptions');
    if (id > SECTION.dataCount) throw new KernelRefusedError('invalid', `the kernel has an unknown section ${id}`);
    if (this.#sections.has(id)) throw new KernelRefusedError('invalid', `the kernel has section ${id} twice`);
    const count = section.u32();
    this.#sections.set(id, { count, start: section.position, end: section.end });
    if (id === SECTION.start) {
      this.#start = count;
      return;
    }
    const countMax = id === SECTION.export ? EXPORTS_MAX : id === SECTION.table ? TABLES_MAX : ITEMS_MAX;
    if (count > countMax) {
      throw new KernelRefusedError(
        'too-large',
        `the kernel has ${count} items in section ${id}, at most ${countMax} are allowed`,
      );
    }
    if (id === SECTION.dataCount) {
      this.#features.add('bulk-memory');
      return;
    }
    for (let index = 0; index < count; index++) this.#readItem(id, section, index);
    if (!section.done) throw new KernelRefusedError('invalid', `section ${id} of the kernel is longer than its items`);
  }

  #readItem(id: number, section: ByteReader, index: number): void {
    switch (id) {
      case SECTION.type:
        this.#types.push(this.#readType(section));
        return;
      case SECTION.import:
        this.#readImport(section);
        return;
      case SECTION.function:
        this.#functions.push(section.u32());
        return;
      case SECTION.table:
        this.#readTable(section);
        return;
      case SECTION.memory:
        this.#readMemory(section, index);
        return;
      case SECTION.global:
        this.#globals.push({ type: this.#valueType(section), mutable: section.byte() === 1 });
        this.#constant(section);
        return;
      case SECTION.export:
        this.#readExport(section);
        return;
      case SECTION.element:
        this.#readElement(section);
        return;
      case SECTION.code:
        this.#readBody(section, this.#imports.length + index);
        return;
      case SECTION.data:
        this.#readData(section);
        return;
    }
  }

  #readImport(section: ByteReader): void {
    const [module, name] = [section.name(), section.name()];
    const kind = section.byte();
    if (kind !== 0) {
      const what = ['function', 'table', 'memory', 'global'][kind] ?? 'tag';
      throw new KernelRefusedError(
        'forbidden-import',
        `the kernel imports the ${what} ${module}.${name}; a kernel has to bring its ${what} itself`,
      );
    }
    const index = section.u32();
    const type = this.#types[index];
    if (type === undefined) throw new KernelRefusedError('invalid', `the import ${module}.${name} has no type`);
    this.#allowImport({ module, name, type });
    this.#imports.push({ module, name, type });
    this.#functions.push(index);
    this.#bodies.push(undefined);
  }

  #readType(section: ByteReader): FunctionType {
    if (section.byte() !== 0x60) throw forbidFeature('garbage collection');
    const parameters = Array.from({ length: this.#typeCount(section) }, () => this.#valueType(section));
    const results = Array.from({ length: this.#typeCount(section) }, () => this.#valueType(section));
    if (results.length > 1) this.#features.add('multi-value');
    return { parameters, results };
  }

  #typeCount(section: ByteReader): number {
    const count = section.u32();
    if (count > TYPE_VALUES_MAX) {
      throw new KernelRefusedError(
        'too-large',
        `a type of the kernel has ${count} parameters or results, at most ${TYPE_VALUES_MAX} are allowed`,
      );
    }
    return count;
  }

  #valueType(section: ByteReader): number {
    const type = section.byte();
    if (!VALUE_NAMES.has(type)) throw forbidFeature('reference types');
    if (type === VALUE.v128) this.#features.add('simd');
    return type;
  }

  #readTable(section: ByteReader): void {
    const type = section.byte();
    if (type === 0x40) throw forbidFeature('typed function references');
    if (type !== 0x70) throw forbidFeature('reference types');
    const flags = section.byte();
    if (flags > 1) throw forbidFeature('tables with 64-bit indexes or shared tables');
    const { initial, maximum = initial } = this.#range('table', section, flags === 1);
    if (maximum > TABLE_MAXIMUM_MAX) {
      throw new KernelRefusedError(
        'table-too-large',
        `a table of the kernel may have ${maximum} elements, at most ${TABLE_MAXIMUM_MAX} may be declared`,
      );
    }
    this.#tables.push(initial);
    if (this.#tables.reduce((sum, size) => sum + size, 0) > TABLE_ELEMENTS_MAX) {
      throw new KernelRefusedError('table-too-large', `the kernel's tables exceed ${TABLE_ELEMENTS_MAX} elements`);
    }
  }

  #readMemory(section: ByteReader, index: number): void {
    if (index > 0) throw forbidFeature('several memories');
    const flags = section.byte();
    if (flags >= 8) throw forbidFeature('custom page sizes');
    if ((flags & 4) !== 0) throw forbidFeature('64-bit memory');
    if ((flags & 2) !== 0) throw forbidFeature('threads (a shared memory)');
    const memory = this.#range('memory', section, flags === 1);
    if (Math.max(memory.initial, memory.maximum ?? 0) > ADDRESSABLE_PAGES) {
      throw new KernelRefusedError('invalid', `the memory of the kernel has more than ${ADDRESSABLE_PAGES} pages`);
    }
    this.#memory = memory;
  }

  #range(what: string, section: ByteReader, hasMaximum: boolean): { initial: number; maximum: number | undefined } {
    const initial = section.u32();
    const maximum = hasMaximum ? section.u32() : undefined;
    if (maximum !== undefined && maximum < initial) {
      throw new KernelRefusedError(
        'invalid',
        `a ${what} of the kernel begins with ${initial} and may have at most ${maximum}`,
      );
    }
    return { initial, maximum };
  }

  #readExport(section: ByteReader): void {
    const name = section.name();
    if (name.startsWith(RESERVED_EXPORT)) {
      throw new KernelRefusedError(
        'reserved-export',
        `the kernel exports "${name}"; names that begin with "${RESERVED_EXPORT}" are reserved`,
      );
    }
    const kinds: readonly ExportKind[] = ['function', 'table', 'memory', 'global'];
    const kind = kinds[section.byte()];
    if (kind === undefined) throw forbidFeature('exceptions');
    this.#exports.push({ name, kind, index: section.u32() });
  }

  #readElement(section: ByteReader): void {
    const flags = section.u32();
    if (flags > 7) throw forbidFeature('an unknown kind of element segment');
    const active = (flags & 1) === 0;
    if (flags !== 0) this.#features.add('bulk-memory');
    const table = active && (flags & 2) !== 0 ? section.u32() : 0;
    const offset = active ? this.#constant(section) : 0;
    const expressions = (flags & 4) !== 0;
    if ((flags & 3) !== 0 && section.byte() !== (expressions ? 0x70 : 0x00)) throw forbidFeature('reference types');
    const count = section.u32();
    for (let index = 0; index < count; index++) {
      if (expressions) this.#functionReference(section);
      else section.u32();
    }
    if (active) this.#checkSegment('element', offset, count, this.#tables[table] ?? 0);
  }

  #functionReference(section: ByteReader): void {
    const opcode = section.byte();
    if (opcode === 0xd2) section.u32();
    else if (opcode !== 0xd0 || section.byte() !== 0x70) throw forbidFeature('computed element segments');
    if (section.byte() !== 0x0b) throw forbidFeature('computed element segments');
  }

  #readData(section: ByteReader): void {
    const flags = section.u32();
    if (flags > 2) throw forbidFeature('an unknown kind of data segment');
    if (flags === 1) this.#features.add('bulk-memory');
    if (flags === 2 && section.u32() !== 0) throw forbidFeature('several memories');
    const offset = flags === 1 ? 0 : this.#constant(section);
    const length = section.u32();
    section.skip(length);
    if (flags !== 1) this.#checkSegment('data', offset, length, (this.#memory?.initial ?? 0) * PAGE_BYTES);
  }

  /** What would trap while the instance is made is refused here, so that making an instance fails for want of memory only. */
  #checkSegment(what: string, offset: number, length: number, size: number): void {
    if ((offset >>> 0) + length > size) {
      throw new KernelRefusedError(
        'segment-out-of-bounds',
        `a ${what} segment of the kernel at ${offset >>> 0} with ${length} entries does not fit into ${size}`,
      );
    }
  }

  /** One constant and `end`. Returns its value when it is an i32. */
  #constant(section: ByteReader): number {
    let value = 0;
    const opcode = section.byte();
    if (opcode === 0x41) {
      value = section.s33();
      if (value !== (value | 0))
        throw new KernelRefusedError('invalid', 'a constant of the kernel has more than 32 bits');
    } else if (opcode === 0x42) section.skipLeb64();
    else if (opcode === 0x43) section.skip(4);
    else if (opcode === 0x44) section.skip(8);
    else if (opcode === 0xfd && section.u32() === 12) section.skip(16);
    else if (opcode >= 0xd0) throw forbidFeature('reference types');
    else throw forbidFeature('computed constant expressions');
    if (section.byte() !== 0x0b) throw forbidFeature('computed constant expressions');
    return value;
  }

  #readBody(section: ByteReader, index: number): void {
    const size = section.u32();
    if (size > FUNCTION_BYTES_MAX) {
      throw new KernelRefusedError(
        'function-too-large',
        `function ${index} of the kernel has ${size} bytes, at most ${FUNCTION_BYTES_MAX} are allowed`,
      );
    }
    const body = section.slice(size);
    const locals: { count: number; type: number }[] = [];
    let localCount = this.#types[this.#functions[index] ?? -1]?.parameters.length ?? 0;
    for (let runs = body.u32(); runs > 0; runs--) {
      const count = body.u32();
      localCount += count;
      if (localCount > LOCALS_MAX) {
        throw new KernelRefusedError(
          'too-many-locals',
          `function ${index} of the kernel has more than ${LOCALS_MAX} parameters and locals`,
        );
      }
      locals.push({ count, type: this.#valueType(body) });
    }
    this.#locals += localCount;
    if (this.#locals > LOCALS_TOTAL_MAX) {
      throw new KernelRefusedError(
        'too-many-locals',
        `the functions of the kernel have more than ${LOCALS_TOTAL_MAX} parameters and locals together`,
      );
    }
    this.#bodies.push({ locals, localCount, start: body.position, end: body.end });
    this.#scan(body, index);
  }

  #scan(body: ByteReader, index: number): void {
    const decoded = newDecoded();
    let depth = 0;
    while (!body.done) {
      readInstruction(body, decoded);
      const { feature, immediate, name } = decoded.instruction;
      if (feature !== 'mvp') this.#features.add(feature);
      if (HIDDEN_CHANGES.has(name)) this.#hiddenChanges.add(name);
      if (immediate === 'indirect' && decoded.second > 0) this.#features.add('several-tables');
      if (immediate === 'block') {
        this.#checkBlockType(decoded.first);
        if (++depth > NESTING_MAX) {
          throw new KernelRefusedError(
            'nesting-too-deep',
            `function ${index} of the kernel nests blocks deeper than ${NESTING_MAX}`,
          );
        }
      } else if (name === 'end') depth--;
    }
  }

  #checkBlockType(type: number): void {
    if (type >= 0) {
      const signature = this.#types[type];
      if (signature !== undefined && signature.parameters.length > 0) this.#features.add('multi-value');
    } else if (type !== -64 && !VALUE_NAMES.has(type + 128)) throw forbidFeature('reference types');
  }
}
