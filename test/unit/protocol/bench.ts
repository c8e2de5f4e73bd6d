/**
 * One peer on a workbench: the state machine with hand-made surroundings, all in one thread and without promises.
 * Effects are performed at once and their completions handed back as events, except those a test holds. What went in
 * and what came out is recorded, so that a test can look at it or play it again.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { asciiBytes, equalBytes } from '../../../node/protocol/bytes.ts';
import type { Effect, Execution, ExecutionRequest } from '../../../node/protocol/effect.ts';
import type { Event } from '../../../node/protocol/event.ts';
import type { Cid, JobId, PeerKey, Ticket } from '../../../node/protocol/ids.ts';
import type { PeerStateMachine } from '../../../node/protocol/machine.ts';
import type { Notification } from '../../../node/protocol/notification.ts';
import type { Parameters } from '../../../node/protocol/parameters.ts';
import { createPeer } from '../../../node/protocol/peer.ts';
import { leafAt, merkleRoot, totalFuel } from '../../../node/protocol/trust/commitment.ts';
import { decodeEnvelope, type Envelope } from '../../../node/protocol/wire/envelope.ts';
import type { Body, BodyOf, StatementKind } from '../../../node/protocol/wire/statement.ts';
import {
  announce,
  envelope,
  idOf,
  key,
  leavesOf,
  type ModelJob,
  modelSignature,
  outputBlock,
  PARAMETERS,
  randomFrom,
  START_MS,
} from './fixtures.ts';

type Held = 'sign' | 'verify' | 'execute' | 'fetch-blocks' | 'read-block';

export interface BenchOptions {
  readonly self: PeerKey;
  readonly cores: number;
  readonly parameters: Parameters;
  readonly seed: number;
  readonly records: ReadonlyMap<string, Uint8Array>;
  readonly blocks: ReadonlyMap<Cid, Uint8Array>;
  /** Starts the peer at once; false leaves it to the test. */
  readonly start: boolean;
  readonly startMs: number;
}

export interface Step {
  readonly event: Event;
  readonly now: number;
  readonly effects: readonly Effect[];
}

export class Bench {
  readonly self: PeerKey;
  readonly peer: PeerStateMachine;
  readonly parameters: Parameters;
  readonly steps: Step[] = [];
  readonly effects: Effect[] = [];
  readonly records: Map<string, Uint8Array>;
  readonly blocks: Map<Cid, Uint8Array>;
  /** Completions of these are left to the test. */
  readonly held = new Set<Held>();
  /** Units (or `unit/task`) in which this peer's executor lies, and at which tasks. */
  readonly lies: Record<number, Record<number, string>> = {};
  now: number;
  readonly #inbox: Event[] = [];
  #token = 1;

  constructor(options: Partial<BenchOptions> = {}) {
    this.self = options.self ?? key('self');
    this.parameters = options.parameters ?? PARAMETERS;
    this.now = options.startMs ?? START_MS;
    this.records = new Map(options.records ?? []);
    this.blocks = new Map(options.blocks ?? []);
    this.peer = createPeer({
      self: this.self,
      saltSecret: sha256(asciiBytes(`secret ${this.self}`)),
      parameters: this.parameters,
      cores: options.cores ?? 0,
      addresses: ['/memory/self'],
      agent: 'shoal/test',
      random: randomFrom(options.seed ?? 1),
    });
    if (options.start ?? true) this.start();
  }

