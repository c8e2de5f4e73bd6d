/**
 * Equal sets give equal verdicts, in any order and with any duplication: the property everything else rests on.
 * Sets are drawn at random (authors, lies, closings, closes, openings, accusations, second seals and reveals, stale
 * inputs, batches over several units); each is applied in many orders to fresh boards, with settling in between.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PeerKey } from '../../../../node/protocol/ids.ts';
import { type Attestation, digest, keys, randomFrom, shuffled } from '../fixtures.ts';
import { applyTo, outcome, type Said, Story, settleOnce, settleWithOracle } from './story.ts';

const RUNS = Number(process.env.SHOAL_PROPERTY_RUNS ?? 120);

interface Shape {
  readonly quorum: number;
  readonly authors: number;
  readonly units: number;
  readonly statementsMax: number;
}

/** Draws a set of statements; `g` is fast-check's generator, so that failures shrink. */
function drawSet(g: fc.GeneratorValue, shape: Shape): Story {
  const { quorum, units } = shape;
  const story = new Story({ quorum, replicas: quorum, taskCount: 3 * units, tasksPerUnit: 3 });
  const chance = (percent: number): boolean => g(fc.nat, 99) < percent;
  const authors = keys(shape.authors);
  const found: Attestation[] = authors.flatMap((author) =>
    Array.from({ length: units }, (_, unit) => {
      const task = g(fc.nat, 2);
      const lie = g(fc.constantFrom, 'truth', 'truth', 'truth', 'x', 'y');
      const lies: Record<number, string> = lie === 'truth' ? {} : { [task]: lie };
      if (lie !== 'truth' && chance(30)) lies[2] = 'x';
      return story.found(author, unit, lies, { stale: chance(5) });
    }),
  );
  const batches = chance(30);
  for (const author of authors) {
    const own = found.filter((attestation) => attestation.author === author && chance(90));
    if (batches && own.length > 0) {
      const entries = own.map(({ unit, seal }) => ({ unit, seal }));
      story.say({ author, body: { kind: 'commit', job: story.job, entries } });
    } else story.seal(...own);
    for (const attestation of own) {
      const { unit } = attestation;
      if (chance(7)) story.seal(story.found(author, unit, {}, { salt: 'second' }));
      if (!chance(90)) continue;
      const others = found.filter((other) => other.unit === unit && other.author !== author);
      const listed = others.filter(() => chance(75)).map(({ seal }) => seal);
      if (chance(15)) listed.push(digest('a seal of nobody'));
      story.reveal(attestation, ...listed);
      if (chance(5)) story.reveal(attestation, ...listed, digest('a second thought'));
      if (chance(25)) story.close(attestation, g(fc.nat, 2), ...others.filter(() => chance(60)).concat(attestation));
      if (chance(45)) story.open(attestation);
      if (chance(8)) story.accuse(authors[g(fc.nat, authors.length - 1)]!, attestation, g(fc.nat, 2));
    }
  }
  if (chance(30)) story.raise(g(fc.integer, { min: 1, max: 4 }), g(fc.nat, units - 1));
  if (chance(30)) story.raise(quorum + 1, ...Array.from({ length: units }, (_, unit) => unit));
  if (chance(15)) story.satisfy(g(fc.nat, units - 1));
  story.said.splice(shape.statementsMax);
  return story;
}

/** Settling in between, now and then, finds things out that the final order may never ask for. */
function play(story: Story, order: readonly Said[], random?: () => number): unknown {
  const board = story.freshBoard();
  const { tasks } = story;
  for (const said of order) {
    applyTo(board, said);
    if (random === undefined) continue;
    const draw = random();
    if (draw < 0.2) settleWithOracle(board, tasks);
    else if (draw < 0.4) settleOnce(board);
  }
  settleWithOracle(board, tasks);
  return outcome(board);
}

function* permutations<T>(items: readonly T[]): Generator<readonly T[]> {
  if (items.length <= 1) {
    yield items;
    return;
  }
  for (let i = 0; i < items.length; i++) {
    for (const rest of permutations([...items.slice(0, i), ...items.slice(i + 1)])) yield [items[i]!, ...rest];
  }
}

describe('one set, one verdict', { timeout: 120_000 + 100 * RUNS }, () => {
  it('in all orders of a small set', () => {
    const shape: Shape = { quorum: 2, authors: 3, units: 1, statementsMax: 6 };
    const runs = Math.ceil(RUNS / 12);
    fc.assert(
      fc.property(fc.gen(), fc.nat(), (g, cut) => {
        const story = drawSet(g, { ...shape, statementsMax: 100 });
        // Six of the statements, not just the first ones.
        const few = shuffled(story.said, randomFrom(cut)).slice(0, shape.statementsMax);
        const expected = play(story, few);
        for (const order of permutations(few)) expect(play(story, order)).toEqual(expected);
      }),
      { numRuns: runs, seed: 11 },
    );
  });

  it('in any order of a large set, with repetitions and with settling in between', () => {
    fc.assert(
      fc.property(
        fc.gen(),
        fc.record({
          quorum: fc.integer({ min: 1, max: 4 }),
          authors: fc.integer({ min: 2, max: 7 }),
          units: fc.integer({ min: 1, max: 3 }),
          statementsMax: fc.constant(200),
        }),
        fc.nat(),
        (g, shape, seed) => {
          const story = drawSet(g, shape);
          const { said } = story;
          const expected = play(story, said);
          const random = randomFrom(seed);
          for (let round = 0; round < 8; round++) {
            const repeated = said.filter(() => random() < 0.3);
            const order = shuffled([...said, ...repeated], random);
            expect(play(story, order, random)).toEqual(expected);
          }
        },
      ),
      { numRuns: RUNS, seed: 12 },
    );
  });

  it('draws sets that reach every verdict', () => {
    const seen = new Map<string, number>();
    let voided = 0;
    let sequential = 0;
    const note = (shape: Shape) => (g: fc.GeneratorValue) => {
      const story = drawSet(g, shape);
      const result = play(story, story.said) as {
        units: readonly { verdict: { state: string; wants?: string; counted?: { sequential: boolean } } }[];
        voided: readonly [PeerKey, unknown][];
      };
      for (const { verdict } of result.units) {
        const name = `${verdict.state} ${verdict.wants ?? ''}`;
        seen.set(name, (seen.get(name) ?? 0) + 1);
        if (verdict.counted?.sequential === true) sequential++;
      }
      voided += result.voided.length;
    };
    for (const quorum of [1, 2, 3]) {
      const shape: Shape = { quorum, authors: 5, units: 2, statementsMax: 200 };
      fc.assert(fc.property(fc.gen(), note(shape)), { numRuns: RUNS, seed: quorum });
    }
    for (const name of ['pending ', 'agreed ', 'disputed opening', 'disputed replica']) {
      expect(seen.get(name) ?? 0, name).toBeGreaterThan(0);
    }
    expect(voided).toBeGreaterThan(0);
    expect(sequential).toBeGreaterThan(0);
  });
});
