/**
 * Our own validation of function bodies, by itself: the engine's is made to say yes to everything. Where the engine's own
 * opinion is wanted, it is asked for on the side.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BRANCH_LABELS_MAX } from '../../node/sandbox/limits.ts';
import { readModule } from '../../node/sandbox/module.ts';
import { KernelRefusedError } from '../../node/sandbox/refusal.ts';
import { generateModule } from '../fuzz/generator.ts';
import { Random } from '../fuzz/random.ts';

const engineValidates = WebAssembly.validate;

beforeEach(() => {
  vi.spyOn(WebAssembly, 'validate').mockReturnValue(true);
});

afterEach(() => {
  vi.restoreAllMocks();
});

function leb(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}

/**
 * One function (i32) -> () with a local of each type from index 1 on, and a memory, a table, an immutable and a mutable
 * i32 global, an element and a data segment. Type 1 is (i32) -> (i32).
 */
function withCode(code: readonly number[]): Uint8Array<ArrayBuffer> {
  const body = [5, 1, 0x7f, 1, 0x7e, 1, 0x7d, 1, 0x7c, 1, 0x7b].concat(code, 0x0b);
  const sections: readonly (readonly [number, readonly number[]])[] = [
    [1, [2, 0x60, 1, 0x7f, 0, 0x60, 1, 0x7f, 1, 0x7f]],
    [3, [1, 0]],
    [4, [1, 0x70, 0, 1]],
    [5, [1, 0, 1]],
    [6, [2, 0x7f, 0, 0x41, 0, 0x0b, 0x7f, 1, 0x41, 0, 0x0b]],
    [9, [1, 1, 0, 0]],
    [12, [1]],
    [10, [1, ...leb(body.length)].concat(body)],
    [11, [1, 1, 1, 0]],
  ];
  return Uint8Array.from(
    [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0].concat(
      sections.flatMap(([id, bytes]) => [id, ...leb(bytes.length)].concat(bytes)),
    ),
  );
}

