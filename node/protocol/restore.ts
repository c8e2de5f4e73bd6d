/**
 * Reads back what earlier runs persisted, and puts it into an order in which each statement finds what it builds on.
 * Records were written by this very program; a damaged one is left out, and comes back by exchange.
 */
import type { JobId, UnitIndex } from './ids.ts';
import { decodeEnvelope, type Envelope } from './wire/envelope.ts';
import { WireError } from './wire/schema.ts';
import { decodeReplicaResult, type ReplicaResult } from './work/replica.ts';
import { decodeResult, type UnitResult } from './work/result.ts';

export interface Restored {
  readonly envelopes: readonly Envelope[];
  readonly results: ReadonlyMap<JobId, ReadonlyMap<UnitIndex, UnitResult>>;
  readonly replicas: ReadonlyMap<JobId, ReadonlyMap<UnitIndex, ReplicaResult>>;
}

const ORDER: readonly Envelope['body']['kind'][] = [
  'job-announce',
  'roster-append',
  'commit',
  'reveal',
  'close',
  'opening',
  'wrong-leaf',
  'two-statements',
  'satisfied',
  'raise',
  'cancel',
];

export function readRecords(
  records: readonly { readonly key: string; readonly value: Uint8Array }[],
  network: string,
): Restored {
  const results = new Map<JobId, Map<UnitIndex, UnitResult>>();
  const replicas = new Map<JobId, Map<UnitIndex, ReplicaResult>>();
  const envelopes: Envelope[] = [];
  for (const { key, value } of records) {
    const [kind, job, unit] = key.split('/') as [string, JobId, string];
    try {
      if (kind === 'statement') envelopes.push(decodeEnvelope(value, network));
      else if (kind === 'replica') entryOf(replicas, job).set(Number(unit), decodeReplicaResult(value));
      else if (kind === 'result') entryOf(results, job).set(Number(unit), decodeResult(value));
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
    }
  }
  const place = ({ body }: Envelope) => ORDER.indexOf(body.kind);
  envelopes.sort((a, b) => place(a) - place(b) || (a.id < b.id ? -1 : 1));
  return { envelopes, results, replicas };
}

function entryOf<K, T>(map: Map<K, Map<UnitIndex, T>>, key: K): Map<UnitIndex, T> {
  let entry = map.get(key);
  if (entry === undefined) {
    entry = new Map();
    map.set(key, entry);
  }
  return entry;
}
