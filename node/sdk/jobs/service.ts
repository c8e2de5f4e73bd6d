/**
 * Jobs of this peer's owner, from submission to a result that is kept. The same in a daemon and in a tab.
 *
 * A kernel is inspected, and one or two of its tasks are tried here, before anything is announced: what cannot work is
 * refused at once, and the measured time becomes the job's expected duration. Blocks are pinned under a draft first and under the
 * job once it has an id, so that nothing is evicted in between and a crash in between leaves nothing behind. When the
 * network has agreed on every unit the outputs are joined; the notes of this service make that possible after any restart.
 */
import { concatBytes } from '../../protocol/bytes.ts';
import type { Cid, Digest, JobId, UnitIndex } from '../../protocol/ids.ts';
import { BLOCK_BYTES_MAX } from '../../protocol/limits.ts';
import type { Notification } from '../../protocol/notification.ts';
import type { JobView } from '../../protocol/view.ts';
import { decodeInputIndex, decodeUnitOutput } from '../../protocol/wire/block.ts';
import { type Metering, unitCount } from '../../protocol/work/job.ts';
import type { Driver } from '../../runtime/driver.ts';
import type { Clock, Executor, FetchOutcome, Transport } from '../../runtime/environment.ts';
import type { Logger } from '../../runtime/log.ts';
import { SdkError } from '../error.ts';
import { type JobPolicy, type PreparedJob, prepareJob } from '../prepare.ts';
import type { KernelCatalogue, KernelChoice } from './catalogue.ts';
import { effortOf, joinJob } from './join.ts';
import { type Merger, reduceBy } from './merge.ts';
import { DRAFT_PREFIX, type FinishedOutcome, type JobNote, type JobOutcome, NOTE_PREFIX } from './note.ts';
import { Pace, type Progress, progressOf } from './progress.ts';
import { resultsToDrop } from './result-room.ts';
import type { JobStore } from './store.ts';
import { newTicket, tryOut } from './trial.ts';

export interface Submission {
  readonly kernel: KernelChoice;
  readonly arguments: Readonly<Record<string, string>>;
  readonly file: { readonly name: string; readonly bytes: Uint8Array } | undefined;
  readonly policy: JobPolicy;
}

/** How an error becomes part of a note, and an error again when somebody asks for the result. */
export interface Failures {
  describe(error: unknown): { readonly code: string; readonly message: string };
  revive(code: string, message: string): Error;
}

export interface JobServiceParts {
  readonly driver: Driver;
  readonly store: JobStore;
  /** For trials. */
  readonly executor: Pick<Executor, 'execute' | 'cancel'>;
  readonly merger: Merger;
  readonly transport: Pick<Transport, 'fetch'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metering: Metering;
  /** Least quorum this network accepts. */
  readonly quorumMin: number;
  readonly kernels: Pick<KernelCatalogue, 'load'>;
  readonly sha256: (bytes: Uint8Array) => Digest | Promise<Digest>;
  /** Different at every call. */
  readonly randomId: () => string;
  readonly failures: Failures;
  /** Own jobs remembered; those that ended longest ago are forgotten first, with their results. */
  readonly notesMax: number;
  /** Bytes of results kept, the latest one apart; without it only their number is bounded. */
  readonly resultBytesMax?: number;
}

/** Time for joins under way when the peer stops. */
const STOP_MAX_MS = 2_000;

/** Submissions under way at a time are few; notifications about jobs of an earlier life of this peer are dropped. */
const ENDED_EARLY_MAX = 256;

export class JobService {
  readonly #parts: JobServiceParts;
  readonly #notes = new Map<JobId, JobNote>();
  readonly #paces = new Map<JobId, Pace>();
  /** Jobs that ended before their submission had been noted here. */
  readonly #endedEarly = new Set<JobId>();
  readonly #ending = new Map<JobId, Promise<void>>();
  #unsubscribe: (() => void) | undefined;
  #stopping = false;

  constructor(parts: JobServiceParts) {
    this.#parts = parts;
  }

  /** Call before the driver starts, so that no notification is missed; `resume` after it. */
  listen(): void {
    this.#unsubscribe = this.#parts.driver.subscribe((notification) => this.#heard(notification));
  }

