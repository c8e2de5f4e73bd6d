/**
 * The composition root on Node.js: the one place where configuration becomes a running peer. Every part is handed to
 * those that need it; `overrides` puts another one in its place, which is how a test or the demonstration runs a
 * whole real peer with one part of its own.
 */
import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createNodeTransport } from '../network/nodejs.ts';
import { peerNameOf } from '../network/peer-key.ts';
import type { NetworkTransport } from '../network/transport.ts';
import type { PeerKey } from '../protocol/ids.ts';
import type { PeerStateMachine } from '../protocol/machine.ts';
import { openParameters, type Parameters, privateParameters, testParameters } from '../protocol/parameters.ts';
import { createPeer } from '../protocol/peer.ts';
import { createDriver, type Driver } from '../runtime/driver.ts';
import type { Clock, Environment, Executor, Store, Transport } from '../runtime/environment.ts';
import type { Logger } from '../runtime/log.ts';
import { explain } from '../runtime/why.ts';
import { METERING } from '../sandbox/executor.ts';
import { inspectionOf } from '../sandbox/inspection.ts';
import { KernelCatalogue } from '../sdk/jobs/catalogue.ts';
import { KernelRecords } from '../sdk/jobs/kernel-records.ts';
import { JobService } from '../sdk/jobs/service.ts';
import { type Api, startApi } from './api/server.ts';
import { createUploads } from './api/uploads.ts';
import { CheckpointFiles } from './checkpoint-files.ts';
import { createClock } from './clock.ts';
import type { Config } from './config.ts';
import { type DataFolder, openDataFolder, writeWhole } from './data-folder.ts';
import { errorOf, translate } from './errors.ts';
import { createIdentity } from './identity.ts';
import { AGENT, KERNEL_FOLDER, PAGE_FOLDER, SANDBOX_FOLDER, VERSION, VOLUNTEER_PAGE_FOLDER } from './installation.ts';
import { createDigest } from './jobs/digest.ts';
import { kernelsIn } from './jobs/kernels.ts';
import { ResultFiles } from './jobs/results.ts';
import { explainListening } from './listen-error.ts';
import { isForTabs } from './volunteers/offer.ts';
import { planVolunteering } from './volunteers/volunteering.ts';
import { keptCertificate } from './webrtc-certificate.ts';
import { createSandbox } from './workers/sandbox.ts';

export interface Overrides {
  /** Executes work units instead of the sandbox, which is handed in. */
  readonly executor?: (sandbox: Executor) => Executor;
  readonly transport?: (transport: NetworkTransport) => NetworkTransport;
  readonly store?: (store: Store) => Store;
  readonly peer?: (peer: PeerStateMachine) => PeerStateMachine;
}

export interface Daemon {
  readonly self: PeerKey;
  readonly peerName: string;
  readonly driver: Driver;
  readonly jobs: JobService;
  readonly apiPort: number;
  /** Listen addresses that were added so that tabs find something to dial. */
  readonly addedListen: readonly string[];
  multiaddrs(): readonly string[];
  /** Where others join by a browser tab, with what it must know; undefined where no page is served. */
  volunteerUrl(): string | undefined;
  /** Says goodbye, finishes writes, closes everything. May be called more than once. */
  stop(): Promise<void>;
}

export interface DaemonOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** True for the peer of one `shoal run`. */
  readonly embedded?: boolean;
  readonly overrides?: Overrides;
}

/** Addresses told by other peers are handed to the transport this often. */
const LEARN_INTERVAL_MS = 2_000;
/** The owner's jobs remembered, each with its result on disk. */
const NOTES_MAX = 1_024;
/** Units begun and not finished: a few megabytes each, and rarely more of them than cores. */
const CHECKPOINTS_BYTES_MAX = 512 * 1024 * 1024;

