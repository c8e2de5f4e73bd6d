/** Who may work on a unit, in which order, and from when: the same for everybody, whatever came first. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PeerKey, StatementId } from '../../../../node/protocol/ids.ts';
import { ROSTER_APPENDS_MAX, ROSTER_MAX } from '../../../../node/protocol/limits.ts';
import { levelOf, Roster, type RosterAppend } from '../../../../node/protocol/work/roster.ts';
import { digest, keys, modelJob, PARAMETERS, randomFrom, START_MS, shuffled } from '../fixtures.ts';

const append = (seq: number, roster: readonly PeerKey[], more: Partial<RosterAppend> = {}): RosterAppend => ({
  kind: 'roster-append',
  job: digest('job') as never,
  seq,
  from: 0,
  nonce: digest(`nonce ${seq}`),
  openAtMs: START_MS,
  pacePerSecond: 0,
  roster,
  ...more,
});
const id = (label: string): StatementId => digest(label) as string as StatementId;
const rosterOf = (members: readonly PeerKey[], pacePerSecond = 0): Roster =>
  new Roster(PARAMETERS, modelJob({ pacePerSecond }).spec, members, START_MS);

describe('ranks', () => {
  it('are a permutation of the members, by the hash of nonce, unit and author', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(65_535), (count, unit) => {
        const members = keys(count);
        const roster = rosterOf(members);
        const order = (author: PeerKey): string => {
          const unitBytes = Buffer.alloc(4);
          unitBytes.writeUInt32LE(unit);
          const { rosterNonce } = modelJob().spec;
          const input = Buffer.concat([Buffer.from(rosterNonce, 'hex'), unitBytes, Buffer.from(author, 'hex')]);
          return createHash('sha256').update(input).digest('hex');
        };
        const expected = [...members].sort((a, b) => (order(a) < order(b) ? -1 : 1));
        expect(roster.ranksFor(unit)).toEqual(expected);
        expected.forEach((author, rank) => {
          expect(roster.rankOf(unit, author)).toBe(rank);
        });
        expect(roster.rankOf(unit, keys(1, 'stranger')[0]!)).toBe(count);
      }),
      { numRuns: 60, seed: 61 },
    );
  });

  it('spread the first place evenly over the members', () => {
    const roster = rosterOf(keys(10));
    const firsts = new Map<PeerKey, number>();
    for (let unit = 0; unit < 2_000; unit++) {
      const first = roster.ranksFor(unit)[0]!;
      firsts.set(first, (firsts.get(first) ?? 0) + 1);
    }
    expect(firsts.size).toBe(10);
    for (const count of firsts.values()) {
      expect(count).toBeGreaterThan(130);
      expect(count).toBeLessThan(270);
    }
  });

  it('double with each level', () => {
    expect([0, 1, 2, 3, 5, 6, 11, 12, 23, 24].map((rank) => levelOf(rank, 3))).toEqual([0, 0, 0, 1, 1, 2, 2, 3, 3, 4]);
  });
});

describe('appends', () => {
  it('to a paced roster change later units only', () => {
    const [old, later] = [keys(20), keys(5, 'later')];
    const roster = rosterOf(old, 2);
    const before = Array.from({ length: 50 }, (_, unit) => roster.ranksFor(unit));
    expect(roster.append(id('a'), append(0, later, { from: 30, pacePerSecond: 4 }))).toBe(true);
    for (let unit = 0; unit < 30; unit++) {
      expect(roster.ranksFor(unit)).toEqual(before[unit]);
      expect(roster.isMember(unit, later[0]!)).toBe(false);
    }
    for (let unit = 30; unit < 50; unit++) {
      expect([...roster.ranksFor(unit)].sort()).toEqual([...old, ...later].sort());
    }
    expect(roster.openAt(29)).toBe(START_MS + 14_500);
    expect(roster.openAt(34)).toBe(START_MS + 1_000);
  });

  it('are the same in any order, forks of one number united', () => {
    const members = keys(4);
    const all = [
      append(0, keys(3, 'x'), { nonce: digest('one') }),
      append(0, keys(2, 'y'), { nonce: digest('fork') }),
      append(1, keys(2, 'z'), { from: 5 }),
      append(2, keys(1, 'w'), { from: 2 }),
    ];
    const view = (roster: Roster): unknown => ({
      members: [...roster.members].sort(),
      next: roster.nextSeq,
      ranks: Array.from({ length: 8 }, (_, unit) => roster.ranksFor(unit)),
    });
    const build = (order: readonly RosterAppend[]): unknown => {
      const roster = rosterOf(members);
      for (const body of order) {
        roster.append(id(JSON.stringify(body)), body);
        roster.ranksFor(3);
      }
      return view(roster);
    };
    const expected = build(all);
    for (let seed = 0; seed < 24; seed++) expect(build(shuffled(all, randomFrom(seed)))).toEqual(expected);
    const roster = rosterOf(members);
    for (const body of all) roster.append(id(JSON.stringify(body)), body);
    expect(roster.isMember(0, keys(2, 'y')[0]!)).toBe(true);
    expect(roster.isMember(0, keys(3, 'x')[0]!)).toBe(true);
    expect(roster.append(id(JSON.stringify(all[0])), all[0]!)).toBe(false);
  });

  it('end at their number and at the size of a roster', () => {
    const many = rosterOf([]);
    for (let seq = 0; seq < 2 * ROSTER_APPENDS_MAX; seq++)
      many.append(id(`${seq}`), append(seq, keys(1, `peer of ${seq}`)));
    expect(many.members.size).toBe(ROSTER_APPENDS_MAX);
    const large = rosterOf(keys(ROSTER_MAX - 1));
    expect(large.append(id('two'), append(1, keys(2, 'two more')))).toBe(false);
    expect(large.append(id('one'), append(0, keys(1, 'one more')))).toBe(true);
    expect(large.members.size).toBe(ROSTER_MAX);
  });

  it('past the bounds: the lowest stay, whatever came first', () => {
    const build = (order: readonly RosterAppend[], announced: readonly PeerKey[]): unknown => {
      const roster = rosterOf(announced);
      for (const body of order) roster.append(id(JSON.stringify(body)), body);
      return { members: [...roster.members].sort(), next: roster.nextSeq };
    };
    const many = Array.from({ length: ROSTER_APPENDS_MAX }, (_, seq) => [
      append(seq, keys(1, `a ${seq}`)),
      append(seq, keys(1, `b ${seq}`)),
    ])
      .flat()
      .slice(0, ROSTER_APPENDS_MAX + 20);
    const wide = [
      append(0, keys(300, 'a')),
      append(1, keys(500, 'b')),
      append(2, keys(400, 'c')),
      append(3, keys(10, 'd')),
    ];
    for (const [appends, announced] of [
      [many, []],
      [wide, keys(100)],
    ] as const) {
      const expected = build(appends, announced);
      for (let seed = 0; seed < 12; seed++)
        expect(build(shuffled(appends, randomFrom(seed)), announced)).toEqual(expected);
    }
  });
});

describe('opening times', () => {
  it('let everybody start at once in a small roster', () => {
    const roster = rosterOf(keys(16), 5);
    expect(roster.openAt(1_000)).toBe(START_MS);
    expect(roster.admittedFrom(1_000, 15)).toBe(START_MS);
  });

  it('follow pace and level in a large one', () => {
    const roster = rosterOf(keys(17), 5);
    expect(roster.openAt(10)).toBe(START_MS + 2_000);
    expect(roster.admittedFrom(10, 2)).toBe(START_MS + 2_000);
    expect(roster.admittedFrom(10, 3)).toBe(START_MS + 2_000 + 6_000);
    expect(roster.admittedFrom(10, 12)).toBe(START_MS + 2_000 + 18_000);
    expect(roster.firstUnopened(START_MS + 2_000, 100)).toBe(11);
    expect(roster.firstUnopened(START_MS + 2_000, 4)).toBe(4);
    expect(roster.firstUnopened(START_MS - 1, 100)).toBe(0);
  });

  it('do not wait for a submitter whose clock runs ahead', () => {
    const spec = { ...modelJob().spec, announcedAtMs: START_MS + 60_000 };
    expect(new Roster(PARAMETERS, spec, keys(3), START_MS).openAt(0)).toBe(START_MS);
  });
});
