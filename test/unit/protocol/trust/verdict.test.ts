/** What a set of statements means: examples of every rule of the verdict. */
import { describe, expect, it } from 'vitest';
import { digest, key } from '../fixtures.ts';
import { Story } from './story.ts';

const [A, B, C, D] = ['a', 'b', 'c', 'd'].map(key).sort() as [ReturnType<typeof key>, ...ReturnType<typeof key>[]] as [
  ReturnType<typeof key>,
  ReturnType<typeof key>,
  ReturnType<typeof key>,
  ReturnType<typeof key>,
];

describe('a quorum', () => {
  it('is two authors of one root who list each other', () => {
    const story = new Story();
    const [a, b] = [story.found(A, 0), story.found(B, 0)];
    story.together(a, b);
    expect(story.verdict()).toEqual({
      state: 'agreed',
      root: a.root,
      fuel: 406,
      counted: { authors: [A, B], sequential: false },
    });
  });

  it('is none when only one lists the other', () => {
    const story = new Story();
    const [a, b] = [story.found(A, 0), story.found(B, 0)];
    story.seal(a, b);
    story.reveal(a, digest('a seal of nobody'));
    story.reveal(b, a);
    expect(story.verdict()).toEqual({ state: 'pending' });
  });

  it('is none in a ring of listings', () => {
    const story = new Story();
    const [a, b, c] = [story.found(A, 0), story.found(B, 0), story.found(C, 0)];
    story.seal(a, b, c);
    story.reveal(a, b);
    story.reveal(b, c);
    story.reveal(c, a);
    expect(story.verdict()).toEqual({ state: 'pending' });
  });

  it('needs every pair: three who do not all list each other make no quorum of three', () => {
    const story = new Story({ quorum: 3, replicas: 3 });
    const [a, b, c] = [story.found(A, 0), story.found(B, 0), story.found(C, 0)];
    story.seal(a, b, c);
    story.reveal(a, b, c);
    story.reveal(b, a, c);
    story.reveal(c, a);
    expect(story.verdict()).toEqual({ state: 'pending' });
    story.close(c, 0, b);
    expect(story.verdict()).toMatchObject({ state: 'agreed', counted: { authors: [A, B, C], sequential: true } });
  });

  it('counts the first set in order of keys, however many agree', () => {
    const story = new Story();
    story.together(story.found(D, 0), story.found(B, 0), story.found(C, 0));
    expect(story.authors()).toEqual([B, C].sort());
  });

  it('may begin with a later key when the first is not independent of the others', () => {
    const story = new Story();
    const [a, b, c] = [story.found(A, 0), story.found(B, 0), story.found(C, 0)];
    story.seal(a, b, c);
    story.reveal(a, digest('nobody'));
    story.reveal(b, c);
    story.reveal(c, b);
    expect(story.authors()).toEqual([B, C]);
  });

  it('of one is one valid reveal, closing or not', () => {
    const story = new Story({ quorum: 1, replicas: 1 });
    const a = story.found(A, 0);
    story.seal(a);
    expect(story.verdict()).toEqual({ state: 'pending' });
    story.reveal(a);
    expect(story.verdict()).toMatchObject({ state: 'agreed', counted: { authors: [A], sequential: false } });
  });

  it('of one is disputed by another root', () => {
    const story = new Story({ quorum: 1, replicas: 1 });
    const [a, b] = [story.found(A, 0), story.found(B, 0, { 1: 'lie' })];
    story.together(a, b);
    expect(story.verdict()).toEqual({ state: 'disputed', wants: 'opening' });
    story.open(a);
    expect(story.verdict()).toMatchObject({ state: 'agreed', root: a.root });
  });
});

