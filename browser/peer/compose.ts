/**
 * The composition root in a tab: the same state machine, driver, network and sandbox as in the daemon, over what a
 * browser has. One call makes a full volunteer with a key of its own; it lives until it is stopped, its page goes
 * away, or the browser takes its storage.
 */
import '../../node/runtime/polyfills.ts';
import { sha256 as hashNow } from '@noble/hashes/sha2.js';
import { peerNameOf } from '../../node/network/peer-key.ts';
import type { ConnectedPeer, NetworkTransport } from '../../node/network/transport.ts';
import type { PauseReason } from '../../node/protocol/event.ts';
import type { Cid, Millis, PeerKey } from '../../node/protocol/ids.ts';
import { openParameters, type Parameters, testParameters } from '../../node/protocol/parameters.ts';
import { createPeer } from '../../node/protocol/peer.ts';
import { createDriver, type Driver } from '../../node/runtime/driver.ts';
import type { Executor } from '../../node/runtime/environment.ts';
import { type Logger, silentLogger } from '../../node/runtime/log.ts';
import { SandboxExecutor } from '../../node/sandbox/executor.ts';
import type { KernelReport } from '../../node/sandbox/inspect.ts';
import type { Inspection } from '../../node/sandbox/inspection.ts';
import type { KernelCatalogue, KernelLibrary } from '../../node/sdk/jobs/catalogue.ts';
import type { KernelRecords } from '../../node/sdk/jobs/kernel-records.ts';
import type { JobService } from '../../node/sdk/jobs/service.ts';
import { checkAddresses, dialable, type PageSecurity } from './addresses.ts';
import { Capacity } from './capacity.ts';
import { createClock, repeat, startTimerWorker, type TabClock } from './clock.ts';
import { Database } from './database.ts';
import { TabPeerError } from './error.ts';
import { createIdentity, SEED_BYTES } from './identity.ts';
import { CHECKPOINTS_BYTES_MAX, checkpointDatabase, IndexedDbCheckpoints } from './indexed-db-checkpoints.ts';
import { type IndexedDbStore, openIndexedDbStore } from './indexed-db-store.ts';
import { kernelsAt } from './kernels.ts';
import { createOwnJobs } from './own-jobs.ts';
import { type BrowserGlobals, checkRequirements } from './requirements.ts';
import { type Slot, takeSlot } from './slot.ts';
import { createTabTransport } from './transport.ts';
import { createSpawn } from './workers.ts';

export interface TabPeerOptions {
  /** Multiaddrs of daemons to join through, e.g. `/ip4/127.0.0.1/tcp/4101/ws/p2p/12D3Koo…`. At least one. */
  readonly bootstrap: readonly string[];
  /** Name of a test network; the open network by default. */
  readonly network?: string | undefined;
  /** Work units executed side by side, 0 to 256; half of the machine's by default. */
  readonly cores?: number;
  /** Reasons to start paused. */
  readonly paused?: readonly PauseReason[];
  /** Bytes of blocks kept. Default 256 MiB. */
  readonly blockBytesMax?: number;
  /** Kernels that can be chosen by name; those in `kernels/` beside the page by default. */
  readonly kernels?: KernelLibrary;
  /** Version of the page, told to other peers. */
  readonly version?: string;
  readonly logger?: Logger;
}

/** Parts put in the place of the peer's own, e.g. by a test that needs a liar. The page has none. */
export interface TabPeerOverrides {
  readonly executor?: (executor: SandboxExecutor) => Executor;
}

/** Why a tab's peer is no more. */
export type EndReason =
  /** `stop` was called. */
  | 'stopped'
  /** The page was closed, reloaded or left. */
  | 'page-left'
  /** The browser took the database: site data was cleared, or a newer version of the page is open. Reload. */
  | 'storage-lost';

