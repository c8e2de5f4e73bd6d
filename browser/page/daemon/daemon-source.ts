/**
 * A daemon as the page's peer. One stream of events brings the view; jobs that are looked at are fetched again as long
 * as they change. A stream that ends or falls silent is opened again by itself, ever more rarely up to ten seconds.
 */
import type { Cid, JobId, UnitIndex } from '../../../node/protocol/ids.ts';
import type { Notification } from '../../../node/protocol/notification.ts';
import type { JobView, PeerView } from '../../../node/protocol/view.ts';
import type { Inspection } from '../../../node/sandbox/inspection.ts';
import type { KernelRecord } from '../../../node/sdk/jobs/kernel-records.ts';
import type { About, Change, Connection, KernelEntry, OwnJob, PageSubmission, PeerSource } from '../peer-source.ts';
import { Api, ApiError } from './api.ts';
import { SseParser } from './sse.ts';

/** The daemon sends a view every three seconds at least. */
const SILENCE_MAX_MS = 12_000;
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 10_000;
/** Facts about the process change rarely. */
const ABOUT_INTERVAL_MS = 10_000;
/** A job nobody has asked for this long is no longer fetched. */
const WATCHED_MS = 10_000;
const JOB_INTERVAL_MS = 900;
/** A job of thousands of units is some megabytes: it is fetched less often. */
const LARGE_JOB_UNITS = 4_000;
const LARGE_JOB_INTERVAL_MS = 6_000;

interface StatusAnswer extends Omit<About, 'coresMax'> {
  readonly view: PeerView;
}

interface JobAnswer {
  readonly view?: JobView;
  readonly progress?: Omit<OwnJob, 'picture'>;
  readonly picture?: OwnJob['picture'];
}

interface WatchedJob {
  askedAtMs: number;
  fetchedAtMs: number;
  isFetching: boolean;
  isSettled: boolean;
  answer: JobAnswer | undefined;
}

export class DaemonSource implements PeerSource {
  readonly kind = 'daemon';
  readonly #api: Api;
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #jobs = new Map<JobId, WatchedJob>();
  #connection: Connection = { state: 'connecting' };
  #about: About | undefined;
  #aboutAtMs = 0;
  #view: PeerView | undefined;

  constructor(token: string | undefined) {
    this.#api = new Api(token ?? '');
    if (token === undefined) this.#connection = { state: 'refused', why: 'missing' };
    else void this.#follow();
  }

  connection(): Connection {
    return this.#connection;
  }

  about(): About | undefined {
    return this.#about;
  }

  view(): PeerView | undefined {
    return this.#view;
  }

  jobView(job: JobId): JobView | undefined {
    return this.#watched(job).answer?.view;
  }

