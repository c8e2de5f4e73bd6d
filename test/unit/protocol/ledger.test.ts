/** The ledger is bounded by number and by bytes, and gives room back when a job is dropped. */
import { describe, expect, it } from 'vitest';
import type { JobId, StatementId } from '../../../node/protocol/ids.ts';
import { Ledger } from '../../../node/protocol/ledger.ts';
import { STATEMENT_BYTES_MAX, STATEMENTS_BYTES_MAX } from '../../../node/protocol/limits.ts';

const id = (n: number) => n.toString(16).padStart(64, '0');

describe('the ledger', () => {
  it('takes no more than its bytes, and takes again once a job is dropped', () => {
    const ledger = new Ledger();
    const [job, other] = [id(1) as JobId, id(2) as JobId];
    // One buffer for all: what counts is what they would weigh.
    const bytes = new Uint8Array(STATEMENT_BYTES_MAX);
    let taken = 0;
    while (ledger.add(job, id(taken) as StatementId, bytes)) taken++;
    expect(taken).toBe(Math.ceil(STATEMENTS_BYTES_MAX / STATEMENT_BYTES_MAX));
    expect(ledger.isFull).toBe(true);
    expect(ledger.add(other, id(7) as StatementId, new Uint8Array(1))).toBe(false);
    ledger.dropJob(job);
    expect(ledger.isFull).toBe(false);
    expect(ledger.size).toBe(0);
    expect(ledger.add(other, id(7) as StatementId, bytes)).toBe(true);
  });

  it('has equal digests for equal sets, in whatever order they came', () => {
    const [a, b] = [new Ledger(), new Ledger()];
    const job = id(1) as JobId;
    const ids = [3, 1, 4, 15, 9].map((n) => id(n) as StatementId);
    for (const statement of ids) a.add(job, statement, new Uint8Array(1));
    for (const statement of [...ids].reverse()) b.add(job, statement, new Uint8Array(1));
    expect(a.digest(job)).toBe(b.digest(job));
    b.add(job, id(2) as StatementId, new Uint8Array(1));
    expect(a.digest(job)).not.toBe(b.digest(job));
  });
});
