/**
 * One simulated peer: a composition root for virtual time. It puts the very state machine and driver of the daemon
 * on simulated surroundings, and can be killed, restarted over what its store kept, and stopped in good order.
 */
import type { Execution } from '../../node/protocol/effect.ts';
import type { Digest, PeerKey } from '../../node/protocol/ids.ts';
import type { PeerStateMachine } from '../../node/protocol/machine.ts';
import type { Notification } from '../../node/protocol/notification.ts';
import type { Parameters } from '../../node/protocol/parameters.ts';
import { rootOf } from '../../node/protocol/trust/commitment.ts';
import { createDriver, type Driver } from '../../node/runtime/driver.ts';
import type { Clock, Executor, Identity, Transport } from '../../node/runtime/environment.ts';
import { silentLogger } from '../../node/runtime/log.ts';
import { createMemoryStore, type MemoryStore } from '../support/memory-store.ts';
import type { Behaviour } from './behaviour.ts';
import type { VirtualClock } from './clock.ts';
import { type KernelModel, ModelledExecutor } from './executor.ts';
import type { SimulatedNetwork } from './network.ts';
import type { RandomStream } from './random.ts';
import { type Life, simulatedStore, type WriteHook } from './store.ts';
import type { Trace } from './trace.ts';
import type { WireRecord } from './wire-record.ts';

/** The signature of `createPeer`; tests of the simulator itself hand in machines of their own. */
export type PeerFactory = (options: {
  readonly self: PeerKey;
  readonly saltSecret: Uint8Array;
  readonly parameters: Parameters;
  readonly cores: number;
  readonly addresses: readonly string[];
  readonly agent: string;
  readonly random: () => number;
}) => PeerStateMachine;

export interface PeerOptions {
  /** For people; default `peer <index>`. */
  readonly name: string;
  readonly cores: number;
  /** Execution times are multiplied by this. */
  readonly slowness: number;
  readonly behaviour: Behaviour;
  /** How far this peer's clock is ahead. */
  readonly skewMs: number;
}

/** What a peer takes from its world. */
export interface PeerSurroundings {
  readonly clock: VirtualClock;
  readonly network: SimulatedNetwork;
  readonly model: KernelModel;
  readonly trace: Trace;
  readonly wire: WireRecord;
  /** Results of all peers by root. */
  readonly known: Map<Digest, Execution>;
  readonly parameters: Parameters;
  readonly createPeer: PeerFactory;
  readonly durationSigma: number;
  readonly syncMs: number;
  /** Where virtual time began: records count from there. */
  readonly epochMs: number;
  readonly onNotification: (peer: SimulatedPeer, notification: Notification) => void;
  readonly onCrash: (peer: SimulatedPeer, error: unknown) => void;
}

export class SimulatedPeer {
  readonly index: number;
  readonly name: string;
  readonly key: PeerKey;
  readonly behaviour: Behaviour;
  readonly memory: MemoryStore = createMemoryStore();
  /** Called around every write, so that a kill can be placed there. */
  writeHook: WriteHook | undefined;
  /** Writes of all runs so far. */
  writes = 0;
  /** Whole units this peer executed, over all runs. */
  executed = 0;
  runs = 0;
  readonly #identity: Identity;
  readonly #options: PeerOptions;
  readonly #around: PeerSurroundings;
  readonly #random: RandomStream;
  #life: Life | undefined;
  #driver: Driver | undefined;

  constructor(index: number, options: PeerOptions, identity: Identity, random: RandomStream, around: PeerSurroundings) {
    this.index = index;
    this.name = options.name;
    this.key = identity.publicKey;
    this.behaviour = options.behaviour;
    this.#identity = identity;
    this.#options = options;
    this.#around = around;
    this.#random = random;
  }

  get isUp(): boolean {
    return this.#life?.alive === true;
  }

  get isHonest(): boolean {
    return this.behaviour.honest;
  }