  start(): void {
    const records = [...this.records]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => ({ key: name, value }));
    this.handle({ type: 'started', records });
  }

  /** Sizes of everything that grows: on the class, not in the interface. */
  sizes(): Readonly<Record<string, number>> {
    return (this.peer as PeerStateMachine & { sizes(): Readonly<Record<string, number>> }).sizes();
  }

  /** Hands in one event, then every completion that follows from it. Returns the effects of all of them. */
  handle(event: Event): readonly Effect[] {
    const from = this.effects.length;
    this.#inbox.push(event);
    for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
      const effects = this.peer.handle(next, this.now);
      this.steps.push({ event: next, now: this.now, effects });
      this.effects.push(...effects);
      for (const effect of effects) this.#perform(effect);
    }
    return this.effects.slice(from);
  }

  /** Moves time on, waking the peer whenever it asks for it; with `lateMs` each time so much too late. */
  advance(durationMs: number, lateMs: () => number = () => 0): void {
    const end = this.now + durationMs;
    for (let wakes = 0; ; wakes++) {
      if (wakes > 100_000) throw new Error('the peer never stops asking to be woken');
      const deadline = this.peer.nextDeadline();
      if (deadline === undefined || deadline > end) break;
      this.now = Math.min(end, Math.max(this.now, deadline) + lateMs());
      this.handle({ type: 'woke' });
    }
    this.now = end;
  }

  connect(peer: PeerKey): readonly Effect[] {
    return this.handle({ type: 'peer-connected', peer, address: `/memory/${peer.slice(0, 8)}`, agent: 'shoal/test' });
  }

  /** A statement comes by gossip, forwarded by its author unless said otherwise. Returns gossip's answer. */
  gossip(author: PeerKey, body: Body, source: PeerKey = author): 'accept' | 'ignore' | 'reject' | undefined {
    return this.gossipBytes(envelope(author, body, this.parameters.network).bytes, source);
  }

  gossipBytes(bytes: Uint8Array, source: PeerKey): 'accept' | 'ignore' | 'reject' | undefined {
    const token = this.#token++;
    const effects = this.handle({ type: 'message-received', token, source, bytes });
    return effects.flatMap((effect) => (effect.type === 'answer' && effect.token === token ? [effect.answer] : []))[0];
  }

  /** Another peer exists and offers cores. */
  introduce(peer: PeerKey, cores = 1): void {
    this.connect(peer);
    this.gossip(peer, { kind: 'identity', issuedAtMs: this.now, cores, agent: 'shoal/test', addresses: [] });
  }

  /** A job of somebody else is announced; its blocks can be fetched. */
  announce(submitter: PeerKey, job: ModelJob): JobId {
    for (const [cid, bytes] of job.blocks) this.blocks.set(cid, bytes);
    const body = announce(job);
    this.gossip(submitter, body);
    return idOf(submitter, body) as string as JobId;
  }

  /** Own job; undefined when it is refused. */
  submit(job: ModelJob, ticket: Ticket = 1_000_000): JobId | undefined {
    for (const [cid, bytes] of job.blocks) this.blocks.set(cid, bytes);
    const { rosterNonce: _, pacePerSecond: __, announcedAtMs: ___, ...request } = job.spec;
    this.handle({ type: 'job-submitted', ticket, request, unitInputs: job.unitInputs });
    return this.notified('job-accepted').find((accepted) => accepted.ticket === ticket)?.job;
  }

  notified<T extends Notification['type']>(type: T): readonly Extract<Notification, { type: T }>[] {
    return this.effects.flatMap((effect) =>
      effect.type === 'notify' && effect.notification.type === type
        ? [effect.notification as Extract<Notification, { type: T }>]
        : [],
    );
  }

  effectsOf<T extends Effect['type']>(type: T): readonly Extract<Effect, { type: T }>[] {
    return this.effects.filter((effect) => effect.type === type) as Extract<Effect, { type: T }>[];
  }

  /** Everything this peer published, in order. */
  get published(): readonly Envelope[] {
    return this.effectsOf('publish').map(({ bytes }) => decodeEnvelope(bytes, this.parameters.network));
  }

  publishedOf<K extends StatementKind>(kind: K): readonly BodyOf<K>[] {
    return this.published.flatMap(({ body }) => (body.kind === kind ? [body as unknown as BodyOf<K>] : []));
  }

  /** The run of a unit, as this peer's executor makes it. */
  execution(request: ExecutionRequest): Execution {
    const { unit, task, taskCount } = request;
    const lies = this.lies[unit] ?? {};
    const leaves = leavesOf(unit, taskCount, lies);
    if (task !== undefined) {
      // A re-execution is honest here: liars lie in what they publish.
      const leaf = leafAt(leavesOf(unit, taskCount), task);
      return { leaves: leaf, merkleRoot: '' as never, fuel: totalFuel(leaf), output: undefined, wallClockMs: 1 };
    }
    const output = outputBlock(unit, taskCount, lies);
    return { leaves, merkleRoot: merkleRoot(leaves), fuel: totalFuel(leaves), output, wallClockMs: 1 };
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'sign':
        if (this.held.has('sign')) return;
        return this.#later({
          type: 'signed',
          ticket: effect.ticket,
          signature: modelSignature(this.self, effect.bytes),
        });
      case 'verify': {
        if (this.held.has('verify')) return;
        const valid = equalBytes(effect.signature, modelSignature(effect.author, effect.bytes));
        return this.#later({ type: 'verified', ticket: effect.ticket, valid });
      }
      case 'persist':
        for (const { key: name, value } of effect.writes) {
          if (value === undefined) this.records.delete(name);
          else this.records.set(name, value);
        }
        return;
      case 'put-block':
        this.blocks.set(effect.cid, effect.bytes);
        return;
      case 'read-block':
        if (this.held.has('read-block')) return;
        return this.#later({ type: 'block-read', ticket: effect.ticket, bytes: this.blocks.get(effect.cid) });
      case 'fetch-blocks': {
        if (this.held.has('fetch-blocks')) return;
        const missing = effect.cids.filter((cid) => !this.blocks.has(cid));
        const { ticket, providers } = effect;
        return this.#later(
          missing.length === 0
            ? { type: 'blocks-fetched', ticket }
            : { type: 'blocks-unavailable', ticket, missing, asked: providers },
        );
      }
      case 'execute':
        if (this.held.has('execute')) return;
        return this.#later({ type: 'executed', ticket: effect.ticket, execution: this.execution(effect.request) });
      default:
    }
  }

  #later(event: Event): void {
    this.#inbox.push(event);
  }
}