  /** Reads notes, adopts jobs whose submission was cut short, joins what finished while nobody looked. */
  async resume(): Promise<void> {
    const { store, driver } = this.#parts;
    const drafts: JobNote[] = [];
    for (const { key, value } of await store.notes.all()) {
      const note = value as JobNote;
      if (key.startsWith(NOTE_PREFIX)) this.#notes.set(note.job, note);
      else if (key.startsWith(DRAFT_PREFIX)) drafts.push(note);
    }
    for (const row of driver.view().jobs) {
      if (!row.own || this.#notes.has(row.job)) continue;
      const spec = driver.jobView(row.job)?.spec;
      const draft = drafts.find((note) => note.kernel === spec?.kernel && note.input === spec.input);
      if (draft !== undefined) await this.#adopt({ ...draft, job: row.job });
    }
    for (const { job } of drafts) await this.#discardDraft(job);
    for (const holder of store.blocks.holders()) {
      if (holder.startsWith(DRAFT_PREFIX)) await store.blocks.release(holder);
    }
    for (const job of this.#notes.keys()) this.#look(job);
  }

  /** Gives results that are being joined a moment to get to disk; a longer join is done again at the next start. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#unsubscribe?.();
    if (this.#ending.size === 0) return;
    const { clock } = this.#parts;
    const enough = new Promise<void>((resolve) => clock.schedule(clock.now() + STOP_MAX_MS, resolve));
    await Promise.race([Promise.allSettled(this.#ending.values()), enough]);
  }

  /**
   * Resolves when the job is announced. Rejects with an SdkError, a StorageError, or what the catalogue rejects with.
   * Nothing is tried where this peer gives no cores.
   */
  async submit(submission: Submission): Promise<JobId> {
    const { store, driver, kernels, metering, clock, sha256: hash } = this.#parts;
    const { wasm, manifest } = await kernels.load(submission.kernel);
    const policy = this.#withQuorum(submission.policy);
    const options = { manifest, wasm, args: submission.arguments, file: submission.file?.bytes, metering, hash };
    let prepared = await prepareJob({ ...options, policy });
    const draftId = `${DRAFT_PREFIX}${this.#parts.randomId()}` as JobId;
    try {
      for (const { cid, bytes } of prepared.blocks) await store.blocks.put(cid, bytes, draftId);
      const measured = driver.view().cores > 0 ? await tryOut(prepared, draftId, this.#parts) : undefined;
      if (measured !== undefined) {
        prepared = { ...prepared, request: { ...prepared.request, expectedUnitMs: measured } };
      }
      const draft: JobNote = {
        job: draftId,
        manifest,
        arguments: submission.arguments,
        taskSize: policy.taskSize,
        fileName: submission.file?.name,
        kernel: prepared.request.kernel,
        input: prepared.request.input,
        title: prepared.request.title,
        tasks: prepared.request.taskCount,
        units: unitCount(prepared.request),
        quorum: prepared.request.quorum,
        submittedAtMs: clock.now(),
        outcome: undefined,
      };
      await store.notes.put(draftId, draft);
      const job = await announce(driver, prepared);
      await this.#adopt({ ...draft, job });
      // The view runs ahead of the disk; the notification comes when outputs are kept. It may have come already.
      if (this.#endedEarly.delete(job)) this.#look(job);
      return job;
    } finally {
      await this.#discardDraft(draftId);
    }
  }

  cancel(job: JobId): void {
    const note = this.#own(job);
    if (note.outcome !== undefined) throw new SdkError('job-ended', `job ${job} is ${note.outcome.state} already`);
    this.#parts.driver.dispatch({ type: 'job-controlled', job, action: 'cancel' });
  }

  /** Throws an SdkError when the job has ended, or the quorum is no larger than it is. */
  raise(job: JobId, quorum: number): void {
    const note = this.#own(job);
    if (note.outcome !== undefined) throw new SdkError('job-ended', `job ${job} is ${note.outcome.state} already`);
    const present = this.#parts.driver.jobView(job)?.quorum ?? note.quorum;
    if (quorum <= present) {
      throw new SdkError(
        'quorum-too-low',
        `quorum ${quorum}: job ${job} asks for ${present} already, and a quorum is only ever raised`,
      );
    }
    this.#parts.driver.dispatch({ type: 'job-raised', job, quorum });
  }

  progress(job: JobId): Progress | undefined {
    const note = this.#notes.get(job);
    if (note === undefined) return undefined;
    const { driver, clock } = this.#parts;
    return progressOf(note, driver.jobView(job), this.#paces.get(job), clock.now());
  }

  /** Own jobs, the latest last. */
  notes(): readonly JobNote[] {
    return [...this.#notes.values()].sort((a, b) => a.submittedAtMs - b.submittedAtMs);
  }

  note(job: JobId): JobNote | undefined {
    return this.#notes.get(job);
  }

  /** What is known of a result. Throws while there is none: still running, failed, cancelled, of another peer. */
  finished(job: JobId): FinishedOutcome {
    const { outcome } = this.#own(job);
    if (outcome === undefined) throw new SdkError('job-running', `job ${job} has not finished yet`);
    if (outcome.state === 'failed') throw this.#parts.failures.revive(outcome.code, outcome.message);
    if (outcome.state !== 'finished') throw new SdkError('job-cancelled', `job ${job} is ${outcome.state}`);
    return outcome;
  }

  /** The whole result. Rejects as `finished` throws, or with an SdkError `output-missing`. */
  async result(job: JobId): Promise<Uint8Array> {
    this.finished(job);
    if (this.#own(job).resultDropped === true) {
      throw new SdkError(
        'output-missing',
        `the result of job ${job} gave way to later ones: there is room for so many`,
      );
    }
    const bytes = await this.#parts.store.results.get(job);
    if (bytes === undefined) throw new SdkError('output-missing', `the result of job ${job} is no longer kept here`);
    return bytes;
  }

  /** Outputs of one unit's tasks, one after the other. Rejects with an SdkError: `job-not-own`, `unit-unfinished`. */
  async unitOutput(job: JobId, unit: UnitIndex): Promise<Uint8Array> {
    this.#own(job);
    const row = this.#parts.driver.jobView(job)?.unitRows.find((candidate) => candidate.unit === unit);
    const block = row?.output === undefined ? undefined : await this.#parts.store.blocks.get(row.output);
    if (block === undefined) throw new SdkError('unit-unfinished', `unit ${unit} has no result here yet`);
    return concatBytes(...decodeUnitOutput(block).outputs);
  }

  /** The job whose id starts with `prefix`. Throws an SdkError `job-unknown`, or `job-ambiguous` where several do. */
  resolve(prefix: string): JobId {
    const known = new Set([...this.#notes.keys(), ...this.#parts.driver.view().jobs.map(({ job }) => job)]);
    const found = [...known].filter((job) => job.startsWith(prefix.toLowerCase()));
    if (found.length === 0 || prefix === '') {
      throw new SdkError('job-unknown', `no job ${prefix || '""'} is known here. "shoal jobs" lists them.`);
    }
    if (found.length > 1)
      throw new SdkError('job-ambiguous', `${found.length} jobs start with ${prefix}: give more digits`);
    return found[0]!;
  }

  #own(job: JobId): JobNote {
    const note = this.#notes.get(job);
    if (note === undefined) throw new SdkError('job-not-own', `job ${job} was submitted by another peer`);
    return note;
  }

  #withQuorum(policy: JobPolicy): JobPolicy {
    const { quorumMin } = this.#parts;
    if (policy.quorum !== undefined && policy.quorum < quorumMin) {
      throw new SdkError(
        'quorum-too-low',
        `this network accepts results from a quorum of ${quorumMin} on, not ${policy.quorum}`,
      );
    }
    return policy;
  }

  #heard(notification: Notification): void {
    if (notification.type === 'unit-result') {
      const pace = this.#paces.get(notification.job) ?? new Pace();
      this.#paces.set(notification.job, pace);
      pace.add(this.#parts.clock.now());
    } else if (notification.type === 'job-finished' || notification.type === 'job-cancelled') {
      if (this.#notes.has(notification.job)) this.#look(notification.job);
      else this.#noteEarlyEnd(notification.job);
    }
  }

  #noteEarlyEnd(job: JobId): void {
    this.#endedEarly.add(job);
    const [oldest] = this.#endedEarly;
    if (this.#endedEarly.size > ENDED_EARLY_MAX && oldest !== undefined) this.#endedEarly.delete(oldest);
  }

  /** Ends an own job if the network is done with it and its outcome is not noted yet. */
  #look(job: JobId): void {
    const note = this.#notes.get(job);
    if (note === undefined || note.outcome !== undefined || this.#ending.has(job)) return;
    const view = this.#parts.driver.jobView(job);
    if (view === undefined) return;
    const { state } = view;
    if (state !== 'finished' && state !== 'cancelled' && state !== 'expired') return;
    const ending = (state === 'finished' ? this.#joined(note, view) : Promise.resolve({ state }))
      .then((outcome) => this.#end(note, { ...outcome, endedAtMs: this.#parts.clock.now() }))
      .catch((error: unknown) => {
        this.#parts.logger.log('error', 'the end of a job could not be noted; it is tried again at the next start', {
          job,
          error: String(error),
        });
      })
      .finally(() => this.#ending.delete(job));
    this.#ending.set(job, ending);
  }

  async #joined(note: JobNote, view: JobView) {
    try {
      const { merger, store, sha256 } = this.#parts;
      const reduce = reduceBy(merger, view.spec.kernel, note.manifest, view.spec.parameters);
      const block = (cid: Cid, job: JobId, row: JobView['unitRows'][number]) => this.#block(cid, job, row);
      return await joinJob(note, view, { block, reduce, results: store.results, sha256 });
    } catch (error) {
      // A join that was cut off says nothing about the job.
      if (this.#stopping) throw error;
      const { code, message } = this.#parts.failures.describe(error);
      return { state: 'failed' as const, code, message, ...effortOf(view) };
    }
  }

  async #end(note: JobNote, outcome: JobOutcome): Promise<void> {
    const ended = { ...note, outcome };
    await this.#parts.store.notes.put(NOTE_PREFIX + note.job, ended);
    this.#notes.set(note.job, ended);
    this.#paces.delete(note.job);
    this.#parts.logger.log('info', `job ${outcome.state}`, {
      job: note.job,
      ...('label' in outcome ? { label: outcome.label } : {}),
      ...('message' in outcome ? { reason: outcome.message } : {}),
    });
    await this.#forgetOldest();
    await this.#makeRoom();
  }

  async #forgetOldest(): Promise<void> {
    for (const { job, outcome } of this.notes()) {
      if (this.#notes.size <= this.#parts.notesMax) return;
      if (outcome === undefined) continue;
      this.#notes.delete(job);
      await this.#parts.store.notes.delete(NOTE_PREFIX + job);
      await this.#parts.store.results.delete(job);
    }
  }

  /** Noted first: a result that is said to be here is. */
  async #makeRoom(): Promise<void> {
    const { resultBytesMax, store, logger } = this.#parts;
    if (resultBytesMax === undefined) return;
    for (const job of resultsToDrop([...this.#notes.values()], resultBytesMax)) {
      const note: JobNote = { ...this.#own(job), resultDropped: true };
      await store.notes.put(NOTE_PREFIX + job, note);
      this.#notes.set(job, note);
      await store.results.delete(job);
      logger.log('info', 'an old result gave way to later ones', { job });
    }
  }

  async #adopt(note: JobNote): Promise<void> {
    const { blocks, notes } = this.#parts.store;
    const index = await blocks.get(note.input);
    await blocks.pin([note.kernel, note.input, ...(index === undefined ? [] : decodeInputIndex(index))], note.job);
    await notes.put(NOTE_PREFIX + note.job, note);
    this.#notes.set(note.job, note);
  }

  async #discardDraft(draft: JobId): Promise<void> {
    await this.#parts.store.notes.delete(draft);
    await this.#parts.store.blocks.release(draft);
  }

  async #block(cid: Cid, job: JobId, row: JobView['unitRows'][number]): Promise<Uint8Array | undefined> {
    const { store, transport } = this.#parts;
    const kept = await store.blocks.get(cid);
    if (kept !== undefined) return kept;
    const providers = row.revealedBy.filter(({ root }) => root === row.root).map(({ author }) => author);
    await new Promise<FetchOutcome>((done) =>
      transport.fetch({ job, cids: [cid], providers, bytesMax: BLOCK_BYTES_MAX }, done),
    );
    return store.blocks.get(cid);
  }
}

function announce(driver: Driver, { request, unitInputs }: PreparedJob): Promise<JobId> {
  const ticket = newTicket();
  return new Promise((resolve, reject) => {
    const unsubscribe = driver.subscribe((notification) => {
      if (!('ticket' in notification) || notification.ticket !== ticket) return;
      unsubscribe();
      if (notification.type === 'job-accepted') resolve(notification.job);
      else reject(new SdkError('job-refused', `the job was refused: ${notification.detail} (${notification.code})`));
    });
    driver.dispatch({ type: 'job-submitted', ticket, request, unitInputs });
  });
}
