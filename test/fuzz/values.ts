/** Values of generated functions: expressions of every type, down to constants and locals. */
import { type Body, TABLE_SIZE } from './body.ts';
import { CANONICAL, constantFor } from './constants.ts';
import { leb, signed } from './encode.ts';
import { I32, LOADS, type NanShape, OPERATORS, type ValueType } from './operators.ts';

export class Values {
  readonly #body: Body;

  constructor(body: Body) {
    this.#body = body;
  }

  of(type: ValueType, depth: number): void {
    const random = this.#body.random;
    const code = this.#body.code;
    this.#body.size--;
    if (depth <= 0 || this.#body.size < 0) {
      const local = random.chance(0.6) ? this.#body.localOf(type) : undefined;
      if (local === undefined) code.push(...constantFor(random, type));
      else code.push(0x20, ...leb(local));
      return;
    }
    switch (random.below(16)) {
      case 0:
        code.push(...constantFor(random, type));
        return;
      case 1:
      case 2: {
        const local = this.#body.localOf(type);
        if (local === undefined) break;
        code.push(0x20, ...leb(local));
        return;
      }
      case 3: {
        const local = this.#body.localOf(type);
        if (local === undefined) break;
        this.of(type, depth - 1);
        code.push(0x22, ...leb(local));
        return;
      }
      case 4: {
        const found = this.#body.shape.globals.flatMap((global, index) =>
          global === type && index > 0 ? [index] : [],
        );
        code.push(0x23, ...leb(random.pick(found)));
        return;
      }
      case 5: {
        const { code: load, alignment } = random.pick(LOADS.filter((item) => item.type === type));
        this.address();
        code.push(...load, random.below(alignment + 1), ...leb(random.below(64)));
        return;
      }
      case 6:
        this.of(type, depth - 1);
        this.of(type, depth - 1);
        this.of(I32, depth - 1);
        if (random.chance(0.5)) code.push(0x1c, 1, type);
        else code.push(0x1b);
        return;
      case 7:
        this.of(I32, depth - 1);
        this.#body.inside(0x04, [], [type], () => {
          this.of(type, depth - 1);
          code.push(0x05);
          this.of(type, depth - 1);
        });
        return;
      case 8:
        this.#body.inside(0x02, [], [type], () => {
          this.of(type, depth - 1);
          this.of(I32, depth - 1);
          code.push(0x0d, 0, 0x1a);
          this.of(type, depth - 1);
        });
        return;
      case 9: {
        const found = this.#body.shape.functions.flatMap((signature, index) => {
          const { gives } = this.#body.shape.signatures[signature]!;
          return index < this.#body.shape.functions.length - 2 && gives[0] === type ? [index] : [];
        });
        if (found.length === 0) break;
        this.call(random.pick(found), type);
        return;
      }
      default:
    }
    this.#operate(type, depth);
  }

  /** Mostly within the first page. */
  address(): void {
    this.of(I32, 2);
    if (!this.#body.random.chance(0.02)) this.#body.code.push(0x41, ...signed(0xfff), 0x71);
  }

  /** Calls and drops the results, or keeps the one of type `wanted`. */
  call(target: number, wanted: ValueType | undefined): void {
    const random = this.#body.random;
    const type = this.#body.shape.functions[target]!;
    const { takes, gives } = this.#body.shape.signatures[type]!;
    for (const parameter of takes) this.of(parameter, 2);
    if (random.chance(0.1)) {
      this.#body.code.push(0x41, ...signed(random.below(TABLE_SIZE)), 0x11, ...leb(type), 0);
    } else this.#body.code.push(0x10, ...leb(target));
    for (let i = gives.length - 1; i >= (wanted === undefined ? 0 : 1); i--) this.#body.code.push(0x1a);
  }

  #operate(type: ValueType, depth: number): void {
    const random = this.#body.random;
    let operator = random.pick(OPERATORS.get(type)!);
    // Most programs should run on.
    while (operator.traps === true && random.chance(0.8)) operator = random.pick(OPERATORS.get(type)!);
    for (const operand of operator.takes) this.of(operand, depth - 1);
    this.#body.code.push(...operator.code);
    if (operator.lanes !== undefined) this.#body.code.push(random.below(operator.lanes));
    if (this.#body.shape.canonical && operator.makesNan !== undefined) this.#makeCanonical(operator.makesNan);
  }

  #makeCanonical(shape: NanShape): void {
    const [nan, equal, choose] = CANONICAL[shape];
    const local = leb(this.#body.spare + { f32: 0, f64: 1, f32x4: 2, f64x2: 2 }[shape]);
    this.#body.code.push(0x21, ...local, 0x20, ...local, ...nan, 0x20, ...local, 0x20, ...local, ...equal, ...choose);
  }
}
