/**
 * The instances of one script, all unmodified or all metered. Worlds share nothing, so that what one does to its memories
 * cannot help another.
 */
import { FUEL_EXPORT, HOST_FAILURE_EXPORT, START_EXPORT } from '../../node/sandbox/meter.ts';
import type { Adapter } from './adapter.ts';
import { DEPTH_EXPORT } from './depth.ts';
import type { NumberType, Value } from './values.ts';

/** More than any script takes, and far from where an i64 ends. */
const AMPLE_FUEL = 10n ** 15n;

/** How something ended. Fuel is 0 in an unmodified world. */
export type Ending =
  | { readonly kind: 'values'; readonly bits: readonly bigint[]; readonly fuel: bigint }
  | { readonly kind: 'trap' | 'exhausted' | 'unlinkable' | 'host failure'; readonly message: string }
  /** Not run, because the module, or one it imports from, was refused. */
  | { readonly kind: 'refused'; readonly message: string };

export interface World {
  /** Makes an instance, which is then the latest one. */
  instantiate(bytes: Uint8Array<ArrayBuffer>, name: string | undefined): Ending;
  /**
   * Remembers that there is no such instance here, and why. What it would have imported to change is not what it should
   * be from now on.
   */
  refuse(reason: string, bytes: Uint8Array<ArrayBuffer>, name: string | undefined): void;
  /** The same of a module that leaves no instance, even in the unmodified world. */
  refuseEffects(bytes: Uint8Array<ArrayBuffer>): void;
  register(as: string, name: string | undefined): void;
  invoke(module: string | undefined, field: string, args: readonly Value[], gives: readonly NumberType[]): Ending;
  get(module: string | undefined, field: string, type: NumberType): Ending;
  /** Calls with what JavaScript can hold, for references, which have no bits; what is given back is not kept. */
  invokePlain(module: string | undefined, field: string, args: readonly unknown[]): Ending;
}

interface Member {
  readonly exports: WebAssembly.Exports;
  /** Why it cannot be asked. */
  refused: string | undefined;
  /** Those that import from it. */
  readonly importers: Member[];
}

/** What instances that import it can change. */
const SHARED: readonly string[] = ['memory', 'table', 'global'];

/** Its functions do nothing, so nothing shows in them of what others change in its memory and table. */
const SPECTEST = 'spectest';
const OURS = [FUEL_EXPORT, HOST_FAILURE_EXPORT, START_EXPORT, DEPTH_EXPORT];

class Refused extends Error {}

export class InstanceWorld implements World {
  readonly #adapter: Adapter;
  readonly #named = new Map<string, Member>();
  readonly #registered = new Map<string, Member>();
  readonly #fuel: WebAssembly.Global<'i64'>[] = [];
  readonly #depths: WebAssembly.Global<'i32'>[] = [];
  readonly #hostFailures: WebAssembly.Global<'i32'>[] = [];
  #latest: Member | undefined;

  constructor(adapter: Adapter, spectest: WebAssembly.Exports) {
    this.#adapter = adapter;
    this.#registered.set(SPECTEST, { exports: spectest, refused: undefined, importers: [] });
  }

  instantiate(bytes: Uint8Array<ArrayBuffer>, name: string | undefined): Ending {
    return this.#run(() => {
      const module = new WebAssembly.Module(bytes);
      const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
      const sources = new Set<Member>();
      for (const { module: from, name: field } of WebAssembly.Module.imports(module)) {
        const source = this.#registered.get(from);
        const value = source?.exports[field];
        if (value === undefined && source?.refused !== undefined) throw new Refused(source.refused);
        if (source !== undefined && from !== SPECTEST) sources.add(source);
        imports[from] ??= {};
        if (value !== undefined) imports[from][field] = value;
      }
      const { exports } = new WebAssembly.Instance(module, imports);
      const [fuel, failure, start, depth] = OURS.map((key) => exports[key]);
      if (fuel !== undefined) this.#fuel.push(fuel as WebAssembly.Global<'i64'>);
      if (failure !== undefined) this.#hostFailures.push(failure as WebAssembly.Global<'i32'>);
      if (depth !== undefined) this.#depths.push(depth as WebAssembly.Global<'i32'>);
      this.#refill();
      if (start !== undefined) (start as () => void)();
      const member: Member = { exports, refused: undefined, importers: [] };
      for (const source of sources) source.importers.push(member);
      if ([...sources].some(({ refused }) => refused !== undefined)) doubt(member);
      this.#add(member, name);
      return [];
    });
  }

  refuse(reason: string, bytes: Uint8Array<ArrayBuffer>, name: string | undefined): void {
    this.refuseEffects(bytes);
    this.#add({ exports: {}, refused: reason, importers: [] }, name);
  }

  refuseEffects(bytes: Uint8Array<ArrayBuffer>): void {
    for (const { module, kind } of WebAssembly.Module.imports(new WebAssembly.Module(bytes))) {
      const source = this.#registered.get(module);
      if (source !== undefined && SHARED.includes(kind)) doubt(source);
    }
  }

  register(as: string, name: string | undefined): void {
    this.#registered.set(as, this.#find(name));
  }

  invoke(module: string | undefined, field: string, args: readonly Value[], gives: readonly NumberType[]): Ending {
    return this.#run(() => this.#adapter.call(this.#export(module, field), args, gives));
  }

  get(module: string | undefined, field: string, type: NumberType): Ending {
    return this.#run(() => [this.#adapter.get(this.#export(module, field), type)]);
  }

  invokePlain(module: string | undefined, field: string, args: readonly unknown[]): Ending {
    return this.#run(() => {
      (this.#export(module, field) as (...args: readonly unknown[]) => unknown)(...args);
      return [];
    });
  }

  #export(module: string | undefined, field: string): WebAssembly.ExportValue {
    const member = this.#find(module);
    if (member.refused !== undefined) throw new Refused(member.refused);
    const value = member.exports[field];
    if (value === undefined) throw new Error(`the latest module, or ${module}, exports no ${field}`);
    return value;
  }

  #find(name: string | undefined): Member {
    const member = name === undefined ? this.#latest : this.#named.get(name);
    if (member === undefined) throw new Error(`the script has no module ${name ?? 'yet'}`);
    return member;
  }

  #add(member: Member, name: string | undefined): void {
    this.#latest = member;
    if (name !== undefined) this.#named.set(name, member);
  }

  #refill(): void {
    for (const global of this.#fuel) global.value = AMPLE_FUEL;
    for (const global of this.#depths) global.value = 0;
  }

  #run(what: () => readonly bigint[]): Ending {
    this.#refill();
    try {
      const bits = what();
      return { kind: 'values', bits, fuel: this.#fuel.reduce((sum, global) => sum + AMPLE_FUEL - global.value, 0n) };
    } catch (error) {
      return this.#endingOf(error);
    }
  }

  #endingOf(error: unknown): Ending {
    if (error instanceof Refused) return { kind: 'refused', message: error.message };
    const message = error instanceof Error ? error.message : String(error);
    if (this.#hostFailures.some((global) => global.value !== 0)) return { kind: 'host failure', message };
    if (error instanceof WebAssembly.LinkError || error instanceof TypeError) return { kind: 'unlinkable', message };
    if (error instanceof RangeError) return { kind: 'exhausted', message };
    if (error instanceof WebAssembly.RuntimeError) return { kind: 'trap', message };
    throw error;
  }
}

/** Something has not happened to it that has in the unmodified world; those that import from it can show that too. */
function doubt(member: Member): void {
  if (member.refused !== undefined) return;
  member.refused = 'shared with a module that is refused';
  for (const importer of member.importers) doubt(importer);
}
