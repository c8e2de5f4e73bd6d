/**
 * Peers that cheat. Each is the honest composition with as little as possible put around it, so that it is as hard to
 * tell from an honest peer as a real one would be: it claims, commits and holds by the real rules, and lies about
 * the one thing it lies about.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { asciiBytes, fromHex, toHex } from '../../node/protocol/bytes.ts';
import type { Effect, Execution } from '../../node/protocol/effect.ts';
import type { Digest } from '../../node/protocol/ids.ts';
import type { PeerStateMachine } from '../../node/protocol/machine.ts';
import { LEAF_BYTES } from '../../node/protocol/trust/commitment.ts';
import { decodeUnitOutput } from '../../node/protocol/wire/block.ts';
import { decodeEnvelope, encodeBody, sealEnvelope, signedBytes } from '../../node/protocol/wire/envelope.ts';
import type { Body, BodyOf } from '../../node/protocol/wire/statement.ts';
import type { ExecutionOutcome, Executor } from '../../node/runtime/environment.ts';
import type { Behaviour, BehaviourContext } from './behaviour.ts';
import { hashText } from './hash.ts';
import { executionOf, leafCount } from './kernel.ts';

/** How often a copier looks for something to copy, and how long it waits before it lets go and tries again. */
const COPIER_POLL_MS = 50;
const COPIER_PATIENCE_MS = 8_000;

/** Wrong in one task of its units, in a way of its own: no two such liars agree. `share` of its units are wrong. */
export function independentLiar(share = 1): Behaviour {
  return {
    name: 'liar',
    honest: false,
    executor: (inner, context) =>
      withResult(inner, (execution, unit) =>
        drawFrom(`${context.self} ${unit}`) < share ? falsified(execution, context.self) : execution,
      ),
  };
}

/** All members of a group agree on which units to falsify, and how. */
export function colludingLiar(group = 'gang', share = 1): Behaviour {
  return {
    name: `colluder of ${group}`,
    honest: false,
    executor: (inner) =>
      withResult(inner, (execution, unit) =>
        drawFrom(`${group} ${unit}`) < share ? falsified(execution, group) : execution,
      ),
  };
}

/** Wrong at one given task; for scenarios that need to know where. */
export function liarAt(task: number): Behaviour {
  return {
    name: `liar at task ${task}`,
    honest: false,
    executor: (inner, { self }) => withResult(inner, (execution) => falsified(execution, self, task)),
  };
}

/** Commits and never reveals, to hold up whoever counted on it. */
export function withholder(): Behaviour {
  return {
    name: 'withholder',
    honest: false,
    servesBlocks: false,
    machine: (inner, context) => new Silenced(inner, context, ['reveal', 'close', 'opening']),
  };
}

/** Lies, and never opens its root: its leaves and outputs cannot be had from anybody. */
export function junkRevealer(): Behaviour {
  return {
    name: 'junk revealer',
    honest: false,
    servesBlocks: false,
    executor: (inner, { self }) => withResult(inner, (execution) => falsified(execution, self)),
    machine: (inner, context) => new Silenced(inner, context, ['opening']),
  };
}

/** Signs a second seal for every slot it seals. */
export function equivocator(): Behaviour {
  return {
    name: 'equivocator',
    honest: false,
    machine: (inner, context) => new TwoFaced(inner, context),
  };
}

/** Computes nothing: waits until somebody reveals, and commits to the same. It claims nothing, so that others work. */
export function lazyCopier(): Behaviour {
  return {
    name: 'copier',
    honest: false,
    computes: false,
    executor: (inner, context) => new Copier(inner, context),
    machine: (inner, context) => new Silenced(inner, context, ['claim']),
  };
}

/** Claims what it can, renews its leases for ever, and computes nothing: it wants the units to stay undone. */
export function squatter(): Behaviour {
  return {
    name: 'squatter',
    honest: false,
    computes: false,
    executor: (inner) => ({
      execute: (...args) => {
        if (args[1].task !== undefined) inner.execute(...args);
      },
      cancel: () => undefined,
      close: () => inner.close(),
    }),
  };
}

/** Changes what whole units give; single re-executed tasks stay as they are. */
function withResult(inner: Executor, change: (execution: Execution, unit: number) => Execution): Executor {
  return {
    execute: (ticket, request, done) =>
      inner.execute(ticket, request, (outcome) => {
        const cheats = outcome.ok && request.task === undefined;
        done(cheats ? { ok: true, execution: change(outcome.execution, request.unit) } : outcome);
      }),
    cancel: (ticket) => inner.cancel(ticket),
    close: () => inner.close(),
  };
}

