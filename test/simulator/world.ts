/**
 * A world: virtual time, a simulated network, and peers on it. Scenario tests and the command line both build one,
 * say what happens in it, and let it run. Whatever every run must keep true is checked as it goes: results handed to
 * an honest submitter are the truth, no honest peer seals two things in one slot, none is taken for a liar, and no
 * honest message is rejected by an honest peer.
 */
import type { Execution } from '../../node/protocol/effect.ts';
import type { Digest, JobId, PeerKey, UnitIndex } from '../../node/protocol/ids.ts';
import type { Notification } from '../../node/protocol/notification.ts';
import { type Parameters, testParameters } from '../../node/protocol/parameters.ts';
import type { ResultLabel } from '../../node/protocol/view.ts';
import { honest } from './behaviour.ts';
import { VirtualClock } from './clock.ts';
import { KernelModel } from './executor.ts';
import { IdentityRegistry } from './identity.ts';
import { createJob, type JobShape, type ModelledJob } from './kernel.ts';
import type { LinkProfile } from './link.ts';
import { SimulatedNetwork } from './network.ts';
import { type PeerFactory, type PeerOptions, SimulatedPeer } from './peer.ts';
import { RandomStream } from './random.ts';
import { Trace } from './trace.ts';
import { WireRecord } from './wire-record.ts';

/** Where virtual time begins: a Tuesday in November 2023. */
export const EPOCH_MS = 1_700_000_000_000;
/** How often peers look whether they have too few connections. */
const REDIAL_INTERVAL_MS = 2_000;
/** Conditions of `until` are looked at this often. */
const POLL_MS = 10;

export interface WorldOptions {
  readonly seed: number;
  readonly parameters?: Parameters;
  readonly link?: Partial<LinkProfile>;
  /** Connections a peer seeks. */
  readonly connections?: number;
  /** Spread of execution times: standard deviation of the logarithm. */
  readonly durationSigma?: number;
  /** Time of a synced write. */
  readonly syncMs?: number;
  /** The rules: `createPeer` of the protocol, or a machine of a test's own. */
  readonly createPeer: PeerFactory;
}

export interface Violation {
  readonly kind: 'safety' | 'crash';
  readonly atMs: number;
  readonly detail: string;
}

export interface UnitResult {
  readonly atMs: number;
  readonly unit: UnitIndex;
  readonly label: ResultLabel;
  readonly authors: readonly PeerKey[];
  readonly correct: boolean;
}

/** A job as its submitter's owner sees it. Times count from the start of the world. */
export interface SubmittedJob {
  readonly id: JobId;
  readonly model: ModelledJob;
  readonly submitter: SimulatedPeer;
  readonly submittedAtMs: number;
  /** The latest result of each unit. */
  readonly results: Map<UnitIndex, UnitResult>;
  finishedAtMs: number | undefined;
}

export interface RecordedNotification {
  readonly atMs: number;
  readonly peer: SimulatedPeer;
  readonly notification: Notification;
}

