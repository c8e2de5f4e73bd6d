/** How many replicas a unit still wants, as seen from here: who counts, for how long, and when to look again. */
import { describe, expect, it } from 'vitest';
import type { Digest, Millis, PeerKey } from '../../../../node/protocol/ids.ts';
import type { RevealFact } from '../../../../node/protocol/trust/evidence.ts';
import { assess, createUnitRow, type UnitContext, type UnitRow } from '../../../../node/protocol/work/unit.ts';
import { digest, key, keys, modelJob, PARAMETERS, START_MS } from '../fixtures.ts';

const [A, B, C] = keys(3) as [PeerKey, PeerKey, PeerKey];
const HOLD = 300;
const { overdueMs, goneMs } = PARAMETERS;
const seal = (author: PeerKey): Digest => digest(`seal ${author}`);

class Unit {
  readonly row: UnitRow = createUnitRow(START_MS);
  readonly gone = new Map<PeerKey, Millis>();
  readonly voided = new Set<PeerKey>();
  now = START_MS;
  context: Partial<UnitContext> = {};

  commit(...authors: readonly PeerKey[]): void {
    for (const author of authors) {
      this.row.evidence.commits.set(author, { id: digest(author) as never, seal: seal(author) });
      this.row.committedAtMs.set(author, this.now);
    }
  }

  reveal(author: PeerKey, root: string, listed: readonly PeerKey[], facts: Partial<RevealFact> = {}): void {
    const fact: RevealFact = {
      id: digest(`reveal ${author}`) as never,
      root: digest(root),
      fuel: 1,
      inputDigest: digest('input'),
      seal: seal(author),
      closing: [author, ...listed].map(seal),
      output: modelJob().spec.input,
      ...facts,
    };
    this.row.evidence.reveals.set(author, fact);
    this.row.revealedAtMs.set(author, this.now);
  }

  assess(): Millis | undefined {
    return assess(this.row, {
      now: this.now,
      self: key('self'),
      parameters: PARAMETERS,
      holdMs: HOLD,
      claimPatienceMs: 10_000,
      quorum: 2,
      replicas: 2,
      open: true,
      isVoided: (author) => this.voided.has(author),
      goneSince: (author) => this.gone.get(author),
      ...this.context,
    });
  }

  /** Moves to what `assess` asked for, and assesses again. */
  next(): Millis | undefined {
    const at = this.assess();
    expect(at).toBeGreaterThan(this.now);
    this.now = at!;
    return this.assess();
  }
}

describe('a unit', () => {
  it('wants as many replicas as the job, less claims and commits', () => {
    const unit = new Unit();
    unit.context = { replicas: 3 };
    unit.assess();
    expect(unit.row.need).toBe(3);
    unit.row.claims.set(A, START_MS + 5_000);
    unit.commit(B);
    unit.assess();
    expect(unit.row.need).toBe(1);
    unit.commit(A);
    unit.assess();
    // A claim of somebody who has committed is the same replica.
    expect(unit.row.need).toBe(1);
  });

  it.each<readonly [string, (unit: Unit) => void]>([
    [
      'agreed',
      (unit) =>
        (unit.row.verdict = {
          state: 'agreed',
          root: digest('r'),
          fuel: 1,
          counted: { authors: [], sequential: false },
        }),
    ],
    ['satisfied', (unit) => (unit.row.satisfied = true)],
    ['of a job that is over', (unit) => (unit.context = { open: false })],
  ])('wants none when %s', (_what, make) => {
    const unit = new Unit();
    make(unit);
    unit.assess();
    expect(unit.row.need).toBe(0);
  });

  it('remembers since when it wants so many: more moves that moment, fewer does not', () => {
    const unit = new Unit();
    unit.now = START_MS + 1_000;
    unit.assess();
    expect(unit.row.wantSinceMs).toBe(START_MS + 1_000);
    unit.now = START_MS + 2_000;
    unit.commit(A);
    unit.assess();
    expect([unit.row.need, unit.row.wantSinceMs]).toEqual([1, START_MS + 1_000]);
    unit.voided.add(A);
    unit.assess();
    expect([unit.row.need, unit.row.wantSinceMs]).toEqual([2, START_MS + 2_000]);
  });
});

describe('a claim ends', () => {
  it('with its lease', () => {
    const unit = new Unit();
    unit.row.claims.set(A, START_MS + 3_000);
    expect(unit.assess()).toBe(START_MS + 3_000);
    expect(unit.row.need).toBe(1);
    unit.now = START_MS + 3_000;
    unit.assess();
    expect([unit.row.need, unit.row.claims.size]).toEqual([2, 0]);
  });

  it('a while after its author disconnected', () => {
    const unit = new Unit();
    unit.row.claims.set(A, START_MS + 60_000);
    unit.gone.set(A, START_MS);
    expect(unit.assess()).toBe(START_MS + goneMs);
    unit.now = START_MS + goneMs;
    unit.assess();
    expect(unit.row.claims.size).toBe(0);
  });

  it('when it was renewed for too long without a commit', () => {
    const unit = new Unit();
    for (let i = 0; i < 20; i++) {
      unit.now = START_MS + 1_000 * i;
      unit.row.claims.set(A, unit.now + 3_000);
      unit.assess();
    }
    expect(unit.row.claims.size).toBe(0);
    expect(unit.row.need).toBe(2);
  });
});

