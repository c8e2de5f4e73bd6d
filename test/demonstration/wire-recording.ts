/** Reads what a recorder wrote: who attested how often, and above all who said two different things in one slot. */
import { readFile } from 'node:fs/promises';
import { decode } from '@ipld/dag-cbor';
import { fromHex } from '../../node/protocol/bytes.ts';
import type { PeerKey } from '../../node/protocol/ids.ts';
import { type Equivocation, type RecordedStatement, WireRecord } from '../simulator/wire-record.ts';

export interface WireReport {
  readonly messages: number;
  /** Two seals, or two reveals, of one author for one unit of a job. */
  readonly equivocations: readonly Equivocation[];
  /** Commits heard, by author. */
  readonly commits: ReadonlyMap<PeerKey, number>;
  /** Each once, in the order in which they were heard. */
  readonly statements: readonly RecordedStatement[];
}

/** `network` is the name inside what was signed: that of the peers' parameters. */
export async function readRecording(path: string, network: string): Promise<WireReport> {
  return reportOf((await readFile(path, 'utf8')).split('\n').slice(0, -1), network);
}

export function reportOf(lines: readonly string[], network: string): WireReport {
  const record = new WireRecord(network);
  const equivocations: Equivocation[] = [];
  record.onEquivocation = (found) => equivocations.push(found);
  for (const line of lines) {
    const [how, hex = ''] = line.split(' ');
    const bytes = fromHex(hex);
    for (const envelope of how === 'gossip' ? [bytes] : envelopesIn(bytes)) record.note(envelope, 0);
  }
  const commits = new Map<PeerKey, number>();
  for (const { author, body } of record.statements) {
    if (body.kind === 'commit') commits.set(author, (commits.get(author) ?? 0) + body.entries.length);
  }
  return { messages: lines.length, equivocations, commits, statements: record.statements };
}

/** Statements inside a message of the have/want exchange, `[kind, { envelopes, … }]`. */
function envelopesIn(message: Uint8Array): readonly Uint8Array[] {
  const [, content] = decode<[string, { envelopes?: readonly Uint8Array[] }]>(message);
  return content.envelopes ?? [];
}
