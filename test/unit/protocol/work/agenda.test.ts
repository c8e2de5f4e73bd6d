/** The agenda behaves as a sorted list of named moments. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Agenda } from '../../../../node/protocol/work/agenda.ts';

type Command =
  | { readonly do: 'set' | 'setEarlier'; readonly name: string; readonly at: number }
  | { readonly do: 'cancel'; readonly name: string }
  | { readonly do: 'take'; readonly now: number };

const names = fc.integer({ min: 0, max: 12 }).map((n) => `entry ${n}`);
const moments = fc.oneof(fc.integer({ min: 0, max: 60 }), fc.double({ min: 0, max: 60, noNaN: true }));
const commands: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ do: fc.constantFrom('set' as const, 'setEarlier' as const), name: names, at: moments }),
  fc.record({ do: fc.constant('cancel' as const), name: names }),
  fc.record({ do: fc.constant('take' as const), now: fc.integer({ min: 0, max: 70 }) }),
);

describe('the agenda', () => {
  it('is the same as a sorted list', () => {
    fc.assert(
      fc.property(fc.array(commands, { maxLength: 400 }), (list) => {
        const agenda = new Agenda();
        const model = new Map<string, number>();
        for (const command of list) {
          if (command.do === 'cancel') {
            agenda.set(command.name, undefined);
            model.delete(command.name);
          } else if (command.do === 'take') {
            const due = [...model].filter(([, at]) => at <= command.now).sort(([, a], [, b]) => a - b);
            const taken = agenda.takeDue(command.now);
            expect([...taken].sort()).toEqual(due.map(([name]) => name).sort());
            // Earliest first; equal moments in any order.
            expect(taken.map((name) => model.get(name))).toEqual(due.map(([, at]) => at));
            for (const name of taken) model.delete(name);
          } else {
            const at = Math.ceil(command.at);
            agenda[command.do](command.name, command.at);
            const known = model.get(command.name);
            if (command.do === 'set' || known === undefined || at < known) model.set(command.name, at);
          }
          expect(agenda.size).toBe(model.size);
          expect(agenda.next()).toBe(model.size === 0 ? undefined : Math.min(...model.values()));
        }
      }),
      { numRuns: 300, seed: 51 },
    );
  });

  it('never wakes before a moment with a fraction', () => {
    const agenda = new Agenda();
    agenda.set('a', 10.2);
    expect(agenda.takeDue(10)).toEqual([]);
    expect(agenda.takeDue(11)).toEqual(['a']);
  });

  it('stays as large as its entries, however often they move', () => {
    const agenda = new Agenda();
    for (let i = 0; i < 100_000; i++) agenda.set(`entry ${i % 10}`, i);
    expect(agenda.size).toBe(10);
    expect(agenda.takeDue(100_000)).toHaveLength(10);
    expect(agenda.next()).toBeUndefined();
  });
});