/** Resolves when the peer listens and its API answers. Rejects with a ShoalError, NetworkError or StorageError. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { config, logger } = options;
  const clock = createClock();
  const folder = await openDataFolder({
    path: config.dataFolder,
    blockBytesMax: config.blockQuota,
    nowMs: () => Math.round(clock.now()),
  });
  const closing: (() => Promise<unknown>)[] = [() => folder.close()];
  try {
    return await assemble(options, clock, folder, closing);
  } catch (error) {
    await closeAll(closing, logger);
    throw error;
  }
}

async function assemble(
  { config, logger, embedded = false, overrides = {} }: DaemonOptions,
  clock: Clock,
  folder: DataFolder,
  closing: (() => Promise<unknown>)[],
): Promise<Daemon> {
  const identity = await createIdentity(folder.seed);
  const parameters = parametersOf(config);
  const { store } = folder;
  // One thread even where no cores are given: joining own results and settling disputes about them needs it.
  const checkpoints = await CheckpointFiles.open(folder.file('checkpoints'), CHECKPOINTS_BYTES_MAX);
  const sandbox = createSandbox({
    folder: SANDBOX_FOLDER,
    cores: Math.max(1, config.cores),
    blocks: store.blocks,
    checkpoints,
    logger,
    onHealth: (failure) => driver.dispatch({ type: 'sandbox-changed', failure }),
  });
  closing.push(() => sandbox.close());
  for (const warning of config.tls?.warnings ?? []) logger.log('warn', warning);
  const volunteering = planVolunteering(config);
  const addedListen = volunteering?.addedListen ?? [];
  const listen = [...config.listen, ...addedListen];
  const libp2p = createNodeTransport({
    privateKey: identity.privateKey,
    listen,
    bootstrap: config.bootstrap,
    swarmKey: config.swarmKey?.text,
    tls: config.tls,
    webRtcCertificate: () => keptCertificate({ path: folder.file('webrtc.pem'), nowMs: clock.now(), logger }),
    peersMax: config.peersMax,
    // Tabs need a relay to meet; a peer that no tab can connect to carries nobody's traffic.
    ...(listen.some(isForTabs) ? {} : { reservationsMax: 0 }),
    parameters,
    blocks: store.blocks,
    logger,
    agent: AGENT,
  });
  const transport = overrides.transport?.(libp2p) ?? libp2p;
  const peer = createPeer({
    self: identity.publicKey,
    saltSecret: identity.saltSecret,
    parameters,
    cores: config.cores,
    addresses: [],
    agent: AGENT,
    random: Math.random,
  });
  const environment: Environment = {
    clock,
    random: { next: Math.random },
    identity,
    store: overrides.store?.(store) ?? store,
    executor: overrides.executor?.(sandbox) ?? sandbox,
    checkpoints,
    transport: withDialLog(transport, logger),
  };
  const driver = createDriver({ peer: overrides.peer?.(peer) ?? peer, environment, logger });
  const kernels = new KernelCatalogue(kernelsIn(KERNEL_FOLDER), (wasm, abi) => sandbox.inspect(wasm, abi));
  const kernelRecords = new KernelRecords({
    driver,
    blocks: store.blocks,
    inspect: (wasm: Uint8Array) => inspectionOf(sandbox.inspect(wasm)),
  });
  const results = new ResultFiles(folder.file('results'));
  const jobs = new JobService({
    driver,
    store: { notes: store.notes, blocks: store.blocks, results },
    executor: sandbox,
    merger: sandbox,
    transport,
    clock,
    logger,
    metering: METERING,
    quorumMin: parameters.quorumMin,
    kernels,
    sha256: createDigest(),
    randomId: randomUUID,
    failures: { describe: translate, revive: errorOf },
    notesMax: NOTES_MAX,
  });
  jobs.listen();
  closing.push(() => driver.stop());
  // It comes up while the network does.
  if (config.cores > 0) sandbox.warm();
  try {
    await driver.start();
  } catch (error) {
    throw explainListening(error, listen, addedListen);
  }
  const multiaddrs = (): readonly string[] => transport.multiaddrs();
  const addresses = volunteering?.announced(multiaddrs()) ?? multiaddrs();
  driver.dispatch({ type: 'addresses-changed', addresses });
  const learning = setInterval(() => learnAddresses(driver, transport), LEARN_INTERVAL_MS);
  closing.push(async () => clearInterval(learning));
  closing.push(() => jobs.stop());
  await jobs.resume();

  const volunteers = await volunteering?.serve({ pageFolder: VOLUNTEER_PAGE_FOLDER, multiaddrs, logger });
  closing.push(async () => volunteers?.close());
  const peerName = peerNameOf(identity.publicKey);
  const api = await startApi({
    driver,
    jobs,
    results,
    logger,
    port: config.apiPort,
    actToken: folder.actToken,
    watchToken: folder.watchToken,
    uploads: createUploads(folder.file('uploads')),
    pageFolder: PAGE_FOLDER,
    kernels,
    kernelRecords,
    capacity: {
      coresMax: Math.max(availableParallelism(), config.cores),
      resize: (cores) => sandbox.resize(Math.max(1, cores)),
    },
    about: {
      version: VERSION,
      pid: process.pid,
      dataFolder: folder.path,
      preset: parameters.preset,
      network: parameters.network,
      embedded,
      startedAtMs: clock.now(),
      peerName: peerNameOf,
      multiaddrs,
      usage: () => transport.usage(),
      volunteerUrl: () => volunteers?.invitation(),
      storage: () => {
        const { count: blocks, byteLength: bytes, byteLengthMax: bytesMax } = store.blocks;
        return { blocks, bytes, bytesMax };
      },
    },
  });
  closing.push(() => api.close());
  await publishApi(folder, api, { embedded, peerName, addresses: multiaddrs() });

  let stopping: Promise<void> | undefined;
  return {
    self: identity.publicKey,
    peerName,
    driver,
    jobs,
    apiPort: api.port,
    addedListen,
    multiaddrs,
    volunteerUrl: () => volunteers?.invitation(),
    stop: () => {
      stopping ??= closeAll(closing, logger);
      return stopping;
    },
  };
}

export function parametersOf(config: Pick<Config, 'swarmKey' | 'network'>): Parameters {
  if (config.swarmKey !== undefined) return privateParameters(config.swarmKey.network);
  return config.network === undefined ? openParameters() : testParameters(config.network);
}

/** What the CLI reads to find this daemon. */
export interface ApiFile {
  readonly port: number;
  readonly pid: number;
  readonly embedded: boolean;
  readonly peer: string;
  readonly addresses: readonly string[];
}