function opinion(bytes: Uint8Array): string {
  try {
    readModule(bytes);
    return 'valid';
  } catch (error) {
    if (error instanceof KernelRefusedError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

const V128 = [0xfd, 0x0c, ...new Array<number>(16).fill(0)];
const DROP = 0x1a;
const LONG = 'spelt too long';

describe('a function body', () => {
  it.each<[string, readonly number[]]>([
    ['nothing', []],
    ['values of every type', [0x20, 1, DROP, 0x20, 2, DROP, 0x20, 3, DROP, 0x20, 4, DROP, 0x20, 5, DROP]],
    ['a value of any type in dead code', [0x00, 0x6a, 0x45, 0xfd, 0x0f, DROP]],
    ['a select of what dead code left open', [0x00, 0x41, 0, 0x1b, 0x45, DROP]],
    ['a block with parameters', [0x41, 1, 0x02, 1, 0x45, 0x0b, DROP]],
    ['a loop that takes its value again', [0x41, 1, 0x03, 1, 0x22, 1, 0x20, 1, 0x0d, 0, 0x0b, DROP]],
    ['a br_table that dead code leads to', [0x02, 0x7f, 0x00, 0x0e, 1, 0, 0, 0x0b, DROP]],
    ['an if whose values go on', [0x41, 1, 0x20, 0, 0x04, 1, 0x0b, DROP]],
    ['a fill and a copy', [0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 11, 0, 0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 10, 0, 0]],
    ['segments that exist', [0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 8, 0, 0, 0xfc, 9, 0, 0xfc, 13, 0]],
  ])('may hold %s', (_, code) => {
    expect(opinion(withCode(code))).toBe('valid');
    expect(engineValidates(withCode(code))).toBe(true);
  });

  it.each<[string, readonly number[], string]>([
    // What JavaScriptCore takes.
    ['a wrong type in dead code', [0x00, 0x43, 0, 0, 0, 0, 0x45, DROP], 'wrong type'],
    ['a number for a vector', [...V128, 0x41, 0, 0xfd, 0x51, DROP], 'wrong type'],
    ['a float for a lane of integers', [...V128, 0x43, 0, 0, 0, 0, 0xfd, 0x17, 0, DROP], 'wrong type'],
    ['a select of two types in dead code', [0x00, 0x41, 0, 0x42, 0, 0x41, 0, 0x1b, DROP], 'wrong type'],
    // What newer engines take.
    ['memory.grow of memory 0 in two bytes', [0x41, 0, 0x40, 0x80, 0, DROP], LONG],
    ['memory.size of memory 0 in three bytes', [0x3f, 0x80, 0x80, 0, DROP], LONG],
    ['memory.fill of memory 0 in two bytes', [0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 11, 0x80, 0], LONG],
    ['memory.copy of memory 0 in two bytes', [0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 10, 0x80, 0, 0], LONG],
    ['memory.init of memory 0 in two bytes', [0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 8, 0, 0x80, 0], LONG],
    ['an opcode in more bytes than it needs', [0xfd, 0x8c, 0x00, ...V128.slice(2), DROP], LONG],
    ['a block type in two bytes', [0x02, 0xc0, 0x7f, 0x0b], 'a block has no type'],
    // What nobody takes.
    ['a value too few', [0x6a], 'missing'],
    ['a value too many', [0x41, 0], 'left at the end'],
    ['a value from outside of a block', [0x41, 0, 0x02, 0x40, 0x45, 0x0b, DROP], 'missing'],
    ['a missing end', [0x02, 0x40], 'no end'],
    ['code behind its end', [0x0b, 0x01], 'follows its end'],
    ['else without if', [0x02, 0x40, 0x05, 0x0b], 'no if'],
    ['a second else', [0x41, 0, 0x04, 0x40, 0x05, 0x05, 0x0b], 'no if'],
    ['if without else that gives a value', [0x41, 0, 0x04, 0x7f, 0x41, 0, 0x0b, DROP], 'gives other values'],
    ['an unknown label', [0x0c, 1], 'no label 1'],
    ['an unknown local', [0x20, 6, DROP], 'no local 6'],
    ['an unknown global', [0x23, 2, DROP], 'no global 2'],
    ['a write to a constant global', [0x41, 0, 0x24, 0], 'cannot be set'],
    ['an unknown function', [0x10, 1], 'no function 1'],
    ['an unknown type', [0x41, 0, 0x11, 2, 0], 'no type 2'],
    ['an unknown table', [0x41, 0, 0x41, 0, 0x11, 0, 1], 'no table 1'],
    ['an unknown type of a block', [0x02, 2, 0x0b], 'no type'],
    ['an unknown data segment', [0xfc, 9, 1], 'no data 1'],
    ['an unknown element segment', [0xfc, 13, 1], 'no element 1'],
    ['labels of different arity', [0x02, 0x7f, 0x41, 0, 0x41, 0, 0x0e, 1, 0, 1, 0x0b, DROP], 'different numbers'],
    [
      'labels of different types',
      [0x02, 0x7f, 0x02, 0x7d, 0x41, 0, 0x41, 0, 0x0e, 1, 0, 1, 0x0b, DROP, 0x41, 0, 0x0b, DROP],
      'wrong type',
    ],
    ['an alignment above the natural one', [0x41, 0, 0x28, 3, 0, DROP], 'aligned'],
    ['an alignment of a lane above its size', [0x41, 0, ...V128, 0xfd, 0x54, 1, 0, 0, DROP], 'aligned'],
    ['a lane too many', [...V128, 0xfd, 0x1b, 4, DROP], 'no such lane'],
    ['a lane too many to load', [0x41, 0, ...V128, 0xfd, 0x57, 0, 0, 2, DROP], 'no such lane'],
    [
      'a lane too many of a shuffle',
      [...V128, ...V128, 0xfd, 13, ...new Array<number>(15).fill(0), 32, DROP],
      'no such lane',
    ],
    ['a select of two kinds', [0x41, 0, 0x41, 0, 0x41, 0, 0x1c, 2, 0x7f, 0x7f, DROP], 'not one type'],
  ])('may not hold %s', (_, code, why) => {
    expect(opinion(withCode(code))).toContain(why);
  });

  it('may have as many labels in a br_table as every engine takes', () => {
    const table = (count: number) => [0x41, 0, 0x0e, ...leb(count)].concat(new Array<number>(count + 1).fill(0));
    expect(opinion(withCode(table(BRANCH_LABELS_MAX)))).toBe('valid');
    expect(engineValidates(withCode(table(BRANCH_LABELS_MAX)))).toBe(true);
    expect(opinion(withCode(table(BRANCH_LABELS_MAX + 1)))).toMatch(/^too-large: .*br_table of 65521 labels/);
  });
});

describe('damaged code', () => {
  /** Each byte of the code sections of some modules has a chance to be another. */
  function damaged(seed: number): Uint8Array<ArrayBuffer> {
    const random = new Random(seed);
    const bytes = generateModule({ seed: seed % 40, canonical: false });
    const bodies = readModule(bytes).bodies;
    const body = random.pick(bodies)!;
    const result = bytes.slice();
    const at = body.start + random.below(body.end - body.start);
    result[at] = random.pick([result[at]! ^ (1 << random.below(8)), random.below(256), 0x0b, 0x00, 0x1a, 0x45, 0x7c]);
    return result;
  }

  it('is refused exactly where the engine finds it invalid, and where it is spelt too long', () => {
    const counts = { valid: 0, invalid: 0 };
    for (let seed = 0; seed < 500; seed++) {
      const bytes = damaged(seed);
      const ours = opinion(bytes);
      // Other proposals, which this engine may know.
      if (ours.startsWith('forbidden-feature') || ours.includes(LONG)) continue;
      const engine = engineValidates(bytes);
      expect(ours === 'valid', `seed ${seed}: ${ours}, the engine says ${engine}`).toBe(engine);
      counts[engine ? 'valid' : 'invalid']++;
    }
    expect(counts.valid).toBeGreaterThan(60);
    expect(counts.invalid).toBeGreaterThan(60);
  });
});
