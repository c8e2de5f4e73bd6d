/**
 * The only place where effects become calls and callbacks become events. One bounded inbox makes the order; one
 * timer is armed for the state machine's next deadline; effects behind a write wait until that write is done.
 *
 * Writes of several steps are grouped into one batch and finish in order. A step without a write does not wait for
 * another step's: every statement of our own is persisted in the very step that publishes it, so nothing can leave
 * before what it depends on. A failed write is tried again until it succeeds, with everything behind it waiting:
 * a peer with a full disk sends nothing it could later contradict.
 */
import type { Effect, ExecutionRequest, PersistEffect, PutBlockEffect, VerifyEffect } from '../protocol/effect.ts';
import type { Event } from '../protocol/event.ts';
import type { JobId, Millis, Ticket, UnitIndex } from '../protocol/ids.ts';
import type { PeerStateMachine } from '../protocol/machine.ts';
import type { Notification } from '../protocol/notification.ts';
import type { JobView, PeerView, ReplicaRow, RunProgress } from '../protocol/view.ts';
import { type Environment, StorageError } from './environment.ts';
import type { Logger } from './log.ts';

/** Events waiting for the state machine. Beyond it, gossip is ignored and direct messages are dropped; completions never are. */
const INBOX_MAX = 16_384;
/** Events handled before other work of the process gets its turn. */
const EVENTS_PER_TURN = 128;
/** First and longest wait before a failed write is tried again. */
const WRITE_RETRY_FIRST_MS = 200;
const WRITE_RETRY_MAX_MS = 10_000;

export interface Driver {
  /** Loads what was persisted, starts the transport, and hands the state machine its first event. */
  start(): Promise<void>;
  /** Says goodbye, flushes writes, closes transport, executor and store. */
  stop(): Promise<void>;
  dispatch(event: Event): void;
  subscribe(listener: (notification: Notification) => void): () => void;
  view(): PeerView;
  jobView(job: JobId): JobView | undefined;
}

export interface DriverComponents {
  readonly peer: PeerStateMachine;
  readonly environment: Environment;
  readonly logger: Logger;
}

type WriteEffect = PersistEffect | PutBlockEffect;

interface PendingWrite {
  readonly effect: WriteEffect;
  readonly behind: readonly Effect[];
}

export function createDriver(components: DriverComponents): Driver {
  return new PeerDriver(components);
}

class PeerDriver implements Driver {
  readonly #peer: PeerStateMachine;
  readonly #environment: Environment;
  readonly #logger: Logger;
  readonly #listeners = new Set<(notification: Notification) => void>();
  #inbox: Event[] = [];
  #drainScheduled = false;
  #cancelTimer: (() => void) | undefined;
  #armedFor: Millis | undefined;
  #verifications: VerifyEffect[] = [];
  #writes: PendingWrite[] = [];
  #writing: Promise<void> | undefined;
  #stopped = false;
  /** Of runs under way. */
  readonly #runs = new Map<Ticket, { readonly request: ExecutionRequest; progress: RunProgress | undefined }>();

  constructor({ peer, environment, logger }: DriverComponents) {
    this.#peer = peer;
    this.#environment = environment;
    this.#logger = logger;
  }