export class World {
  readonly clock = new VirtualClock(EPOCH_MS);
  readonly random: RandomStream;
  readonly network: SimulatedNetwork;
  readonly model = new KernelModel();
  readonly trace = new Trace();
  readonly wire: WireRecord;
  readonly peers: SimulatedPeer[] = [];
  readonly jobs = new Map<JobId, SubmittedJob>();
  readonly violations: Violation[] = [];
  readonly notifications: RecordedNotification[] = [];
  readonly parameters: Parameters;
  readonly #options: WorldOptions;
  readonly #identities: IdentityRegistry;
  readonly #byKey = new Map<PeerKey, SimulatedPeer>();
  readonly #redials: RandomStream;
  readonly #known = new Map<Digest, Execution>();
  #error: unknown;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.random = RandomStream.seeded(options.seed);
    this.parameters = options.parameters ?? testParameters('simulated');
    this.#identities = new IdentityRegistry(this.clock);
    this.#redials = this.random.fork('redials');
    this.wire = new WireRecord(this.parameters.network);
    const profile = { linkMs: 5, spread: 0.2, loss: 0, bytesPerMs: 10_000, ...options.link };
    this.network = new SimulatedNetwork({ clock: this.clock, random: this.random.fork('network'), profile });
    this.trace.note(`seed ${options.seed}`);
    this.wire.onEquivocation = ({ kind, author, unit }) => {
      if (this.isHonest(author)) this.#violate(`${this.nameOf(author)} published two ${kind}s for unit ${unit}`);
    };
    this.network.gossip.onReject = (by, forwarder, publisher) => {
      if ([by, forwarder, publisher].every((key) => this.isHonest(key))) {
        this.#violate(`${this.nameOf(by)} rejected gossip of ${this.nameOf(publisher)} from ${this.nameOf(forwarder)}`);
      }
    };
    this.#redialForEver();
  }

  /** Whole units executed by all peers so far. */
  get executions(): number {
    return this.peers.reduce((sum, { executed }) => sum + executed, 0);
  }

  /** Milliseconds of virtual time since the world began. */
  get nowMs(): number {
    return this.clock.now() - EPOCH_MS;
  }

  addPeer(options: Partial<PeerOptions> = {}): SimulatedPeer {
    const index = this.peers.length;
    const complete = { name: `peer ${index}`, cores: 1, slowness: 1, behaviour: honest, skewMs: 0, ...options };
    const random = this.random.fork(`peer ${index}`);
    const identity = this.#identities.create(random.fork('identity'));
    this.trace.note(`${complete.name} ${complete.cores} ${complete.slowness} ${complete.behaviour.name}`);
    const peer = new SimulatedPeer(index, complete, identity, random, {
      clock: this.clock,
      network: this.network,
      model: this.model,
      trace: this.trace,
      wire: this.wire,
      known: this.#known,
      parameters: this.parameters,
      createPeer: this.#options.createPeer,
      durationSigma: this.#options.durationSigma ?? 0.15,
      syncMs: this.#options.syncMs ?? 1,
      epochMs: EPOCH_MS,
      onNotification: (from, notification) => this.#onNotification(from, notification),
      onCrash: (from, error) => this.#crash(`${from.name}: ${error instanceof Error ? error.stack : error}`, error),
    });
    this.peers.push(peer);
    this.#byKey.set(peer.key, peer);
    return peer;
  }

  /** Starts peers that are down (default: all), connects them, and gives them time to hear of each other. */
  async start(peers: readonly SimulatedPeer[] = this.peers, settleMs = 3_000): Promise<void> {
    for (const peer of peers) if (!peer.isUp) peer.start();
    await this.run(1);
    for (const peer of peers) this.connect(peer);
    await this.run(settleMs);
  }

  /** Dials until the peer has as many connections as it seeks. */
  connect(peer: SimulatedPeer): void {
    const others = this.peers.filter((other) => other !== peer && other.isUp);
    const wanted = Math.min(this.#options.connections ?? 16, others.length);
    if (this.network.linkCount(peer.key) >= wanted) return;
    for (const other of this.#redials.shuffled(others)) {
      if (this.network.linkCount(peer.key) >= wanted) return;
      this.network.connect(peer.key, other.key);
    }
  }

  /** Puts the job's blocks into the submitter's store and hands the request in. Throws when it is refused. */
  async submit(submitter: SimulatedPeer, shape: JobShape, name = `job ${this.jobs.size}`): Promise<SubmittedJob> {
    const model = createJob(shape, this.random.fork(name));
    this.model.install(model.request.kernel, model.taskMs);
    for (const { cid, bytes } of model.blocks) await submitter.memory.blocks.put(cid, bytes, undefined);
    const ticket = 1_000_000_000 + this.jobs.size;
    const from = this.notifications.length;
    submitter.driver.dispatch({ type: 'job-submitted', ticket, request: model.request, unitInputs: model.unitInputs });
    const submittedAtMs = this.nowMs;
    const answer = () =>
      this.notifications
        .slice(from)
        .map(({ notification }) => notification)
        .find(
          (notification) =>
            (notification.type === 'job-accepted' || notification.type === 'job-refused') &&
            notification.ticket === ticket,
        );
    await this.until(() => answer() !== undefined, 5_000, 'an answer to the submission');
    const answered = answer();
    if (answered?.type !== 'job-accepted') throw new JobRefusedError(answered);
    const job: SubmittedJob = {
      id: answered.job,
      model,
      submitter,
      submittedAtMs,
      results: new Map(),
      finishedAtMs: undefined,
    };
    this.jobs.set(job.id, job);
    for (const { atMs, peer, notification } of this.notifications.slice(from)) this.#onJob(peer, notification, atMs);
    return job;
  }

  /** Lets so much virtual time pass. */
  async run(durationMs: number): Promise<void> {
    await this.clock.run(this.clock.exactNow() + durationMs, () => this.#error !== undefined);
    if (this.#error !== undefined) throw this.#error;
  }

  /**
   * Lets virtual time pass until the condition holds, and returns the time then.
   * Throws an Error naming `what` when it does not hold in time.
   */
  async until(condition: () => boolean, withinMs: number, what = 'the condition'): Promise<number> {
    const deadline = this.clock.exactNow() + withinMs;
    while (!condition()) {
      if (this.clock.exactNow() >= deadline)
        throw new LivenessError(`waited ${withinMs} ms of virtual time for ${what}`);
      await this.run(POLL_MS);
    }
    return this.nowMs;
  }

  async untilFinished(job: SubmittedJob, withinMs: number): Promise<number> {
    await this.until(() => job.finishedAtMs !== undefined, withinMs, 'the job to finish');
    return job.finishedAtMs!;
  }

  peerOf(key: PeerKey): SimulatedPeer {
    const peer = this.#byKey.get(key);
    if (peer === undefined) throw new Error(`no peer ${key}`);
    return peer;
  }

  nameOf(key: PeerKey): string {
    return this.#byKey.get(key)?.name ?? `unknown peer ${key.slice(0, 8)}`;
  }

  isHonest(key: PeerKey): boolean {
    return this.#byKey.get(key)?.isHonest ?? false;
  }

  /** The notifications of one kind, in order. */
  notified<T extends Notification['type']>(
    type: T,
  ): readonly { atMs: number; peer: SimulatedPeer; notification: Extract<Notification, { type: T }> }[] {
    return this.notifications.filter(({ notification }) => notification.type === type) as never;
  }

  /** An exception that ended the run: of a peer's rules, or of the world around them. */
  noteCrash(error: unknown): void {
    if (this.violations.some(({ kind }) => kind === 'crash')) return;
    this.#crash(`${error instanceof Error ? error.stack : error}`, error);
  }

  #redialForEver(): void {
    this.clock.after(REDIAL_INTERVAL_MS, () => {
      for (const peer of this.peers) {
        if (this.network.isUp(peer.key) && 2 * this.network.linkCount(peer.key) < this.#seeks()) this.connect(peer);
      }
      this.#redialForEver();
    });
  }

  /** Connections below half of this make a peer dial again; in a small network any missing one does. */
  #seeks(): number {
    const others = this.peers.filter(({ isUp }) => isUp).length - 1;
    const wanted = this.#options.connections ?? 16;
    return others <= wanted ? 2 * others : wanted;
  }

  #onNotification(peer: SimulatedPeer, notification: Notification): void {
    this.notifications.push({ atMs: this.nowMs, peer, notification });
    if ((notification.type === 'refuted' || notification.type === 'equivocated') && peer.isHonest) {
      if (this.isHonest(notification.author)) {
        this.#violate(`${peer.name} holds honest ${this.nameOf(notification.author)} for ${notification.type}`);
      }
    }
    this.#onJob(peer, notification, this.nowMs);
  }

  #onJob(peer: SimulatedPeer, notification: Notification, atMs: number): void {
    if (notification.type !== 'unit-result' && notification.type !== 'job-finished') return;
    const job = this.jobs.get(notification.job);
    if (job === undefined || job.submitter !== peer) return;
    if (notification.type === 'job-finished') {
      job.finishedAtMs ??= atMs;
      return;
    }
    const { unit, label, authors, root } = notification;
    const correct = root === job.model.trueRoots[unit];
    job.results.set(unit, { atMs, unit, label, authors, correct });
    if (!correct && peer.isHonest) {
      const names = authors.map((author) => this.nameOf(author)).join(', ');
      this.#violate(`${peer.name} accepted a wrong result for unit ${unit} from ${names}`);
    }
  }

  #violate(detail: string): void {
    this.violations.push({ kind: 'safety', atMs: this.nowMs, detail });
  }

  #crash(detail: string, error: unknown): void {
    this.violations.push({ kind: 'crash', atMs: this.nowMs, detail });
    this.#error ??= error;
  }
}

/** Something that had to happen did not happen in time. */
export class LivenessError extends Error {
  override readonly name = 'LivenessError';
}

export class JobRefusedError extends Error {
  override readonly name = 'JobRefusedError';
  readonly code: string;
  constructor(answer: Notification | undefined) {
    const refused = answer?.type === 'job-refused' ? answer : { code: 'unanswered', detail: 'no answer' };
    super(`job refused: ${refused.code}: ${refused.detail}`);
    this.code = refused.code;
  }
}
