/** What can be asked of a running peer, and what it can be told. Bodies and parameters are checked here. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { NetworkUsage } from '../../network/options.ts';
import type { Millis, PeerKey } from '../../protocol/ids.ts';
import { REPLICAS_MAX } from '../../protocol/limits.ts';
import type { JobRow, JobView, PeerView, Reason } from '../../protocol/view.ts';
import type { Driver } from '../../runtime/driver.ts';
import { renderMetrics } from '../../runtime/metrics.ts';
import { type Explanation, explain } from '../../runtime/why.ts';
import { picturePlanOf } from '../../sdk/jobs/picture.ts';
import type { JobService } from '../../sdk/jobs/service.ts';
import { ShoalError } from '../errors.ts';
import type { ResultFiles } from '../jobs/results.ts';
import { shortName } from '../short-name.ts';
import { toJson } from './json.ts';
import { checked } from './server.ts';
import type { Uploads } from './uploads.ts';

export interface ApiParts {
  readonly driver: Driver;
  readonly jobs: JobService;
  readonly results: ResultFiles;
  readonly uploads: Uploads;
  readonly about: About;
}

/** Facts about the process that the protocol does not know. */
export interface About {
  readonly version: string;
  readonly pid: number;
  readonly dataFolder: string;
  readonly preset: string;
  readonly network: string;
  readonly embedded: boolean;
  readonly startedAtMs: Millis;
  readonly peerName: (peer: PeerKey) => string;
  readonly multiaddrs: () => readonly string[];
  readonly usage: () => NetworkUsage;
  /** Link with which others join by a tab; undefined where this peer serves no page for them. */
  readonly volunteerUrl: () => string | undefined;
  readonly storage: () => { readonly blocks: number; readonly bytes: number; readonly bytesMax: number };
}

const raising = z.strictObject({ quorum: z.int().min(2).max(REPLICAS_MAX) });

const submission = z.strictObject({
  kernel: z.union([
    z.strictObject({ name: z.string().min(1).max(128) }),
    z.strictObject({ upload: z.string(), manifest: z.unknown() }),
  ]),
  arguments: z.record(z.string(), z.string()).default({}),
  /** The input file, for kernels that read one, and the name it had. */
  file: z.strictObject({ upload: z.string(), name: z.string().max(1_024) }).optional(),
  policy: z
    .strictObject({
      quorum: z.int().min(1).optional(),
      replicas: z.int().min(1).optional(),
      ownResults: z.enum(['never', 'alone', 'always']).optional(),
      tasksPerUnit: z.int().min(1).optional(),
      taskSize: z.int().min(1).optional(),
      priority: z.int().optional(),
      ttlMs: z.int().min(1).optional(),
    })
    .default({}),
});

export type SubmissionBody = z.input<typeof submission>;

const watch = { config: { authority: 'watch' } } as const;
const act = { config: { authority: 'act' } } as const;

export function addRoutes(server: FastifyInstance, parts: ApiParts): void {
  const { driver, jobs, results, uploads, about } = parts;
  server.setReplySerializer((payload) => toJson(payload));

  server.get('/v1/status', watch, ({ mayAct }) => {
    const view = driver.view();
    const { peerName, multiaddrs, usage, volunteerUrl, storage, ...facts } = about;
    return {
      ...facts,
      mayAct,
      peerName: peerName(view.self),
      addresses: multiaddrs(),
      ...usage(),
      volunteerUrl: volunteerUrl(),
      storage: storage(),
      view,
      why: explainAll(view.why, view, about),
    };
  });
  server.get('/v1/peers', watch, () => ({
    peers: driver.view().peers.map((row) => ({ ...row, peerName: about.peerName(row.peer) })),
  }));
  server.get('/v1/jobs', watch, () => ({ jobs: driver.view().jobs.map((row) => withOwn(row, parts)) }));
  server.get('/v1/metrics', watch, (_request, reply) => {
    return reply
      .type('text/plain; version=0.0.4')
      .serializer((text: unknown) => String(text))
      .send(renderMetrics(driver.view()));
  });
  server.get('/v1/why', watch, (request) => {
    const { job } = checked(z.strictObject({ job: z.string().optional() }), request.query, 'query');
    const view = driver.view();
    if (job === undefined) return { why: explainAll(view.why, view, about) };
    const id = jobs.resolve(job);
    const row = view.jobs.find((candidate) => candidate.job === id);
    return { job: id, why: explainAll(row?.why ?? [], view, about), progress: jobs.progress(id) };
  });

  server.post('/v1/jobs', act, async (request, reply) => {
    const body = checked(submission, request.body, 'submission');
    const { kernel } = body;
    const job = await jobs.submit({
      kernel:
        'name' in kernel
          ? { name: kernel.name }
          : { bytes: await uploads.take(kernel.upload), manifest: kernel.manifest },
      arguments: body.arguments,
      file: body.file && { name: body.file.name, bytes: await uploads.take(body.file.upload) },
      policy: body.policy,
    });
    return reply.code(201).send({ job });
  });
  server.get<{ Params: { job: string } }>('/v1/jobs/:job', watch, ({ params }) => {
    const id = jobs.resolve(params.job);
    const view = driver.jobView(id);
    const progress = jobs.progress(id);
    if (view === undefined && progress === undefined) throw new ShoalError('not-found', `no job ${params.job}`);
    const names = Object.fromEntries(peersIn(view).map((key) => [key, about.peerName(key)]));
    const note = jobs.note(id);
    const picture = note && picturePlanOf(note);
    return { job: id, view, progress, picture, names, why: explainAll(view?.why ?? [], driver.view(), about) };
  });
  server.get<{ Params: { job: string } }>('/v1/jobs/:job/progress', watch, ({ params }) => {
    const id = jobs.resolve(params.job);
    const progress = jobs.progress(id);
    if (progress === undefined) throw new ShoalError('not-yours', `job ${id} was submitted by another peer`);
    return progress;
  });
  server.get<{ Params: { job: string } }>('/v1/jobs/:job/result', watch, async ({ params }, reply) => {
    const id = jobs.resolve(params.job);
    const { byteLength } = jobs.finished(id);
    return reply.type('application/octet-stream').header('content-length', byteLength).send(results.stream(id));
  });
  server.post<{ Params: { job: string } }>('/v1/jobs/:job/cancel', act, ({ params }) => {
    const id = jobs.resolve(params.job);
    jobs.cancel(id);
    return { job: id };
  });
  server.post<{ Params: { job: string } }>('/v1/jobs/:job/raise', act, ({ params, body }) => {
    const id = jobs.resolve(params.job);
    const { quorum } = checked(raising, body, 'raise');
    jobs.raise(id, quorum);
    return { job: id, quorum };
  });
}

function peersIn(view: JobView | undefined): readonly PeerKey[] {
  if (view === undefined) return [];
  const authors = view.unitRows.flatMap((row) => [...row.countedAuthors, ...row.claimedBy, ...row.committedBy]);
  return [...new Set([view.submitter, ...view.rosterPeers, ...view.refuted.map(({ author }) => author), ...authors])];
}

function withOwn(row: JobRow, { jobs, about }: ApiParts): object {
  return {
    ...row,
    submitterName: about.peerName(row.submitter),
    label: row.own ? jobs.progress(row.job)?.label : undefined,
  };
}

function explainAll(
  reasons: readonly Reason[],
  view: PeerView,
  about: About,
): readonly (Explanation & { reason: Reason })[] {
  return reasons.map((reason) => ({
    reason,
    ...explain(reason, { peer: (key) => shortName(about.peerName(key)), nowMs: view.nowMs }),
  }));
}
