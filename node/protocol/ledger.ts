/**
 * The bounded, grow-only set of admitted statements. It knows nothing of what they mean: it keeps the bytes, by job,
 * so that they can be handed to peers that join late, and a digest of each job's set, so that two peers can tell at
 * once whether theirs are equal. Whole jobs are dropped, never parts.
 */
import { fromHex, toHex } from './bytes.ts';
import type { Digest, JobId, StatementId } from './ids.ts';
import { STATEMENTS_BYTES_MAX, STATEMENTS_MAX } from './limits.ts';

interface JobSet {
  readonly statements: Map<StatementId, Uint8Array>;
  /** XOR of all ids. Good enough to notice a difference; a forged collision only delays an exchange. */
  readonly digest: Uint8Array;
}

export class Ledger {
  readonly #jobs = new Map<JobId, JobSet>();
  #size = 0;
  #bytes = 0;

  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size >= STATEMENTS_MAX || this.#bytes >= STATEMENTS_BYTES_MAX;
  }

  has(job: JobId, id: StatementId): boolean {
    return this.#jobs.get(job)?.statements.has(id) === true;
  }

  /** False when it is there already or the ledger is full. */
  add(job: JobId, id: StatementId, bytes: Uint8Array): boolean {
    let set = this.#jobs.get(job);
    if (set?.statements.has(id) === true || this.isFull) return false;
    if (set === undefined) {
      set = { statements: new Map(), digest: new Uint8Array(32) };
      this.#jobs.set(job, set);
    }
    set.statements.set(id, bytes);
    fromHex(id).forEach((byte, i) => {
      set.digest[i] = set.digest[i]! ^ byte;
    });
    this.#size++;
    this.#bytes += bytes.length;
    return true;
  }

  bytesOf(job: JobId, id: StatementId): Uint8Array | undefined {
    return this.#jobs.get(job)?.statements.get(id);
  }

  idsOf(job: JobId): readonly StatementId[] {
    return [...(this.#jobs.get(job)?.statements.keys() ?? [])];
  }

  count(job: JobId): number {
    return this.#jobs.get(job)?.statements.size ?? 0;
  }

  digest(job: JobId): Digest {
    return toHex(this.#jobs.get(job)?.digest ?? new Uint8Array(32)) as Digest;
  }

  dropJob(job: JobId): void {
    this.#size -= this.count(job);
    for (const bytes of this.#jobs.get(job)?.statements.values() ?? []) this.#bytes -= bytes.length;
    this.#jobs.delete(job);
  }
}
