/**
 * Calls exported functions and reads exported globals by the bits of their values. For each signature a small module is
 * generated that imports the function, loads its arguments from memory, calls it, and stores its results; nothing passes
 * through a JavaScript number, so the bits of NaNs and vectors arrive as they are.
 */
import { ByteWriter } from '../../node/sandbox/bytes.ts';
import { bytesOf, type NumberType, TYPE_BYTE, type Value } from './values.ts';

const SLOT_BYTES = 16;
export const LOAD: Readonly<Record<NumberType, readonly number[]>> = {
  i32: [0x28, 2],
  i64: [0x29, 3],
  f32: [0x2a, 2],
  f64: [0x2b, 3],
  v128: [0xfd, 0x00, 4],
};
export const STORE: Readonly<Record<NumberType, readonly number[]>> = {
  i32: [0x36, 2],
  i64: [0x37, 3],
  f32: [0x38, 2],
  f64: [0x39, 3],
  v128: [0xfd, 0x0b, 4],
};

export interface Signature {
  readonly takes: readonly NumberType[];
  readonly gives: readonly NumberType[];
}

export class Adapter {
  readonly #memory = new WebAssembly.Memory({ initial: 1 });
  readonly #modules = new Map<string, WebAssembly.Module>();
  readonly #callers = new WeakMap<object, Map<string, () => void>>();

  /** Calls with these arguments. Throws what the function throws, and a LinkError where its signature is another. */
  call(target: WebAssembly.ExportValue, args: readonly Value[], gives: readonly NumberType[]): readonly bigint[] {
    const call = this.#caller(target, { takes: args.map(({ type }) => type), gives });
    args.forEach(({ type, bits }, index) => {
      this.#write(index, type, bits);
    });
    call();
    return gives.map((type, index) => this.#read(args.length + index, type));
  }

  get(target: WebAssembly.ExportValue, type: NumberType): bigint {
    let failure: unknown;
    for (const mutable of [0, 1]) {
      try {
        const module = this.#module(`global ${type} ${mutable}`, () => globalModule(type, mutable));
        const { read } = new WebAssembly.Instance(module, { '': { memory: this.#memory, target } }).exports;
        (read as () => void)();
        return this.#read(0, type);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  #caller(target: WebAssembly.ExportValue, signature: Signature): () => void {
    const key = `${signature.takes} -> ${signature.gives}`;
    const known = this.#callers.get(target) ?? new Map<string, () => void>();
    this.#callers.set(target, known);
    let call = known.get(key);
    if (call === undefined) {
      const module = this.#module(key, () => callModule(signature));
      call = new WebAssembly.Instance(module, { '': { memory: this.#memory, target } }).exports.call as () => void;
      known.set(key, call);
    }
    return call;
  }

  #module(key: string, make: () => ByteWriter): WebAssembly.Module {
    let module = this.#modules.get(key);
    if (module === undefined) {
      module = new WebAssembly.Module(Uint8Array.from(make().finish()));
      this.#modules.set(key, module);
    }
    return module;
  }

  #write(slot: number, type: NumberType, bits: bigint): void {
    const view = new DataView(this.#memory.buffer);
    const at = slot * SLOT_BYTES;
    if (bytesOf(type) === 4) view.setUint32(at, Number(bits), true);
    else view.setBigUint64(at, BigInt.asUintN(64, bits), true);
    if (type === 'v128') view.setBigUint64(at + 8, bits >> 64n, true);
  }

  #read(slot: number, type: NumberType): bigint {
    const view = new DataView(this.#memory.buffer);
    const at = slot * SLOT_BYTES;
    if (bytesOf(type) === 4) return BigInt(view.getUint32(at, true));
    const low = view.getBigUint64(at, true);
    return type === 'v128' ? low | (view.getBigUint64(at + 8, true) << 64n) : low;
  }
}

/** Imports `target`, stores what `put` leaves on the stack, and exports that as `name`. */
function adapterModule(
  name: string,
  importKind: (out: ByteWriter) => void,
  { takes, gives }: Signature,
  body: (out: ByteWriter) => void,
  targetIsFunction: boolean,
): ByteWriter {
  const out = new ByteWriter().put(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  const section = (id: number, content: ByteWriter): void => {
    out.byte(id).u32(content.length).appendWriter(content);
  };
  const types = (list: readonly NumberType[]): readonly number[] => list.map((type) => TYPE_BYTE[type]);
  const type = new ByteWriter()
    .put(2, 0x60)
    .u32(takes.length)
    .put(...types(takes));
  section(
    1,
    type
      .u32(gives.length)
      .put(...types(gives))
      .put(0x60, 0, 0),
  );
  const imports = new ByteWriter().byte(2).name('').name('memory').put(2, 0, 1).name('').name('target');
  importKind(imports);
  section(2, imports);
  section(3, new ByteWriter().put(1, 1));
  section(
    7,
    new ByteWriter()
      .byte(1)
      .name(name)
      .byte(0)
      .u32(targetIsFunction ? 1 : 0),
  );
  const code = new ByteWriter().u32(gives.length);
  for (const local of types(gives)) code.put(1, local);
  body(code);
  for (let index = gives.length - 1; index >= 0; index--) code.byte(0x21).u32(index);
  gives.forEach((result, index) => {
    code
      .byte(0x41)
      .signed((takes.length + index) * SLOT_BYTES)
      .byte(0x20)
      .u32(index);
    code.put(...STORE[result], 0);
  });
  code.byte(0x0b);
  section(10, new ByteWriter().byte(1).u32(code.length).appendWriter(code));
  return out;
}

function callModule(signature: Signature): ByteWriter {
  const load = (out: ByteWriter): void => {
    signature.takes.forEach((type, index) => {
      out
        .byte(0x41)
        .signed(index * SLOT_BYTES)
        .put(...LOAD[type], 0);
    });
    out.put(0x10, 0);
  };
  return adapterModule('call', (out) => out.put(0, 0), signature, load, true);
}

function globalModule(type: NumberType, mutable: number): ByteWriter {
  const kind = (out: ByteWriter) => out.put(3, TYPE_BYTE[type], mutable);
  return adapterModule('read', kind, { takes: [], gives: [type] }, (out) => out.put(0x23, 0), false);
}