export interface TabPeer {
  readonly self: PeerKey;
  /** `12D3Koo…`, as people see it. */
  readonly peerName: string;
  /** Which identity of this origin it speaks under: 0 for the first tab, 1 for a second one beside it. */
  readonly slot: number;
  readonly parameters: Parameters;
  /** View, job views, notifications; the dashboard lives on these. */
  readonly driver: Driver;
  readonly capacity: Capacity;
  /** Jobs submitted from this tab. */
  readonly jobs: JobService;
  readonly kernels: KernelCatalogue<KernelReport>;
  /** What is known of kernels that jobs use. */
  readonly kernelRecords: KernelRecords<Inspection>;
  /** Whose socket is open, with direction and round trip. */
  peers(): readonly ConnectedPeer[];
  /** Connects to one more daemon. Rejects with a TabPeerError or a NetworkError. */
  dial(address: string): Promise<void>;
  storage(): { readonly blocks: number; readonly bytes: number; readonly bytesMax: number };
  /** Calls back again and again, also in time while the page is hidden. Returns what ends it. */
  every(intervalMs: Millis, callback: () => void): () => void;
  /** A block this tab keeps; undefined for one it does not have. Rejects with a StorageError. */
  block(cid: Cid): Promise<Uint8Array | undefined>;
  /** Resolves once, when it has ended, for whatever reason. Never rejects. */
  readonly ended: Promise<EndReason>;
  /** Says goodbye, finishes writes, gives the identity back. May be called more than once. */
  stop(): Promise<void>;
}

const BLOCK_BYTES_MAX = 256 * 1024 * 1024;
/** Addresses told by other peers are handed to the transport this often. */
const LEARN_INTERVAL_MS = 2_000;

/**
 * Resolves when the peer runs; it may take a moment longer until a daemon answers, which the view tells. Rejects with
 * a TabPeerError, a NetworkError for a malformed address, or a StorageError.
 */
export async function createTabPeer(options: TabPeerOptions, overrides: TabPeerOverrides = {}): Promise<TabPeer> {
  const page: PageSecurity = { isHttps: globalThis.location.protocol === 'https:' };
  await checkRequirements(globalThis as unknown as BrowserGlobals);
  if (options.bootstrap.length === 0) {
    throw new TabPeerError('configuration', 'a tab needs the address of at least one daemon to join through');
  }
  checkAddresses(options.bootstrap, page);
  const parameters = options.network === undefined ? openParameters() : testParameters(options.network);
  const slot = await takeSlot(navigator.locks, parameters.network);
  const closing: (() => unknown)[] = [() => slot.release()];
  try {
    return await assemble(options, overrides, page, parameters, slot, closing);
  } catch (error) {
    await closeAll(closing, options.logger ?? silentLogger);
    throw error;
  }
}

async function assemble(
  options: TabPeerOptions,
  overrides: TabPeerOverrides,
  page: PageSecurity,
  parameters: Parameters,
  slot: Slot,
  closing: (() => unknown)[],
): Promise<TabPeer> {
  const { logger = silentLogger, bootstrap, paused = [] } = options;
  let resolveEnded: (reason: EndReason) => void = () => undefined;
  const ended = new Promise<EndReason>((resolve) => {
    resolveEnded = resolve;
  });
  let ending: Promise<void> | undefined;
  const end = (reason: EndReason): Promise<void> => {
    ending ??= closeAll(closing, logger).then(() => resolveEnded(reason));
    return ending;
  };
  const cores = options.cores ?? Math.max(1, Math.floor(navigator.hardwareConcurrency / 2));
  const agent = `shoal-tab/${options.version ?? '0'}`;
  const clock = createClock(startTimerWorker());
  closing.push(() => clock.close());
  const { store, seed } = await openStore(slot, clock, options, () => void end('storage-lost'));
  closing.push(() => store.close());
  const identity = await createIdentity(seed);
  const database = checkpointDatabase(slot.name);
  const checkpoints = new IndexedDbCheckpoints({ name: database, bytesMax: CHECKPOINTS_BYTES_MAX, nowMs: Date.now });
  closing.push(() => checkpoints.close());
  const executor = new SandboxExecutor({
    spawn: createSpawn(logger, database),
    schedule: (afterMs, callback) => clock.schedule(clock.now() + afterMs, callback),
    sha256: hashNow,
    blocks: store.blocks,
    checkpoints,
    logger,
    cores: Math.max(1, cores),
  });
  closing.push(() => executor.close());
  const transport = createTabTransport({
    privateKey: identity.privateKey,
    bootstrap,
    parameters,
    blocks: store.blocks,
    logger,
    agent,
    soon: (callback) => clock.defer(callback),
    every: (intervalMs, callback) => repeat(clock, intervalMs, callback),
    addressesChanged: (addresses) => driver.dispatch({ type: 'addresses-changed', addresses }),
  });
  const { publicKey: self, saltSecret } = identity;
  const peer = createPeer({ self, saltSecret, parameters, cores, addresses: [], agent, random: Math.random });
  const random = { next: Math.random };
  const environment = {
    clock,
    random,
    identity,
    store,
    executor: overrides.executor?.(executor) ?? executor,
    checkpoints,
    transport,
  };
  const driver = createDriver({ peer, environment, logger });
  const capacity = new Capacity({
    cores,
    paused,
    dispatch: (event) => driver.dispatch(event),
    resize: (workers) => executor.resize(workers),
  });
  const { jobs, kernels, kernelRecords, desk } = createOwnJobs({
    driver,
    store,
    transport,
    clock,
    logger,
    quorumMin: parameters.quorumMin,
    library: options.kernels ?? kernelsAt(new URL('kernels/', document.baseURI)),
  });
  jobs.listen();
  closing.push(() => desk.close());
  closing.push(() => driver.stop());
  await driver.start();
  if (paused.length > 0) capacity.announce();
  closing.push(keepLearning(driver, transport, clock, page));
  // Not waited for: a page that is left must say goodbye at once, and joins that are cut off are done again.
  closing.push(() => void jobs.stop());

  const leave = (): void => {
    // What must still leave this page has to leave within this task.
    clock.hurry();
    identity.hurry();
    void end('page-left');
    void linger();
  };
  globalThis.addEventListener('pagehide', leave);
  closing.push(() => globalThis.removeEventListener('pagehide', leave));
  await jobs.resume();

  return {
    self,
    peerName: peerNameOf(self),
    slot: slot.number,
    parameters,
    driver,
    capacity,
    jobs,
    kernels,
    kernelRecords,
    peers: () => transport.peers(),
    async dial(address) {
      checkAddresses([address], page);
      await transport.dial(address);
    },
    storage: () => {
      const { count: blocks, byteLength: bytes, byteLengthMax: bytesMax } = store.blocks;
      return { blocks, bytes, bytesMax };
    },
    every: (intervalMs, callback) => repeat(clock, intervalMs, callback),
    block: (cid) => store.blocks.get(cid),
    ended,
    stop: () => end('stopped'),
  };
}

