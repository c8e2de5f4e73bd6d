/**
 * A recorder on the wire: every statement that any peer published, once, with time and sender. Scenarios read the
 * story off it, the checkers look for two seals in one slot, and adversaries use it as their ears.
 */
import type { Digest, JobId, PeerKey, UnitIndex } from '../../node/protocol/ids.ts';
import { rootOf } from '../../node/protocol/trust/commitment.ts';
import { decodeEnvelope } from '../../node/protocol/wire/envelope.ts';
import { WireError } from '../../node/protocol/wire/schema.ts';
import type { Body, BodyOf, StatementKind } from '../../node/protocol/wire/statement.ts';

export interface RecordedStatement {
  /** Milliseconds since the start of the world, as everywhere in the simulator's records. */
  readonly atMs: number;
  readonly author: PeerKey;
  readonly body: Body;
}

export interface RecordedAttestation {
  readonly atMs: number;
  readonly author: PeerKey;
  /** Seal of a commit, root of a reveal. */
  readonly value: Digest;
}

export interface Equivocation {
  readonly kind: 'commit' | 'reveal';
  readonly author: PeerKey;
  readonly job: JobId;
  readonly unit: UnitIndex;
}

export class WireRecord {
  readonly statements: RecordedStatement[] = [];
  readonly counts: Partial<Record<StatementKind | 'undecodable', number>> = {};
  onEquivocation: (found: Equivocation) => void = () => undefined;
  readonly #network: string;
  readonly #seen = new Set<string>();
  readonly #commits = new Map<string, RecordedAttestation[]>();
  readonly #reveals = new Map<string, RecordedAttestation[]>();

  constructor(network: string) {
    this.#network = network;
  }

  note(bytes: Uint8Array, atMs: number): void {
    let envelope: ReturnType<typeof decodeEnvelope>;
    try {
      envelope = decodeEnvelope(bytes, this.#network);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.counts.undecodable = (this.counts.undecodable ?? 0) + 1;
      return;
    }
    if (this.#seen.has(envelope.id)) return;
    this.#seen.add(envelope.id);
    const { author, body } = envelope;
    this.counts[body.kind] = (this.counts[body.kind] ?? 0) + 1;
    this.statements.push({ atMs, author, body });
    if (body.kind === 'commit') {
      for (const { unit, seal } of body.entries) this.#attest('commit', author, body.job, unit, seal, atMs);
    } else if (body.kind === 'reveal') {
      for (const { unit, merkle, fuel } of body.entries) {
        this.#attest('reveal', author, body.job, unit, rootOf(merkle, fuel), atMs);
      }
    }
  }

  /** In order of publication. */
  commits(job: JobId, unit: UnitIndex): readonly RecordedAttestation[] {
    return this.#commits.get(`${job} ${unit}`) ?? [];
  }

  reveals(job: JobId, unit: UnitIndex): readonly RecordedAttestation[] {
    return this.#reveals.get(`${job} ${unit}`) ?? [];
  }

  ofKind<K extends StatementKind>(kind: K): readonly { atMs: number; author: PeerKey; body: BodyOf<K> }[] {
    return this.statements.filter(({ body }) => body.kind === kind) as unknown as readonly {
      atMs: number;
      author: PeerKey;
      body: BodyOf<K>;
    }[];
  }

  #attest(kind: 'commit' | 'reveal', author: PeerKey, job: JobId, unit: UnitIndex, value: Digest, atMs: number): void {
    const table = kind === 'commit' ? this.#commits : this.#reveals;
    const key = `${job} ${unit}`;
    const known = table.get(key) ?? [];
    if (known.some((other) => other.author === author && other.value !== value)) {
      this.onEquivocation({ kind, author, job, unit });
    }
    if (known.some((other) => other.author === author && other.value === value)) return;
    known.push({ atMs, author, value });
    table.set(key, known);
  }
}