  ownJob(job: JobId): OwnJob | undefined {
    const answer = this.#watched(job).answer;
    return answer?.progress && { ...answer.progress, picture: answer.picture };
  }

  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async kernels(): Promise<readonly KernelEntry[]> {
    return (await this.#api.json<{ kernels: readonly KernelEntry[] }>('kernels')).kernels;
  }

  inspect(wasm: Uint8Array<ArrayBuffer>): Promise<Pick<KernelEntry, 'report' | 'cid'>> {
    return this.#api.json('kernels/inspect', { method: 'POST', bytes: new Blob([wasm]) });
  }

  kernel(cid: Cid): Promise<KernelRecord<Inspection>> {
    return this.#api.json(`kernels/${cid}`);
  }

  async submit({ kernel, file, ...rest }: PageSubmission): Promise<JobId> {
    const json = {
      ...rest,
      kernel:
        'name' in kernel
          ? kernel
          : { upload: await this.#api.upload(new Blob([kernel.wasm])), manifest: kernel.manifest },
      ...(file === undefined ? {} : { file: { upload: await this.#api.upload(file), name: file.name } }),
    };
    return (await this.#api.json<{ job: JobId }>('jobs', { method: 'POST', json })).job;
  }

  async cancel(job: JobId): Promise<void> {
    await this.#api.ask(`jobs/${job}/cancel`, { method: 'POST', json: {} });
    this.#watched(job).isSettled = false;
  }

  async setCapacity(wanted: { readonly cores?: number; readonly paused?: boolean }): Promise<void> {
    await this.#api.ask('capacity', { method: 'POST', json: wanted });
    await this.#refreshStatus();
  }

  unitOutput(job: JobId, unit: UnitIndex): Promise<Uint8Array<ArrayBuffer>> {
    return this.#api.bytes(`jobs/${job}/units/${unit}/output`);
  }

  result(job: JobId): Promise<Uint8Array<ArrayBuffer>> {
    return this.#api.bytes(`jobs/${job}/result`);
  }

  async #follow(): Promise<void> {
    for (let waitMs = RETRY_FIRST_MS; ; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
      try {
        await this.#refreshStatus();
        await this.#readEvents(() => {
          waitMs = RETRY_FIRST_MS;
        });
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) {
          return this.#setConnection({ state: 'refused', why: 'wrong' });
        }
      }
      if (this.#connection.state !== 'lost') this.#setConnection({ state: 'lost', sinceMs: Date.now() });
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  async #readEvents(onEvent: () => void): Promise<void> {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENCE_MAX_MS);
    try {
      const { body } = await this.#api.ask('events', { signal: silence.signal });
      if (body === null) return;
      const parser = new SseParser();
      const reader = body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE_MAX_MS);
        onEvent();
        if (this.#connection.state !== 'live') this.#setConnection({ state: 'live' });
        for (const { event, data } of parser.push(value)) this.#heard(event, data);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #heard(event: string, data: string): void {
    if (event === 'notification') {
      this.#emit({ type: 'notification', notification: JSON.parse(data) as Notification });
    } else if (event === 'view') {
      this.#view = JSON.parse(data) as PeerView;
      this.#emit({ type: 'view' });
      this.#fetchJobs();
      if (Date.now() - this.#aboutAtMs > ABOUT_INTERVAL_MS) void this.#refreshStatus().catch(() => undefined);
    }
  }

  async #refreshStatus(): Promise<void> {
    const [{ view, ...about }, { coresMax }] = await Promise.all([
      this.#api.json<StatusAnswer>('status'),
      this.#api.json<{ coresMax: number }>('capacity'),
    ]);
    this.#aboutAtMs = Date.now();
    this.#about = { ...about, coresMax };
    this.#view = view;
    this.#emit({ type: 'view' });
  }

  #watched(job: JobId): WatchedJob {
    const known = this.#jobs.get(job);
    const watched = known ?? {
      askedAtMs: 0,
      fetchedAtMs: 0,
      isFetching: false,
      isSettled: false,
      answer: undefined,
    };
    watched.askedAtMs = Date.now();
    if (known === undefined) {
      this.#jobs.set(job, watched);
      void this.#fetchJob(job, watched);
    }
    return watched;
  }

  #fetchJobs(): void {
    const now = Date.now();
    for (const [job, watched] of this.#jobs) {
      const isLarge = (watched.answer?.view?.units ?? 0) > LARGE_JOB_UNITS;
      const intervalMs = isLarge ? LARGE_JOB_INTERVAL_MS : JOB_INTERVAL_MS;
      if (watched.isSettled || now - watched.askedAtMs > WATCHED_MS || now - watched.fetchedAtMs < intervalMs) continue;
      void this.#fetchJob(job, watched);
    }
  }

  async #fetchJob(job: JobId, watched: WatchedJob): Promise<void> {
    if (watched.isFetching) return;
    watched.isFetching = true;
    try {
      const answer = await this.#api.json<JobAnswer>(`jobs/${job}`);
      watched.answer = answer;
      // An own job is settled when its result is joined, a job of somebody else when the network is done with it.
      const state = answer.progress === undefined ? answer.view?.state : answer.progress.outcome?.state;
      watched.isSettled = state !== undefined && ['finished', 'failed', 'cancelled', 'expired'].includes(state);
      this.#emit({ type: 'job', job });
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) watched.isSettled = true;
    } finally {
      watched.isFetching = false;
      watched.fetchedAtMs = Date.now();
    }
  }

  #setConnection(connection: Connection): void {
    this.#connection = connection;
    this.#emit({ type: 'connection' });
  }

  #emit(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}
