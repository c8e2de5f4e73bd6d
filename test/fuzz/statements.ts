/** Statements of generated functions: what changes locals, globals, memory and the table, and all kinds of control flow. */
import { type Body, TYPES } from './body.ts';
import { leb, signed, vector } from './encode.ts';
import { I32, STORES } from './operators.ts';
import type { Values } from './values.ts';

export class Statements {
  readonly #body: Body;
  readonly #values: Values;

  constructor(body: Body, values: Values) {
    this.#body = body;
    this.#values = values;
  }

  some(depth: number): void {
    for (let count = 1 + this.#body.random.below(4); count > 0 && this.#body.size > 0; count--) this.#statement(depth);
  }

  #statement(depth: number): void {
    const random = this.#body.random;
    const code = this.#body.code;
    this.#body.size--;
    const kinds = depth > 0 ? 20 : 9;
    switch (random.below(kinds)) {
      case 0:
      case 1: {
        const local = random.below(this.#body.locals.length);
        this.#values.of(this.#body.locals[local]!, 4);
        code.push(0x21, ...leb(local));
        return;
      }
      case 2: {
        const global = 1 + random.below(this.#body.shape.globals.length - 1);
        this.#values.of(this.#body.shape.globals[global]!, 3);
        code.push(0x24, ...leb(global));
        return;
      }
      case 3:
      case 4:
        this.#store();
        return;
      case 5:
        this.#values.of(random.pick(TYPES), 3);
        code.push(0x1a);
        return;
      case 6:
        this.#values.call(random.below(this.#body.shape.functions.length - 2), undefined);
        return;
      case 7:
        this.#bulk();
        return;
      case 8:
        this.#branchIf();
        return;
      case 9:
      case 10:
      case 11:
        this.#if(depth);
        return;
      case 12:
      case 13:
        this.#body.inside(0x02, [], [], () => this.some(depth - 1));
        return;
      case 14:
      case 15:
      case 16:
        this.#loop(depth);
        return;
      case 17:
        this.#table(depth);
        return;
      case 18:
        this.#if(depth, () => this.#leave());
        return;
      case 19:
        this.#withParameters(depth);
        return;
    }
  }

  #store(): void {
    const random = this.#body.random;
    const { code, type, alignment } = random.pick(STORES);
    this.#values.address();
    this.#values.of(type, 3);
    this.#body.code.push(...code, random.below(alignment + 1), ...leb(random.below(64)));
  }

  #bulk(): void {
    const random = this.#body.random;
    const code = this.#body.code;
    const small = (): void => {
      this.#values.of(I32, 1);
      code.push(0x41, ...signed(random.chance(0.05) ? 0x3ff : 0x0f), 0x71);
    };
    switch (random.below(7)) {
      case 0:
        this.#values.address();
        this.#values.of(I32, 1);
        small();
        code.push(0xfc, 11, 0);
        return;
      case 1:
        this.#values.address();
        this.#values.address();
        small();
        code.push(0xfc, 10, 0, 0);
        return;
      case 2:
        this.#values.address();
        code.push(0x41, 0);
        small();
        code.push(0xfc, 8, 1, 0);
        return;
      case 3:
        this.#hidden([0x41, random.below(6), 0x41, random.below(6), 0x41, random.below(3), 0xfc, 14, 0, 0]);
        return;
      case 4:
        this.#hidden([0x41, random.below(6), 0x41, random.below(3), 0x41, random.below(3), 0xfc, 12, 1, 0]);
        return;
      case 5:
        this.#hidden(random.pick([[0x01], [0x01], [0x01], [0xfc, 9, 1], [0xfc, 13, 1]]));
        return;
      case 6:
        this.#values.of(I32, 1);
        code.push(0x41, 1, 0x71, 0x40, 0, 0x1a);
        return;
    }
  }

  /** Changes the table, or drops a segment. */
  #hidden(code: readonly number[]): void {
    if (!this.#body.shape.isKernel) this.#body.code.push(...code);
  }

