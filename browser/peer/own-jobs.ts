/**
 * Jobs of the person at this tab: the same service as in the daemon, over IndexedDB and a worker of its own. A reload
 * goes on with what was submitted and joins what has finished meanwhile.
 */
import { sha256 as hashNow } from '@noble/hashes/sha2.js';
import { toHex } from '../../node/protocol/bytes.ts';
import type { Digest } from '../../node/protocol/ids.ts';
import type { Driver } from '../../node/runtime/driver.ts';
import type { Clock, Transport } from '../../node/runtime/environment.ts';
import type { Logger } from '../../node/runtime/log.ts';
import { METERING, SandboxExecutor } from '../../node/sandbox/executor.ts';
import type { KernelReport } from '../../node/sandbox/inspect.ts';
import { type Inspection, inspectionOf } from '../../node/sandbox/inspection.ts';
import { SdkError } from '../../node/sdk/error.ts';
import { KernelCatalogue, type KernelLibrary } from '../../node/sdk/jobs/catalogue.ts';
import { KernelRecords } from '../../node/sdk/jobs/kernel-records.ts';
import { JobService } from '../../node/sdk/jobs/service.ts';
import { Desk } from './desk.ts';
import type { IndexedDbStore } from './indexed-db-store.ts';
import { sha256 } from './sha256.ts';
import { createSpawn } from './workers.ts';

export interface OwnJobsParts {
  readonly driver: Driver;
  readonly store: IndexedDbStore;
  readonly transport: Pick<Transport, 'fetch'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly quorumMin: number;
  /** Kernels that come with the page. */
  readonly library: KernelLibrary;
}

export interface OwnJobs {
  readonly jobs: JobService;
  readonly kernels: KernelCatalogue<KernelReport>;
  readonly kernelRecords: KernelRecords<Inspection>;
  /** The worker for all of this. */
  readonly desk: Desk;
}

/** Own jobs remembered with their results; a browser gives a site less room than a disk has. */
const NOTES_MAX = 128;
/** As much as blocks may take: a browser that runs short throws away all that a site keeps, its identity too. */
const RESULT_BYTES_MAX = 256 * 1024 * 1024;

export function createOwnJobs({ library, ...parts }: OwnJobsParts): OwnJobs {
  const { clock, logger, store } = parts;
  const schedule = (afterMs: number, callback: () => void) => clock.schedule(clock.now() + afterMs, callback);
  const spawn = createSpawn(logger);
  const desk = new Desk({
    open: () => new SandboxExecutor({ spawn, schedule, sha256: hashNow, blocks: store.blocks, logger, cores: 1 }),
    schedule,
  });
  const kernels = new KernelCatalogue(library, (wasm, abi) => desk.inspect(wasm, abi));
  const kernelRecords = new KernelRecords({
    driver: parts.driver,
    blocks: store.blocks,
    inspect: (wasm: Uint8Array) => inspectionOf(desk.inspect(wasm)),
  });
  const jobs = new JobService({
    ...parts,
    executor: desk,
    merger: desk,
    metering: METERING,
    kernels,
    sha256: async (bytes) => toHex(await sha256(bytes)) as Digest,
    randomId: () => globalThis.crypto.randomUUID(),
    failures: {
      describe(error) {
        const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
        return { code: typeof code === 'string' ? code : 'failed', message: String(message ?? error) };
      },
      revive: (_code, message) => new SdkError('job-failed', message),
    },
    notesMax: NOTES_MAX,
    resultBytesMax: RESULT_BYTES_MAX,
  });
  return { jobs, kernels, kernelRecords, desk };
}
