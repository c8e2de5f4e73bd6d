/**
 * What the roles of a peer share: its key and parameters, the tables, the outbox, the agenda. Built once by `peer.ts`
 * and handed down; no role reaches for another role's state.
 */

import type { Source } from './admission.ts';
import type { Effect } from './effect.ts';
import type { Digest, JobId, Millis, PeerKey, Ticket, UnitIndex } from './ids.ts';
import type { Ledger } from './ledger.ts';
import type { Outbox } from './outbox.ts';
import type { Parameters } from './parameters.ts';
import type { Peers } from './peers.ts';
import type { Envelope } from './wire/envelope.ts';
import type { Body } from './wire/statement.ts';
import type { Agenda } from './work/agenda.ts';
import type { JobBoard } from './work/board.ts';

export interface Core {
  readonly self: PeerKey;
  readonly saltSecret: Uint8Array;
  readonly parameters: Parameters;
  readonly peers: Peers;
  readonly ledger: Ledger;
  readonly boards: Map<JobId, JobBoard>;
  readonly agenda: Agenda;
  readonly tickets: Tickets;
  readonly outbox: Outbox;
  /** Uniform in [0, 1): jitter only. */
  readonly random: () => number;
  holdMs(): Millis;
}

/** Why an effect was asked for, so that its completion finds the way back. */
export type Purpose =
  | { readonly for: 'signature'; readonly body: Body; readonly signed: Uint8Array }
  | {
      readonly for: 'verification';
      readonly envelope: Envelope;
      readonly source: Source;
      readonly token: Ticket | undefined;
    }
  | { readonly for: 'job-inputs'; readonly job: JobId }
  | { readonly for: 'job-index'; readonly job: JobId }
  | { readonly for: 'unit-input'; readonly job: JobId; readonly unit: UnitIndex }
  | { readonly for: 'execution'; readonly job: JobId; readonly unit: UnitIndex }
  | { readonly for: 'leaves'; readonly job: JobId; readonly unit: UnitIndex }
  | { readonly for: 're-execution-input'; readonly job: JobId; readonly unit: UnitIndex; readonly task: number }
  | { readonly for: 're-execution'; readonly job: JobId; readonly unit: UnitIndex; readonly task: number }
  | { readonly for: 'result'; readonly job: JobId; readonly unit: UnitIndex; readonly root: Digest }
  | { readonly for: 'result-block'; readonly job: JobId; readonly unit: UnitIndex; readonly root: Digest };

export class Tickets {
  readonly #purposes = new Map<Ticket, Purpose>();
  #next = 1;

  get size(): number {
    return this.#purposes.size;
  }

  open(purpose: Purpose): Ticket {
    const ticket = this.#next++;
    this.#purposes.set(ticket, purpose);
    return ticket;
  }

  /** The purpose, once. A completion that nobody waits for any more finds nothing. */
  take(ticket: Ticket): Purpose | undefined {
    const purpose = this.#purposes.get(ticket);
    this.#purposes.delete(ticket);
    return purpose;
  }

  drop(ticket: Ticket): void {
    this.#purposes.delete(ticket);
  }

  count(purpose: Purpose['for']): number {
    let count = 0;
    for (const pending of this.#purposes.values()) if (pending.for === purpose) count++;
    return count;
  }
}

export type WriteList = Extract<Effect, { type: 'persist' }>['writes'];