  async start(): Promise<void> {
    const records = await this.#environment.store.load();
    const kept = await this.#keptWork();
    this.dispatch({ type: 'started', records });
    if (kept.length > 0) this.dispatch({ type: 'work-kept', units: kept });
    await this.#environment.transport.start({
      connected: (peer, address, agent) => this.dispatch({ type: 'peer-connected', peer, address, agent }),
      disconnected: (peer) => this.dispatch({ type: 'peer-disconnected', peer }),
      incompatible: (peer, address, agent, detail) =>
        this.dispatch({ type: 'peer-incompatible', peer, address, agent, detail }),
      dialFailed: (address, code, detail) => this.dispatch({ type: 'dial-failed', address, code, detail }),
      roundTrip: (peer, roundTripMs) => this.dispatch({ type: 'link-measured', peer, roundTripMs }),
      gossip: (token, source, bytes) => this.dispatch({ type: 'message-received', token, source, bytes }),
      direct: (peer, bytes) => this.dispatch({ type: 'direct-received', peer, bytes }),
    });
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.dispatch({ type: 'stopping' });
    // Signing the goodbye takes a turn of its own: let it come back and go out.
    await new Promise<void>((resolve) => this.#environment.clock.schedule(this.#environment.clock.now() + 50, resolve));
    this.#stopped = true;
    this.#cancelTimer?.();
    await this.#environment.executor.close();
    // What the goodbye published stands behind its write: a slow disk must not let it run into a closed transport.
    await this.#writing;
    await this.#environment.transport.stop();
    await this.#environment.store.close();
  }

  dispatch(event: Event): void {
    if (this.#stopped) return;
    if (this.#inbox.length >= INBOX_MAX) {
      if (event.type === 'message-received') return this.#environment.transport.answer(event.token, 'ignore');
      if (event.type === 'direct-received') return;
    }
    this.#inbox.push(event);
    this.#scheduleDrain();
  }

  subscribe(listener: (notification: Notification) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  view(): PeerView {
    const view = this.#peer.view(this.#environment.clock.now());
    if (this.#runs.size === 0) return view;
    return { ...view, replicas: view.replicas.map((row) => this.#withProgress(row)) };
  }

  jobView(job: JobId): JobView | undefined {
    return this.#peer.jobView(job, this.#environment.clock.now());
  }

  #withProgress(row: ReplicaRow): ReplicaRow {
    if (row.phase !== 'executing') return row;
    for (const { request, progress } of this.#runs.values()) {
      if (request.job === row.job && request.unit === row.unit && request.task === undefined)
        return { ...row, progress };
    }
    return row;
  }

  /** Units of earlier runs that can go on where they were. Without them they only take longer. */
  async #keptWork(): Promise<readonly { readonly job: JobId; readonly unit: UnitIndex }[]> {
    try {
      const keys = (await this.#environment.checkpoints?.keys()) ?? [];
      return keys.filter(({ task }) => task === undefined).map(({ job, unit }) => ({ job, unit }));
    } catch (error) {
      this.#logger.log('warn', 'what earlier runs have begun cannot be read', { error: String(error) });
      return [];
    }
  }

  #scheduleDrain(): void {
    if (this.#drainScheduled) return;
    this.#drainScheduled = true;
    this.#environment.clock.defer(() => this.#drain());
  }

  #drain(): void {
    this.#drainScheduled = false;
    if (this.#stopped) return;
    const turn = this.#inbox.splice(0, EVENTS_PER_TURN);
    for (const event of turn) {
      // One clock reading per event: a long turn must not make later events look earlier than they are.
      this.#perform(this.#peer.handle(event, this.#environment.clock.now()));
    }
    this.#flushVerifications();
    this.#armTimer();
    if (this.#inbox.length > 0) this.#scheduleDrain();
  }

  #armTimer(): void {
    const deadline = this.#peer.nextDeadline();
    if (deadline === this.#armedFor) return;
    // A timer that fires early only looks again: cheaper than one for every deadline that moves on.
    if (deadline !== undefined && this.#armedFor !== undefined && deadline > this.#armedFor) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#armedFor = deadline;
    if (deadline === undefined) return;
    this.#cancelTimer = this.#environment.clock.schedule(deadline, () => {
      this.#armedFor = undefined;
      this.dispatch({ type: 'woke' });
    });
  }

  #perform(effects: readonly Effect[]): void {
    for (let i = 0; i < effects.length; i++) {
      const effect = effects[i]!;
      if (effect.type === 'persist' || effect.type === 'put-block') {
        this.#writes.push({ effect, behind: effects.slice(i + 1) });
        this.#writing ??= this.#writeAll().finally(() => {
          this.#writing = undefined;
        });
        return;
      }
      this.#performOne(effect);
    }
  }

  #performOne(effect: Exclude<Effect, WriteEffect>): void {
    const { transport, identity, store, executor } = this.#environment;
    switch (effect.type) {
      case 'sign':
        identity.sign(effect.bytes).then(
          (signature) => this.dispatch({ type: 'signed', ticket: effect.ticket, signature }),
          (error: unknown) => this.#logger.log('error', 'signing failed', { error: String(error) }),
        );
        return;
      case 'verify':
        this.#verifications.push(effect);
        // Effects behind a write are performed outside a drain, which would otherwise flush this.
        this.#scheduleDrain();
        return;
      case 'answer':
        return transport.answer(effect.token, effect.answer);
      case 'publish':
        return transport.publish(effect.bytes);
      case 'send':
        return transport.send(effect.peer, effect.bytes);
      case 'read-block':
        store.blocks.get(effect.cid).then(
          (bytes) => this.dispatch({ type: 'block-read', ticket: effect.ticket, bytes }),
          () => this.dispatch({ type: 'block-read', ticket: effect.ticket, bytes: undefined }),
        );
        return;
      case 'fetch-blocks':
        return this.#fetch(effect.ticket, effect);
      case 'release-blocks':
        Promise.all([store.blocks.release(effect.job), this.#environment.checkpoints?.dropJob(effect.job)]).catch(
          (error: unknown) => {
            this.#logger.log('warn', 'blocks of a finished job could not be released', { error: String(error) });
          },
        );
        return;
      case 'execute':
        return this.#execute(effect.ticket, effect.request);
      case 'cancel-execution':
        return executor.cancel(effect.ticket, effect.keep);
      case 'notify':
        for (const listener of this.#listeners) listener(effect.notification);
    }
  }

  #execute(ticket: Ticket, request: ExecutionRequest): void {
    const run: { readonly request: ExecutionRequest; progress: RunProgress | undefined } = {
      request,
      progress: undefined,
    };
    this.#runs.set(ticket, run);
    this.#environment.executor.execute(
      ticket,
      request,
      (outcome) => {
        this.#runs.delete(ticket);
        this.dispatch(
          outcome.ok
            ? { type: 'executed', ticket, execution: outcome.execution }
            : { type: 'execution-failed', ticket, code: outcome.code, detail: outcome.detail },
        );
      },
      (progress) => {
        run.progress = progress;
      },
    );
  }

  #fetch(ticket: Ticket, request: Parameters<Environment['transport']['fetch']>[0]): void {
    this.#environment.transport.fetch(request, (outcome) => {
      this.dispatch(
        outcome.ok
          ? { type: 'blocks-fetched', ticket }
          : { type: 'blocks-unavailable', ticket, missing: outcome.missing, asked: outcome.asked },
      );
    });
  }

  #flushVerifications(): void {
    if (this.#verifications.length === 0) return;
    const batch = this.#verifications;
    this.#verifications = [];
    this.#environment.identity.verify(batch).then(
      (answers) => {
        batch.forEach((item, i) => {
          this.dispatch({ type: 'verified', ticket: item.ticket, valid: answers[i] === true });
        });
      },
      (error: unknown) => {
        this.#logger.log('error', 'verifying failed', { error: String(error) });
        for (const item of batch) this.dispatch({ type: 'verified', ticket: item.ticket, valid: false });
      },
    );
  }

  /** Performs queued writes in groups, in order, and then what stood behind them. Runs until the queue is empty. */
  async #writeAll(): Promise<void> {
    while (this.#writes.length > 0) {
      const group = this.#writes;
      this.#writes = [];
      await this.#writeGroup(group);
      for (const { behind } of group) this.#perform(behind);
    }
  }

  async #writeGroup(group: readonly PendingWrite[]): Promise<void> {
    let failed = false;
    for (let waitMs = WRITE_RETRY_FIRST_MS; ; waitMs = Math.min(2 * waitMs, WRITE_RETRY_MAX_MS)) {
      try {
        await this.#tryGroup(group);
        if (failed) this.dispatch({ type: 'storage-recovered' });
        return;
      } catch (error) {
        const code = error instanceof StorageError ? error.code : 'failed';
        const detail = error instanceof Error ? error.message : String(error);
        if (!failed) this.dispatch({ type: 'storage-failed', code, detail });
        this.#logger.log('error', 'a write failed and will be tried again', { code, detail, waitMs });
        failed = true;
        if (this.#stopped) return;
        await new Promise<void>((resolve) => {
          this.#environment.clock.schedule(this.#environment.clock.now() + waitMs, resolve);
        });
      }
    }
  }

  async #tryGroup(group: readonly PendingWrite[]): Promise<void> {
    const { store } = this.#environment;
    const blocks = group.map(({ effect }) => effect).filter((effect) => effect.type === 'put-block');
    for (const block of blocks) await store.blocks.put(block.cid, block.bytes, block.job);
    const persists = group.map(({ effect }) => effect).filter((effect) => effect.type === 'persist');
    if (persists.length === 0) return;
    await store.write(
      persists.flatMap(({ writes }) => writes),
      persists.some(({ sync }) => sync),
    );
  }
}
