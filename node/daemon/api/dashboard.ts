/** What the page needs beyond what the CLI does: built-in kernels, the peer's capacity, and outputs unit by unit. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { PauseReason } from '../../protocol/event.ts';
import type { Cid } from '../../protocol/ids.ts';
import { BlockError, parseCid } from '../../protocol/wire/block.ts';
import type { Driver } from '../../runtime/driver.ts';
import type { KernelReport } from '../../sandbox/inspect.ts';
import type { Inspection } from '../../sandbox/inspection.ts';
import type { KernelCatalogue } from '../../sdk/jobs/catalogue.ts';
import type { KernelRecords } from '../../sdk/jobs/kernel-records.ts';
import type { JobService } from '../../sdk/jobs/service.ts';
import { ShoalError } from '../errors.ts';
import { moduleIn } from './module-body.ts';
import type { About } from './routes.ts';
import { checked } from './server.ts';

export interface DashboardParts {
  readonly driver: Driver;
  readonly jobs: JobService;
  readonly kernels: KernelCatalogue<KernelReport>;
  readonly kernelRecords: KernelRecords<Inspection>;
  readonly capacity: Capacity;
  readonly about: About;
}

/** Threads for work units. */
export interface Capacity {
  /** What this machine has. */
  readonly coresMax: number;
  /** Makes room for this many units side by side; 0 is allowed. */
  resize(cores: number): void;
}

const watch = { config: { authority: 'watch' } } as const;
const act = { config: { authority: 'act' } } as const;

export function addDashboardRoutes(server: FastifyInstance, parts: DashboardParts): void {
  const { driver, jobs, kernels, kernelRecords, capacity, about } = parts;
  const body = z.strictObject({
    cores: z.int().min(0).max(capacity.coresMax).optional(),
    paused: z.boolean().optional(),
  });

  server.get('/v1/kernels', watch, async () => ({ kernels: await kernels.builtIn() }));
  server.post('/v1/kernels/inspect', { ...act, bodyLimit: 16 * 1024 * 1024 }, async (request) => {
    return kernels.inspect(await moduleIn(request));
  });
  /** Of a content id, or of the kernel that a job uses. Nothing is fetched for it. */
  server.get<{ Params: { kernel: string } }>('/v1/kernels/:kernel', watch, async ({ params }) => {
    const record = await kernelRecords.of(kernelIn(params.kernel, parts));
    const uses = record.uses.map((use) => ({ ...use, submitterName: about.peerName(use.submitter) }));
    return { ...record, uses };
  });
  server.get('/v1/capacity', watch, () => {
    const { cores, paused } = driver.view();
    return { cores, paused, coresMax: capacity.coresMax };
  });
  /** Holds until the daemon stops: its configuration says what it starts with. */
  server.post('/v1/capacity', act, (request) => {
    const wanted = checked(body, request.body, 'capacity');
    const view = driver.view();
    const cores = wanted.cores ?? view.cores;
    const others = view.paused.filter((reason) => reason !== 'manual');
    const isPaused = wanted.paused ?? view.paused.includes('manual');
    const paused: readonly PauseReason[] = isPaused ? ['manual', ...others] : others;
    capacity.resize(cores);
    driver.dispatch({ type: 'capacity-changed', cores, paused });
    return { cores, paused, coresMax: capacity.coresMax };
  });
  /** The outputs of one unit's tasks, one after the other, as soon as the unit has a result. */
  server.get<{ Params: { job: string; unit: string } }>(
    '/v1/jobs/:job/units/:unit/output',
    watch,
    async ({ params }, reply) => {
      const job = jobs.resolve(params.job);
      if (!/^\d{1,6}$/.test(params.unit)) throw new ShoalError('usage', `unit ${params.unit} is not a number`);
      const output = await jobs.unitOutput(job, Number(params.unit));
      return reply.type('application/octet-stream').send(Buffer.from(output.buffer, 0, output.length));
    },
  );
}

/** Throws a ShoalError `usage`, or an SdkError for a job that is not known. */
function kernelIn(text: string, { driver, jobs }: Pick<DashboardParts, 'driver' | 'jobs'>): Cid {
  if (!isContentId(text)) {
    const job = jobs.resolve(text);
    const kernel = driver.jobView(job)?.spec.kernel ?? jobs.note(job)?.kernel;
    if (kernel === undefined) throw new ShoalError('not-found', `no job ${text}`);
    return kernel;
  }
  try {
    return parseCid(text).toString() as Cid;
  } catch (error) {
    if (error instanceof BlockError)
      throw new ShoalError('usage', `${text} is no content id of a kernel: ${error.message}`);
    throw error;
  }
}

/** Ids of jobs have hexadecimal digits only. */
export function isContentId(text: string): boolean {
  return !/^[0-9a-f]*$/i.test(text);
}
