/** The least that must still run, against rounds over all edges until nothing changes any more. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EXIT, leastRest, type Step } from '../../node/sandbox/least-rest.ts';

interface Graph {
  readonly blocks: readonly { readonly cost: number }[];
  readonly edges: readonly Step[];
}

const graphs: fc.Arbitrary<Graph> = fc.integer({ min: 1, max: 12 }).chain((count) =>
  fc.record({
    blocks: fc.array(fc.record({ cost: fc.nat(9) }), { minLength: count, maxLength: count }),
    edges: fc.array(
      fc.record({
        from: fc.nat(count - 1),
        to: fc.integer({ min: EXIT, max: count - 1 }),
        kind: fc.constantFrom('plain', 'taken', 'skipped', 'trap'),
      }),
      { maxLength: 3 * count },
    ),
  }),
);

function byRounds({ blocks, edges }: Graph): readonly number[] {
  const rest = blocks.map(() => Number.POSITIVE_INFINITY);
  for (let changed = true; changed; ) {
    changed = false;
    for (const { from, to, kind } of edges) {
      const least = to === EXIT ? 0 : blocks[to]!.cost + rest[to]!;
      if (kind === 'trap' || least >= rest[from]!) continue;
      rest[from] = least;
      changed = true;
    }
  }
  return rest;
}

it('is what rounds over all edges find', () => {
  fc.assert(
    fc.property(graphs, (graph) => {
      expect([...leastRest(graph.blocks, graph.edges)]).toEqual(byRounds(graph));
    }),
    { numRuns: 1_000 },
  );
});

it('is found through a thousand loops, of which each is left at its head and leads back to it', () => {
  const depth = 1_000;
  // Block k is the head of loop k, and depth + k is what runs behind the loop in it and leads back.
  const edges: Step[] = [];
  for (let k = 0; k < depth; k++) {
    const behind = k === 0 ? EXIT : depth + k - 1;
    edges.push({ from: k, to: behind, kind: 'taken' }, { from: depth + k, to: k, kind: 'plain' });
    edges.push({ from: k, to: k + 1 < depth ? k + 1 : depth + k, kind: 'plain' });
  }
  const rest = leastRest(new Array<{ cost: number }>(2 * depth).fill({ cost: 1 }), edges);
  expect(rest[0]).toBe(0);
  expect(rest[depth - 1]).toBe(2 * (depth - 1));
  expect(rest[2 * depth - 1]).toBe(2 * depth - 1);
});