  /** Throws while the peer is down. */
  get driver(): Driver {
    if (this.#driver === undefined || !this.isUp) throw new Error(`${this.name} is down`);
    return this.#driver;
  }

  /** Starts a run over what the store holds. The peer is part of the network once virtual time has moved on. */
  start(): void {
    if (this.isUp) throw new Error(`${this.name} is up already`);
    const { clock, network, parameters, wire } = this.#around;
    const { behaviour, cores, slowness } = this.#options;
    const life: Life = { alive: true };
    this.#life = life;
    const random = this.#random.fork(`run ${this.runs++}`);
    const store = simulatedStore({
      clock,
      memory: this.memory,
      life,
      syncMs: this.#around.syncMs,
      nextWrite: () => this.writes++,
      hook: () => this.writeHook,
    });
    const attached = network.attach(this.key, store.blocks, behaviour.servesBlocks ?? true);
    const transport = this.#observed(attached, life);
    const context = {
      self: this.key,
      identity: this.#identity,
      clock,
      random: random.fork('behaviour'),
      wire,
      network: parameters.network,
      known: this.#around.known,
      publish: transport.publish,
    };
    const modelled: Executor = new ModelledExecutor({
      clock,
      random: random.fork('executor'),
      blocks: store.blocks,
      model: this.#around.model,
      cores,
      slowness,
      sigma: this.#around.durationSigma,
    });
    const machineRandom = random.fork('machine');
    const machine = this.#around.createPeer({
      self: this.key,
      saltSecret: this.#identity.saltSecret,
      parameters,
      cores,
      addresses: [`/memory/${this.key.slice(0, 8)}`],
      agent: 'shoal/simulated',
      random: () => machineRandom.next(),
    });
    const driverRandom = random.fork('driver');
    const driver = createDriver({
      peer: this.#traced(behaviour.machine?.(machine, context) ?? machine),
      environment: {
        clock: this.#clockOf(life),
        random: driverRandom,
        identity: this.#identityOf(life),
        store,
        executor: this.#counted(behaviour.executor?.(modelled, context) ?? modelled, life),
        transport,
      },
      logger: silentLogger,
    });
    driver.subscribe((notification) => this.#around.onNotification(this, notification));
    this.#driver = driver;
    clock.touch();
    driver.start().catch((error: unknown) => this.#around.onCrash(this, error));
  }

  /** kill −9. With `powerCut`, writes that were not synced are lost too. */
  kill(powerCut = true): void {
    if (this.#life === undefined || !this.#life.alive) return;
    this.#life.alive = false;
    this.#around.network.crash(this.key);
    if (powerCut) this.memory.crash();
  }

  /** Says goodbye and goes. Resolves only while the world runs. */
  async stop(): Promise<void> {
    const life = this.#life;
    if (life === undefined || !life.alive) return;
    this.#around.clock.touch();
    await this.driver.stop();
    life.alive = false;
  }

  #clockOf(life: Life): Clock {
    const { clock } = this.#around;
    const { skewMs } = this.#options;
    const whileAlive = (callback: () => void) => () => {
      if (!life.alive) return;
      // The driver resolves promises of its own from here.
      clock.touch();
      callback();
    };
    return {
      now: () => clock.now() + skewMs,
      schedule: (at, callback) => clock.schedule(at - skewMs, whileAlive(callback)),
      defer: (callback) => clock.defer(() => life.alive && callback()),
    };
  }

  #identityOf(life: Life): Identity {
    const { publicKey, saltSecret, sign, verify } = this.#identity;
    const never = new Promise<never>(() => undefined);
    return {
      publicKey,
      saltSecret,
      sign: (bytes) => (life.alive ? sign(bytes) : never),
      verify: (items) => (life.alive ? verify(items) : never),
    };
  }

  #observed(transport: Transport, life: Life): Transport {
    const { clock, wire } = this.#around;
    return {
      ...transport,
      publish: (bytes) => {
        if (!life.alive) return;
        wire.note(bytes, clock.now() - this.#around.epochMs);
        transport.publish(bytes);
      },
      send: (peer, bytes) => {
        if (life.alive) transport.send(peer, bytes);
      },
    };
  }

  #counted(executor: Executor, life: Life): Executor {
    return {
      execute: (ticket, request, done) =>
        executor.execute(ticket, request, (outcome) => {
          if (!life.alive) return;
          if (outcome.ok && request.task === undefined) this.#executed(outcome.execution);
          done(outcome);
        }),
      cancel: (ticket, keep) => executor.cancel(ticket, keep),
      close: () => executor.close(),
    };
  }

  #executed(execution: Execution): void {
    this.#around.known.set(rootOf(execution.merkleRoot, execution.fuel), execution);
    if (this.behaviour.computes ?? true) this.executed++;
  }

  /** Writes every step into the trace, and reports an exception of the rules as what it is. */
  #traced(machine: PeerStateMachine): PeerStateMachine {
    const { trace } = this.#around;
    return {
      self: machine.self,
      handle: (event, now) => {
        try {
          const effects = machine.handle(event, now);
          trace.step(this.index, event, now, effects);
          return effects;
        } catch (error) {
          this.#around.onCrash(this, error);
          throw error;
        }
      },
      nextDeadline: () => machine.nextDeadline(),
      view: (now) => machine.view(now),
      jobView: (job, now) => machine.jobView(job, now),
    };
  }
}