/** Microtasks that a goodbye takes on its way to the socket, with room to spare, and time for the browser to take it. */
const LINGER_HOPS = 2_000;
const LINGER_MS = 80;

/**
 * Holds the page's thread for a moment after the last words have been handed to the socket: what the browser's network
 * process has not taken when the page is gone is lost. Nothing but waiting busily keeps a page in its last task.
 */
async function linger(): Promise<void> {
  for (let hop = 0; hop < LINGER_HOPS; hop++) await undefined;
  const untilMs = performance.now() + LINGER_MS;
  while (performance.now() < untilMs);
}

async function openStore(
  slot: Slot,
  clock: TabClock,
  { blockBytesMax = BLOCK_BYTES_MAX }: TabPeerOptions,
  lost: () => void,
): Promise<{ store: IndexedDbStore; seed: Uint8Array }> {
  const database = await Database.open({ name: slot.name, lost });
  try {
    const seed = (await database.get('secrets', 'seed')) ?? (await createSeed(database));
    return { store: await openIndexedDbStore({ database, blockBytesMax, nowMs: clock.now }), seed };
  } catch (error) {
    database.close();
    throw error;
  }
}

async function createSeed(database: Database): Promise<Uint8Array> {
  const seed = globalThis.crypto.getRandomValues(new Uint8Array(SEED_BYTES));
  await database.change(['secrets'], true, (transaction) => {
    transaction
      .objectStore('secrets')
      .put(seed, 'seed')
      .catch(() => undefined);
  });
  return seed;
}

/** Hands addresses that peers announce to the transport, as far as a tab can dial them. Returns what ends it. */
function keepLearning(driver: Driver, transport: NetworkTransport, clock: TabClock, page: PageSecurity): () => void {
  return repeat(clock, LEARN_INTERVAL_MS, () => {
    // Of connected peers, too: one that is reached through a relay may have a better address.
    for (const { peer, addresses } of driver.view().peers) {
      const usable = dialable(addresses, page);
      if (usable.length > 0) transport.learn(peer, usable);
    }
  });
}

/** Last opened, first closed; one that fails does not keep the others open. */
async function closeAll(closing: readonly (() => unknown)[], logger: Logger): Promise<void> {
  for (const close of closing.toReversed()) {
    try {
      await close();
    } catch (error) {
      logger.log('warn', 'something did not close as it should', { error: String(error) });
    }
  }
}