describe('a raise', () => {
  it('opens an agreed unit again until it has the larger quorum, and never lowers it', () => {
    const story = new Story();
    const [a, b, c] = [story.found(A, 0), story.found(B, 0), story.found(C, 0)];
    story.together(a, b);
    expect(story.authors()).toEqual([A, B]);
    story.raise(3, 0);
    expect(story.verdict()).toEqual({ state: 'pending' });
    expect(story.board.doneUnits).toBe(0);
    story.raise(1, 0);
    expect(story.verdict()).toEqual({ state: 'pending' });
    story.seal(c);
    story.reveal(c, a, b);
    story.close(a, 0, c);
    story.close(b, 0, c);
    expect(story.verdict()).toMatchObject({ state: 'agreed', counted: { authors: [A, B, C], sequential: true } });
    expect([story.board.quorum, story.board.quorumFor(0), story.board.quorumFor(1)]).toEqual([3, 3, 2]);
  });
});

describe('a raise from a quorum of one', () => {
  it('makes no closing invalid: who revealed without any can still be joined by a Close', () => {
    const story = new Story({ quorum: 1, replicas: 1 });
    const [a, b] = [story.found(A, 0), story.found(B, 0)];
    story.seal(a);
    story.reveal(a);
    expect(story.authors()).toEqual([A]);
    story.raise(2, 0);
    expect(story.verdict()).toEqual({ state: 'pending' });
    story.seal(b);
    story.reveal(b, a);
    expect(story.verdict()).toEqual({ state: 'pending' });
    story.close(a, 0, b);
    expect(story.verdict()).toMatchObject({ state: 'agreed', counted: { authors: [A, B], sequential: true } });
  });
});

describe('a reveal does not count', () => {
  it('without its commit', () => {
    const story = new Story();
    const [a, b] = [story.found(A, 0), story.found(B, 0)];
    story.seal(a);
    story.reveal(a, b);
    story.reveal(b, a);
    expect(story.verdict()).toEqual({ state: 'pending' });
    story.seal(b);
    expect(story.verdict()).toMatchObject({ state: 'agreed' });
  });

  it('when it opens another seal than the committed one', () => {
    const story = new Story();
    const [a, b] = [story.found(A, 0), story.found(B, 0)];
    const other = story.found(B, 0, {}, { salt: 'another' });
    story.seal(a, b);
    story.reveal(a, b);
    story.reveal(other, a, b);
    expect(story.verdict()).toEqual({ state: 'pending' });
  });

  it('for an older input: stale, and no dispute either', () => {
    const story = new Story();
    const [a, b] = [story.found(A, 0, {}, { stale: true }), story.found(B, 0, {}, { stale: true })];
    story.together(a, b);
    expect(story.verdict()).toEqual({ state: 'pending' });
    const [c, d] = [story.found(C, 0), story.found(D, 0)];
    story.together(c, d);
    expect(story.authors()).toEqual([C, D].sort());
  });

  it('when its closing names its own seal only, or not its own', () => {
    const story = new Story();
    const [a, b] = [story.found(A, 0), story.found(B, 0)];
    story.seal(a, b);
    story.reveal(a);
    story.say({
      author: B,
      body: { kind: 'reveal', job: story.job, entries: [b.reveal([a.seal, digest('somebody else')])] },
    });
    story.close(a, 0, b);
    story.close(b, 0, a);
    expect(story.verdict()).toEqual({ state: 'pending' });
  });

  it('of an author of two seals or of two reveals', () => {
    for (const second of ['seal', 'reveal'] as const) {
      const story = new Story();
      const [a, b] = [story.found(A, 0), story.found(B, 0)];
      story.together(a, b);
      expect(story.authors()).toEqual([A, B]);
      if (second === 'seal') story.seal(story.found(B, 0, {}, { salt: 'another' }));
      else story.reveal(b, a, digest('one more'));
      expect(story.verdict(), second).toEqual({ state: 'pending' });
    }
  });
});