async function publishApi(
  folder: DataFolder,
  api: Api,
  { embedded, peerName, addresses }: { embedded: boolean; peerName: string; addresses: readonly string[] },
): Promise<void> {
  const content: ApiFile = { port: api.port, pid: process.pid, embedded, peer: peerName, addresses };
  await writeWhole(join(folder.path, 'api.json'), `${JSON.stringify(content)}\n`, 0o600);
}

/** Last opened, first closed; one that fails does not keep the others open. */
async function closeAll(closing: readonly (() => Promise<unknown>)[], logger: Logger): Promise<void> {
  for (const close of closing.toReversed()) {
    try {
      await close();
    } catch (error) {
      logger.log('warn', 'something did not close as it should', { error: String(error) });
    }
  }
}

function learnAddresses(driver: Driver, transport: NetworkTransport): void {
  for (const { peer, addresses, connected } of driver.view().peers) {
    if (!connected && addresses.length > 0) transport.learn(peer, addresses);
  }
}

/** Reasons about a dial name no peer and no time. */
const WORDING = { peer: peerNameOf, nowMs: 0 };

/** Says in the log, once for each address and cause, what `shoal why` would say: a new peer's owner looks there first. */
function withDialLog(transport: Transport, logger: Logger): Transport {
  const told = new Set<string>();
  return {
    start: (listener) =>
      transport.start({
        ...listener,
        dialFailed(address, code, detail) {
          const key = `${address} ${code}`;
          if (!told.has(key) && told.size < 256) {
            told.add(key);
            const { text, advice } = explain({ code: 'dial-failed', address, failure: code, detail }, WORDING);
            logger.log('warn', text, { code, advice });
          }
          listener.dialFailed(address, code, detail);
        },
      }),
    stop: () => transport.stop(),
    publish: (bytes) => transport.publish(bytes),
    answer: (token, answer) => transport.answer(token, answer),
    send: (peer, bytes) => transport.send(peer, bytes),
    fetch: (request, done) => transport.fetch(request, done),
  };
}
