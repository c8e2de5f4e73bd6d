/** Programs of those classes of cost that make no chain: branches, and what works on much memory at a time. */
import type { Recipe } from './recipes.ts';

export type Loop = Pick<Recipe, 'cost' | 'name' | 'beside' | 'fields'> & {
  /** Runs `$n` times, with `$i` from 0, and may keep something in `$x`. */
  readonly body: string;
  readonly count: number;
  readonly rounds?: number;
};

export const LOOPS: readonly Loop[] = [
  {
    cost: 'branch',
    name: 'br_if, foreseen',
    count: 9,
    beside: { integer: 18 },
    body: Array.from(
      { length: 8 },
      (_, k) => `(block $b (br_if $b (i32.gt_u (local.get $i) (i32.const ${2_000_000_000 + k})))
        (local.set $x (i32.add (local.get $x) (i32.const ${k + 1}))))`,
    ).join(''),
  },
  {
    cost: 'branch',
    name: 'br_if, not to be foreseen',
    count: 9,
    beside: { integer: 27, multiply: 1 },
    body: `(local.set $x (i32.mul (i32.add (local.get $x) (i32.const 12345)) (i32.const 1103515245)))${Array.from(
      { length: 8 },
      (_, k) => `(block $b (br_if $b (i32.and (i32.shr_u (local.get $x) (i32.const ${16 + k})) (i32.const 1)))
        (local.set $x (i32.add (local.get $x) (i32.const ${k + 1}))))`,
    ).join('')}`,
  },
  { cost: 'branch', name: 'the end of a loop', count: 1, rounds: 5_000_000, beside: { integer: 2 }, body: '' },
  {
    cost: 'branch-table',
    name: 'br_table, foreseen',
    count: 4,
    beside: { integer: 18, branch: 3 },
    body: branchTables('(i32.const 0)', 4),
  },
  {
    cost: 'branch-table',
    name: 'br_table, not to be foreseen',
    count: 4,
    beside: { integer: 23, multiply: 1, branch: 3 },
    body: `(local.set $x (i32.mul (i32.add (local.get $x) (i32.const 12345)) (i32.const 1103515245)))${branchTables(
      '(i32.shr_u (local.get $x) (i32.const 17))',
      4,
    )}`,
  },
  {
    cost: 'bulk-byte',
    name: 'memory.copy of 64 KiB',
    count: 65_536,
    rounds: 1_000,
    body: '(memory.copy (i32.const 262144) (i32.const 0) (i32.const 65536))',
  },
  {
    cost: 'bulk-byte',
    name: 'memory.fill of 64 KiB',
    count: 65_536,
    rounds: 1_000,
    body: '(memory.fill (i32.const 262144) (local.get $i) (i32.const 65536))',
  },
  {
    cost: 'table-element',
    name: 'table.copy of 1,000 elements',
    count: 1_000,
    rounds: 1_000,
    fields: '(table 4000 funcref) (func $some) (elem (i32.const 0) $some $some)',
    body: '(table.copy (i32.const 0) (i32.const 2000) (i32.const 1000))',
  },
  {
    cost: 'memory-grow',
    name: 'memory.grow by nothing',
    count: 1,
    rounds: 5_000,
    body: '(local.set $x (i32.add (local.get $x) (memory.grow (i32.const 0))))',
  },
];

function branchTables(base: string, count: number): string {
  return Array.from(
    { length: count },
    (_, k) => `(block $c (block $b (block $a
      (br_table $a $b $c (i32.and (i32.add ${base} (i32.add (local.get $i) (i32.const ${k}))) (i32.const 1))))
      (local.set $x (i32.add (local.get $x) (i32.const 3))) (br $c))
      (local.set $x (i32.xor (local.get $x) (i32.const 5))))`,
  ).join('');
}
