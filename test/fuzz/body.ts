/** What a generated module has as a whole, and one of its functions while it is made. */
import { signed } from './encode.ts';
import { F32, F64, I32, I64, V128, type ValueType } from './operators.ts';
import type { Random } from './random.ts';

export const TYPES: readonly ValueType[] = [I32, I64, F32, F64, V128];
export const TABLE_SIZE = 8;

export interface Signature {
  readonly takes: readonly ValueType[];
  readonly gives: readonly ValueType[];
}

interface Label {
  readonly types: readonly ValueType[];
  readonly isLoop: boolean;
}

export class Shape {
  /** The reference: NaNs are canonical by construction. */
  readonly canonical: boolean;
  /** Table and segments stay as they are. */
  readonly isKernel: boolean;
  readonly signatures: Signature[];
  /** Signature index of each function; the last two are `run` and `dump`. */
  readonly functions: readonly number[];
  readonly globals: readonly ValueType[];

  constructor(random: Random, canonical: boolean, isKernel: boolean) {
    this.canonical = canonical;
    this.isKernel = isKernel;
    const some = (): ValueType[] => Array.from({ length: random.below(4) }, () => random.pick(TYPES));
    const drawn = Array.from({ length: 3 }, () => ({ takes: some(), gives: some().slice(0, 3) }));
    const run: Signature = { takes: [I32, I64], gives: [I64] };
    this.signatures = [run, { takes: [], gives: [] }, { takes: [I32], gives: [I32] }, ...drawn];
    const count = 2 + random.below(3);
    const inner = Array.from({ length: count }, () => random.below(this.signatures.length));
    this.functions = [...inner, 0, 1];
    // The budget first; then a few of every type.
    this.globals = [I32, I32, I64, F32, F64, V128, ...some()];
  }

  /** Its index; added where there is none. */
  signature(wanted: Signature): number {
    const same = (a: readonly number[], b: readonly number[]): boolean => a.join() === b.join();
    const found = this.signatures.findIndex((item) => same(item.takes, wanted.takes) && same(item.gives, wanted.gives));
    return found >= 0 ? found : this.signatures.push(wanted) - 1;
  }
}

export class Body {
  readonly random: Random;
  readonly shape: Shape;
  readonly locals: readonly ValueType[];
  readonly gives: readonly ValueType[];
  readonly labels: Label[];
  readonly code: number[] = [];
  /** Instructions that may still be written, about. */
  size: number;

  constructor(random: Random, shape: Shape, { takes, gives }: Signature, extra: readonly ValueType[], size: number) {
    this.random = random;
    this.shape = shape;
    this.locals = [...takes, ...extra];
    this.gives = gives;
    this.labels = [{ types: gives, isLoop: false }];
    this.size = size;
  }

  /** First of the three locals that the reference needs. */
  get spare(): number {
    return this.locals.length;
  }

  /** Leaves 1 when the budget is used up. */
  takeBudget(): void {
    this.code.push(0x23, 0, 0x41, 1, 0x6b, 0x24, 0, 0x23, 0, 0x41, 0, 0x48);
  }

  localOf(type: ValueType): number | undefined {
    const found = this.locals.flatMap((local, index) => (local === type ? [index] : []));
    return found.length === 0 ? undefined : this.random.pick(found);
  }

  inside(opcode: number, takes: readonly ValueType[], gives: readonly ValueType[], inner: () => void): void {
    this.code.push(opcode, ...this.#blockType(takes, gives));
    this.labels.push({ types: opcode === 0x03 ? takes : gives, isLoop: opcode === 0x03 });
    inner();
    this.labels.pop();
    this.code.push(0x0b);
  }

  #blockType(takes: readonly ValueType[], gives: readonly ValueType[]): number[] {
    if (takes.length === 0 && gives.length === 0) return [0x40];
    if (takes.length === 0 && gives.length === 1) return [gives[0]!];
    return signed(this.shape.signature({ takes, gives }));
  }
}
