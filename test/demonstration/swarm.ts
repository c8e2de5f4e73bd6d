/**
 * The real peers of a demonstration: `shoal up` as child processes on loopback, each with a data folder of its own in
 * one temporary folder, in a test network with a fresh name. Whatever happens, `stop` ends them all and removes the
 * folder.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../../node/daemon/cli/client.ts';
import type { PeerKey } from '../../node/protocol/ids.ts';
import { CHECKOUT, type DaemonOptions, type RunningDaemon, startDaemon, until } from '../support/daemon.ts';

export interface SwarmPeer {
  /** What it is called here, e.g. `peer 2`. */
  readonly name: string;
  readonly key: PeerKey;
  readonly daemon: RunningDaemon;
  readonly client: Client;
}

export interface PeerOptions extends Omit<DaemonOptions, 'network' | 'data'> {
  /** Name of the data folder within the swarm's; default the peer's name. The same one means the same peer again. */
  readonly folder?: string;
}

/** Compiled entry `name` of this folder, whether the caller runs compiled or from source. */
export function entry(name: string): string {
  return join(CHECKOUT, 'dist', 'test', 'demonstration', `${name}.js`);
}

export class Swarm {
  readonly network = `demonstration-${randomBytes(6).toString('hex')}`;
  readonly folder: string;
  readonly #running = new Map<string, SwarmPeer>();
  readonly #starting = new Set<Promise<unknown>>();
  readonly #names = new Map<string, string>();
  #first: SwarmPeer | undefined;
  #stopping: Promise<void> | undefined;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<Swarm> {
    return new Swarm(await mkdtemp(join(tmpdir(), 'shoal-swarm-')));
  }

  get running(): readonly SwarmPeer[] {
    return [...this.#running.values()];
  }

  /** Whether a peer was started here, at any time. */
  has(key: string): boolean {
    return this.#names.has(key);
  }

  /** How a peer is called here, also after its end. */
  nameOf(key: string): string {
    return this.#names.get(key) ?? key.slice(0, 12);
  }

  /** Starts a peer that knows the first one. Rejects when it does not get ready. */
  async start(name: string, { folder = name, ...options }: PeerOptions = {}): Promise<SwarmPeer> {
    if (this.#stopping !== undefined) throw new Error('the swarm is being stopped');
    const data = join(this.folder, folder.replaceAll(' ', '-'));
    await mkdir(data, { recursive: true });
    const bootstrap = this.#first?.daemon.addresses.slice(0, 1) ?? [];
    const starting = startDaemon({ bootstrap, timeoutMs: 60_000, ...options, data, network: this.network });
    this.#starting.add(starting);
    try {
      const daemon = await starting;
      const key = daemon.key as PeerKey;
      const client = new Client(
        { port: daemon.apiPort, pid: daemon.pid, embedded: false, peer: daemon.peer, addresses: daemon.addresses },
        daemon.token,
      );
      const peer = { name, key, daemon, client };
      this.#first ??= peer;
      this.#names.set(key, name);
      this.#running.set(key, peer);
      return peer;
    } finally {
      this.#starting.delete(starting);
    }
  }

  /** Resolves when each of these peers is connected to all others of them and knows what they offer. */
  async connected(peers: readonly SwarmPeer[] = this.running, timeoutMs = 60_000): Promise<void> {
    for (const peer of peers) {
      await until(
        `${peer.name} to be connected to ${peers.length - 1} peers`,
        async () => {
          const known = await peer.client.peers();
          const reached = known.filter((row) => row.connected && row.cores !== undefined).map((row) => row.peer);
          return peers.every((other) => other === peer || reached.includes(other.key));
        },
        timeoutMs,
        50,
      );
    }
  }

  /** Ends one peer by a signal and waits until it is gone. Its data folder stays. */
  async kill(peer: SwarmPeer, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#running.delete(peer.key);
    await peer.daemon.kill(signal);
  }

  /** Takes note that a peer has ended by itself, as it was meant to. */
  gone(peer: SwarmPeer): void {
    this.#running.delete(peer.key);
  }

  /** Peers that ended though nobody ended them, with the end of their logs. */
  obituaries(): readonly string[] {
    return this.running
      .filter(({ daemon: { child } }) => child.exitCode !== null || child.signalCode !== null)
      .map(({ name, daemon: { child, log } }) => {
        const end = log().trimEnd().split('\n').slice(-LOG_LINES).join('\n');
        return `${name} ended by itself (${child.signalCode ?? `exit code ${child.exitCode}`}):\n${end}`;
      });
  }

  /** Orderly end of all peers; those that do not follow are killed. May be called more than once. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    await Promise.allSettled(this.#starting);
    await Promise.all(this.running.map((peer) => stopOne(peer)));
    this.#running.clear();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

const STOP_MAX_MS = 10_000;
const LOG_LINES = 20;

async function stopOne({ daemon }: SwarmPeer): Promise<void> {
  const force = setTimeout(() => daemon.child.kill('SIGKILL'), STOP_MAX_MS);
  try {
    await daemon.stop();
  } finally {
    clearTimeout(force);
  }
}