describe('a quorum is sequential', () => {
  it('when it needs a Close', () => {
    const story = new Story();
    const [a, b] = [story.found(A, 0), story.found(B, 0)];
    story.seal(a, b);
    story.reveal(a, digest('one that never came'));
    story.reveal(b, a);
    story.close(a, 0, b);
    expect(story.verdict()).toMatchObject({ state: 'agreed', counted: { authors: [A, B], sequential: true } });
  });

  it('when a member lists an author of the same root who does not list it back', () => {
    const story = new Story();
    const [a, b, c] = [story.found(A, 0), story.found(B, 0), story.found(C, 0)];
    story.seal(a, b, c);
    story.reveal(a, digest('one that never came'));
    story.reveal(b, a, c);
    story.reveal(c, a, b);
    expect(story.verdict()).toMatchObject({ state: 'agreed', counted: { authors: [B, C], sequential: true } });
  });

  it('not when the one that is not listed back found another root', () => {
    const story = new Story();
    const [a, b, c] = [story.found(A, 0, { 0: 'junk' }), story.found(B, 0), story.found(C, 0)];
    story.seal(a, b, c);
    story.reveal(a, digest('one that never came'));
    story.reveal(b, a, c);
    story.reveal(c, a, b);
    expect(story.verdict()).toMatchObject({ state: 'agreed', counted: { authors: [B, C], sequential: false } });
  });

  it('not when a set without Close exists beside one that needs it', () => {
    const story = new Story();
    const [a, b, c] = [story.found(A, 0), story.found(B, 0), story.found(C, 0)];
    story.seal(a, b, c);
    story.reveal(a, digest('one that never came'));
    story.reveal(b, c);
    story.reveal(c, b);
    story.close(a, 0, b, c);
    story.close(b, 0, a);
    expect(story.verdict()).toMatchObject({ state: 'agreed', counted: { authors: [B, C], sequential: false } });
  });
});

describe('a dispute', () => {
  it('is none when nobody opens the junk root', () => {
    const story = new Story();
    const [a, b, junk] = [story.found(A, 0), story.found(B, 0), story.found(C, 0, { 2: 'junk' })];
    story.together(a, b, junk);
    expect(story.verdict()).toMatchObject({ state: 'agreed', root: a.root });
  });

  it('of two roots without quorum asks for an opening, then for the task, and voids the liar', () => {
    const story = new Story();
    const [a, liar] = [story.found(A, 0), story.found(B, 0, { 2: 'lie' })];
    story.together(a, liar);
    expect(story.unsettled()).toEqual({ state: 'disputed', wants: 'opening' });
    story.open(a);
    expect(story.unsettled()).toEqual({ state: 'disputed', wants: 'replica' });
    story.open(liar);
    expect(story.unsettled()).toEqual({ state: 'disputed', wants: 're-execution' });
    expect(story.board.row(0).refutation.wantsTasks).toEqual([2]);
    // The survivor is not proven right: it still needs its quorum.
    expect(story.verdict()).toEqual({ state: 'pending' });
    expect([...story.board.voided]).toEqual([[B, { unit: 0, root: liar.root, leaf: 2 }]]);
    const c = story.found(C, 0);
    story.seal(c);
    story.reveal(c, a, liar);
    story.close(a, 0, c);
    expect(story.verdict()).toMatchObject({ state: 'agreed', root: a.root, counted: { sequential: true } });
  });

  it('voids both authors when both are wrong at the first difference', () => {
    const story = new Story();
    const [a, b] = [story.found(A, 0, { 1: 'x' }), story.found(B, 0, { 1: 'y' })];
    story.together(a, b);
    story.open(a);
    story.open(b);
    expect(story.verdict()).toEqual({ state: 'pending' });
    expect([...story.board.voided.keys()].sort()).toEqual([A, B]);
  });

  it('goes on to the next difference: a sacrificial liar buys its accomplice nothing', () => {
    const story = new Story({ quorum: 2, replicas: 2 });
    const [sacrifice, accomplice] = [story.found(A, 0, { 0: 'x', 3: 'y' }), story.found(B, 0, { 3: 'y' })];
    const [c, d] = [story.found(C, 0), story.found(D, 0)];
    story.together(sacrifice, accomplice, c, d);
    story.open(sacrifice);
    story.open(accomplice);
    expect(story.verdict()).toEqual({ state: 'disputed', wants: 'opening' });
    expect([...story.board.voided.keys()]).toEqual([A]);
    story.open(c);
    expect(story.authors()).toEqual([C, D].sort());
    expect(story.board.voided.get(B)).toEqual({ unit: 0, root: accomplice.root, leaf: 3 });
  });

  it('is settled against a quorum of liars once one honest root is opened beside theirs', () => {
    const story = new Story();
    const [a, b, c] = [story.found(A, 0, { 1: 'same' }), story.found(B, 0, { 1: 'same' }), story.found(C, 0)];
    story.together(a, b, c);
    expect(story.verdict()).toMatchObject({ state: 'agreed', root: a.root });
    story.open(c);
    expect(story.verdict()).toEqual({ state: 'disputed', wants: 'opening' });
    story.open(a);
    expect(story.verdict()).toEqual({ state: 'pending' });
    expect([...story.board.voided.keys()].sort()).toEqual([A, B]);
  });

  it('can rest on an accusation alone, which weighs nothing until somebody re-executes', () => {
    const story = new Story();
    const [a, b] = [story.found(A, 0, { 3: 'same' }), story.found(B, 0, { 3: 'same' })];
    story.together(a, b);
    story.accuse(C, a, 3);
    expect(story.verdict()).toMatchObject({ state: 'agreed' });
    story.open(a);
    expect(story.unsettled()).toMatchObject({ state: 'agreed' });
    expect(story.verdict()).toEqual({ state: 'pending' });
    expect(story.board.voided.size).toBe(2);
  });

  it('is not helped by a false accusation', () => {
    const story = new Story();
    const [a, b] = [story.found(A, 0), story.found(B, 0)];
    story.together(a, b);
    story.open(a);
    story.accuse(C, a, 2);
    story.accuse(C, a, 900);
    expect(story.verdict()).toMatchObject({ state: 'agreed' });
    expect(story.board.voided.size).toBe(0);
  });

  it('ignores an opening of a root that nobody revealed', () => {
    const story = new Story();
    const [a, b] = [story.found(A, 0), story.found(B, 0)];
    story.together(a, b);
    story.open(story.found(C, 0, { 0: 'unrelated' }));
    expect(story.verdict()).toMatchObject({ state: 'agreed' });
    expect(story.board.voided.size).toBe(0);
  });
});