  /** br_if with the values its label wants. */
  #branchIf(): void {
    const depth = this.#body.random.below(this.#body.labels.length);
    const { types, isLoop } = this.#body.labels[this.#body.labels.length - 1 - depth]!;
    for (const type of types) this.#values.of(type, 2);
    if (isLoop) {
      // Going round again costs budget.
      this.#body.takeBudget();
      this.#body.code.push(0x45);
      this.#values.of(I32, 2);
      this.#body.code.push(0x71);
    } else this.#values.of(I32, 2);
    this.#body.code.push(0x0d, ...leb(depth));
    for (let i = 0; i < types.length; i++) this.#body.code.push(0x1a);
  }

  #if(depth: number, then = () => this.some(depth - 1)): void {
    this.#values.of(I32, 3);
    this.#body.code.push(0x04, 0x40);
    this.#body.labels.push({ types: [], isLoop: false });
    then();
    if (this.#body.random.chance(0.5)) {
      this.#body.code.push(0x05);
      this.some(depth - 1);
    }
    this.#body.labels.pop();
    this.#body.code.push(0x0b);
  }

  #loop(depth: number): void {
    const rotated = this.#body.random.chance(0.5);
    this.#body.inside(0x02, [], [], () =>
      this.#body.inside(0x03, [], [], () => {
        if (rotated) {
          this.#body.takeBudget();
          this.#body.code.push(0x0d, 1);
        }
        this.some(depth - 1);
        if (rotated && this.#body.random.chance(0.5)) {
          this.#values.of(I32, 2);
          this.#body.code.push(0x45, 0x0d, 1, 0x0c, 0);
          return;
        }
        this.#body.takeBudget();
        this.#body.code.push(0x45);
        this.#values.of(I32, 2);
        this.#body.code.push(0x71, 0x0d, 0);
      }),
    );
  }

  /** Three blocks and a br_table, which may also leave further out. */
  #table(depth: number): void {
    this.#body.inside(0x02, [], [], () =>
      this.#body.inside(0x02, [], [], () => {
        this.#body.inside(0x02, [], [], () => {
          this.#values.of(I32, 3);
          const targets = [0, 1, 2].map(() => this.#body.random.below(3));
          const last = this.#body.labels.findLastIndex((label) => label.types.length === 0 && !label.isLoop);
          const away = last < 0 ? 0 : this.#body.labels.length - 1 - last;
          this.#body.code.push(0x0e, ...vector(targets.map(leb)), ...leb(this.#body.random.chance(0.5) ? away : 0));
          // Dead code, with operands out of nowhere.
          if (this.#body.random.chance(0.3)) this.#body.code.push(0x6a, 0x1a, 0x02, 0x40, 0x0b);
        });
        this.some(depth - 1);
        if (this.#body.random.chance(0.5)) this.#body.code.push(0x0c, 1);
      }),
    );
  }

  /** Always leaves the function or some blocks. */
  #leave(): void {
    const random = this.#body.random;
    if (random.chance(0.05)) {
      this.#body.code.push(0x00);
      return;
    }
    const depth = random.below(this.#body.labels.length);
    const { types, isLoop } = this.#body.labels[this.#body.labels.length - 1 - depth]!;
    if (isLoop || random.chance(0.3)) {
      for (const type of this.#body.gives) this.#values.of(type, 2);
      this.#body.code.push(0x0f);
      return;
    }
    for (const type of types) this.#values.of(type, 2);
    this.#body.code.push(0x0c, ...leb(depth));
  }

  /** A block, loop or if that takes and gives values. */
  #withParameters(depth: number): void {
    const random = this.#body.random;
    const takes = Array.from({ length: 1 + random.below(3) }, () => random.pick(TYPES));
    for (const type of takes) this.#values.of(type, 2);
    const passOn = (): void => {
      const kept = takes.map((type) => this.#body.localOf(type));
      if (kept.every((local) => local !== undefined)) {
        for (const local of [...kept].reverse()) this.#body.code.push(0x21, ...leb(local!));
        this.some(depth - 1);
        for (const local of kept) this.#body.code.push(0x20, ...leb(local!));
      }
    };
    if (random.chance(0.3)) {
      this.#values.of(I32, 2);
      this.#body.inside(0x04, takes, takes, passOn);
    } else if (random.chance(0.5)) {
      this.#body.inside(0x03, takes, takes, passOn);
    } else this.#body.inside(0x02, takes, takes, passOn);
    for (let i = 0; i < takes.length; i++) this.#body.code.push(0x1a);
  }
}