/** Another output in one task. The output block fits the false leaves: this liar can open its root. */
function falsified(execution: Execution, author: string, task?: number): Execution {
  const { outputs } = decodeUnitOutput(execution.output!.bytes);
  const index = task ?? Math.floor(drawFrom(`${author} ${execution.merkleRoot}`) * leafCount(execution.leaves));
  const output = sha256(asciiBytes(`false by ${author}`)).slice(0, 16);
  const leaves = execution.leaves.slice();
  leaves.set(sha256(output), index * LEAF_BYTES + 9);
  return executionOf(leaves, outputs.with(index, output), execution.wallClockMs);
}

function drawFrom(text: string): number {
  return hashText(text)[0]! / 4_294_967_296;
}

abstract class Wrapped implements PeerStateMachine {
  protected readonly inner: PeerStateMachine;
  protected readonly context: BehaviourContext;

  constructor(inner: PeerStateMachine, context: BehaviourContext) {
    this.inner = inner;
    this.context = context;
  }

  get self() {
    return this.inner.self;
  }

  abstract handle(...args: Parameters<PeerStateMachine['handle']>): readonly Effect[];

  nextDeadline() {
    return this.inner.nextDeadline();
  }

  view(now: number) {
    return this.inner.view(now);
  }

  jobView(...args: Parameters<PeerStateMachine['jobView']>) {
    return this.inner.jobView(...args);
  }

  /** The body, when the envelope is one of ours. */
  protected own(bytes: Uint8Array): Body | undefined {
    const { author, body } = decodeEnvelope(bytes, this.context.network);
    return author === this.self ? body : undefined;
  }
}

/** Keeps own statements of some kinds to itself, on gossip and in the exchange. */
class Silenced extends Wrapped {
  readonly #kinds: readonly Body['kind'][];
  readonly #secrets: Uint8Array[] = [];

  constructor(inner: PeerStateMachine, context: BehaviourContext, kinds: readonly Body['kind'][]) {
    super(inner, context);
    this.#kinds = kinds;
  }

  handle(...args: Parameters<PeerStateMachine['handle']>): readonly Effect[] {
    return this.inner.handle(...args).filter((effect) => {
      if (effect.type === 'send') return !this.#secrets.some((secret) => contains(effect.bytes, secret));
      if (effect.type !== 'publish') return true;
      const body = this.own(effect.bytes);
      if (body === undefined || !this.#kinds.includes(body.kind)) return true;
      this.#secrets.push(effect.bytes);
      return false;
    });
  }
}

class TwoFaced extends Wrapped {
  handle(...args: Parameters<PeerStateMachine['handle']>): readonly Effect[] {
    const effects = this.inner.handle(...args);
    for (const effect of effects) {
      const body = effect.type === 'publish' ? this.own(effect.bytes) : undefined;
      if (body?.kind === 'commit') void this.#sealAgain(body);
    }
    return effects;
  }

  async #sealAgain(body: BodyOf<'commit'>): Promise<void> {
    const { network, identity, publish, clock } = this.context;
    const entries = body.entries.map(({ unit, seal }) => ({ unit, seal: toHex(sha256(fromHex(seal))) as Digest }));
    const second = { ...body, entries };
    const signed = signedBytes(network, this.self, encodeBody(second));
    const signature = await identity.sign(signed);
    const { bytes } = sealEnvelope(this.self, second, signed, signature);
    clock.after(20, () => publish(bytes));
  }
}

class Copier implements Executor {
  readonly #inner: Executor;
  readonly #context: BehaviourContext;
  readonly #cancelled = new Set<number>();

  constructor(inner: Executor, context: BehaviourContext) {
    this.#inner = inner;
    this.#context = context;
  }

  execute(...args: Parameters<Executor['execute']>): void {
    const [ticket, request, done] = args;
    if (request.task !== undefined) return this.#inner.execute(...args);
    const { clock, wire, known, self } = this.#context;
    const giveUpAt = clock.now() + Math.min(COPIER_PATIENCE_MS, request.wallClockMaxMs);
    const nothing: ExecutionOutcome = { ok: false, code: 'cancelled', detail: 'nothing to copy' };
    const look = (): void => {
      if (this.#cancelled.delete(ticket)) return done(nothing);
      const reveal = wire.reveals(request.job, request.unit).find(({ author }) => author !== self);
      const copied = reveal === undefined ? undefined : known.get(reveal.value);
      if (copied !== undefined) return done({ ok: true, execution: copied });
      if (clock.now() >= giveUpAt) return done(nothing);
      clock.after(COPIER_POLL_MS, look);
    };
    clock.after(COPIER_POLL_MS, look);
  }

  cancel(ticket: number): void {
    this.#cancelled.add(ticket);
    this.#inner.cancel(ticket);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/** Whether a statement travels inside another message. Signatures are unlike anything else, so the tail will do. */
function contains(message: Uint8Array, envelope: Uint8Array): boolean {
  return Buffer.from(message).includes(Buffer.from(envelope.subarray(envelope.length - 64)));
}