describe('a refuted author', () => {
  it('counts in no unit of the job, also not where it was right', () => {
    const story = new Story();
    story.together(story.found(A, 0), story.found(B, 0));
    expect(story.authors(0)).toEqual([A, B]);
    const [b, c] = [story.found(B, 1, { 0: 'lie' }), story.found(C, 1)];
    story.together(b, c);
    story.open(b);
    story.open(c);
    story.verdict(1);
    expect(story.verdict(0)).toEqual({ state: 'pending' });
    expect(story.board.doneUnits).toBe(0);
    expect(story.board.firstOpenUnit).toBe(0);
  });

  it('is replaced where another author stands ready', () => {
    const story = new Story();
    story.together(story.found(A, 0), story.found(B, 0), story.found(D, 0));
    const [b, c] = [story.found(B, 1, { 0: 'lie' }), story.found(C, 1)];
    story.together(b, c);
    story.open(b);
    story.open(c);
    story.verdict(1);
    expect(story.authors(0)).toEqual([A, D].sort());
  });

  it('includes whoever reveals that root later', () => {
    const story = new Story();
    const [liar, a] = [story.found(A, 0, { 1: 'lie' }), story.found(B, 0)];
    story.together(liar, a);
    story.open(liar);
    story.open(a);
    story.verdict();
    const late = story.found(C, 0, { 1: 'lie' });
    story.seal(late);
    story.reveal(late, a);
    story.verdict();
    expect([...story.board.voided.keys()].sort()).toEqual([A, C].sort());
  });

  it('still takes part in disputes elsewhere, so that the order of looking does not matter', () => {
    const story = new Story();
    const [liar, a] = [story.found(A, 0, { 1: 'lie' }), story.found(B, 0)];
    story.together(liar, a);
    story.open(liar);
    story.open(a);
    const [again, other] = [story.found(A, 1), story.found(C, 1, { 2: 'lie' })];
    story.together(again, other);
    story.open(again);
    story.open(other);
    story.verdict();
    expect([...story.board.voided.keys()].sort()).toEqual([A, C].sort());
  });
});