describe('a commit counts', () => {
  it('until its reveal is overdue: hold and more after as many as the quorum are there', () => {
    const unit = new Unit();
    unit.commit(A);
    expect(unit.assess()).toBeUndefined();
    unit.now = START_MS + 90_000;
    unit.assess();
    expect(unit.row.need).toBe(1);
    unit.commit(B);
    expect(unit.assess()).toBe(START_MS + 90_000 + HOLD + overdueMs);
    expect([unit.row.need, unit.row.quorumSinceMs]).toEqual([0, START_MS + 90_000]);
    unit.reveal(B, 'root', [A]);
    unit.now = START_MS + 90_000 + HOLD + overdueMs;
    unit.assess();
    expect(unit.row.counting).not.toContain(A);
    expect(unit.row.need).toBeGreaterThan(0);
  });

  it('no longer when its author has gone, is voided, or sealed two things', () => {
    for (const cause of ['gone', 'voided', 'two seals'] as const) {
      const unit = new Unit();
      unit.commit(A, B);
      unit.assess();
      expect(unit.row.need).toBe(0);
      if (cause === 'gone') unit.gone.set(A, START_MS - goneMs);
      if (cause === 'voided') unit.voided.add(A);
      if (cause === 'two seals') unit.row.evidence.equivocators.add(A);
      unit.assess();
      expect([cause, unit.row.counting, unit.row.need]).toEqual([cause, [B], 1]);
    }
  });

  it('of my own always while it is not revealed, wherever I am', () => {
    const unit = new Unit();
    unit.context = { self: A };
    unit.commit(A, B);
    unit.gone.set(A, START_MS - 60_000);
    unit.assess();
    unit.now = START_MS + 60_000;
    unit.assess();
    expect(unit.row.counting).toContain(A);
  });

  it('not when its reveal opens another seal', () => {
    const unit = new Unit();
    unit.commit(A, B);
    unit.reveal(A, 'root', [B], { seal: digest('another') });
    unit.assess();
    expect(unit.row.counting).toEqual([B]);
  });
});

describe('roots that conflict', () => {
  function disputed(): Unit {
    const unit = new Unit();
    unit.commit(A, B);
    unit.reveal(A, 'one', [B]);
    unit.reveal(B, 'other', [A]);
    unit.row.verdict = { state: 'disputed', wants: 'opening' };
    unit.assess();
    return unit;
  }

  it('want one replica more', () => {
    expect(disputed().row.need).toBe(1);
  });

  it('make room for others when nobody opens them, and sooner when somebody else does', () => {
    for (const opened of [false, true]) {
      const unit = disputed();
      if (opened) unit.row.evidence.openings.set(digest('one'), new Uint8Array(41));
      const patience = overdueMs * (opened ? 1 : 2);
      expect(unit.assess()).toBe(START_MS + patience);
      unit.now = START_MS + patience;
      unit.assess();
      expect(unit.row.counting).toEqual(opened ? [A] : []);
    }
  });

  it('want no third once one is refuted: the liar is void and its place is free', () => {
    const unit = disputed();
    unit.row.refutation = { refuted: new Map([[digest('other'), 3]]), wantsTasks: [] };
    unit.voided.add(B);
    unit.assess();
    expect([unit.row.counting, unit.row.need]).toEqual([[A], 1]);
  });

  it('forget since when they conflict once they no longer do', () => {
    const unit = disputed();
    expect(unit.row.conflictSinceMs).toBe(START_MS);
    unit.row.verdict = { state: 'pending' };
    unit.assess();
    expect(unit.row.conflictSinceMs).toBeUndefined();
  });
});

describe('an author that revealed without listing who is left', () => {
  it('counts while it can still add a Close', () => {
    const unit = new Unit();
    unit.commit(A, B);
    unit.reveal(A, 'root', [C]);
    const until = START_MS + HOLD + 3 * overdueMs;
    unit.assess();
    expect(unit.row.counting).toEqual([A, B]);
    while (unit.now < until) unit.next();
    expect(unit.row.counting).not.toContain(A);
  });

  it('gets that time again when the unit loses the verdict it was part of', () => {
    const unit = new Unit();
    unit.commit(A, B, C);
    unit.reveal(A, 'root', [B]);
    unit.reveal(B, 'root', [A]);
    unit.row.verdict = {
      state: 'agreed',
      root: digest('root'),
      fuel: 1,
      counted: { authors: [A, B], sequential: false },
    };
    unit.assess();
    // Long after everything, B is found to be a liar elsewhere: C, which is committed, must see A as its partner.
    unit.now = START_MS + 100 * overdueMs;
    unit.voided.add(B);
    unit.row.verdict = { state: 'pending' };
    unit.context = { self: C };
    unit.assess();
    expect(unit.row.counting).toEqual([A, C]);
    expect(unit.row.quorumSinceMs).toBeDefined();
    const until = unit.now + HOLD + 3 * overdueMs;
    while (unit.now < until) unit.next();
    expect(unit.row.counting).toEqual([C]);
  });

  it('stops counting at once when it has gone', () => {
    const unit = new Unit();
    unit.commit(A, B);
    unit.reveal(A, 'root', [C]);
    unit.gone.set(A, START_MS - goneMs);
    unit.assess();
    expect(unit.row.counting).toEqual([B]);
  });

  it('counts for good when it listed everybody, gone or not', () => {
    const unit = new Unit();
    unit.commit(A, B);
    unit.reveal(A, 'root', [B]);
    unit.gone.set(A, START_MS - goneMs);
    unit.assess();
    expect(unit.row.counting).toEqual([A, B]);
  });
});
