/**
 * The peer that lives in this tab as the page's peer. Nothing travels: snapshots are taken from the driver, when
 * something has happened there at most four times a second, otherwise once a second so that times move on, and not at
 * all while nobody looks at the page. One that shows nothing new while nothing is at work is passed on only now and
 * then. Notifications are passed on at once, looked at or not.
 */
import type { Cid, JobId, Millis, UnitIndex } from '../../../node/protocol/ids.ts';
import type { JobView, PeerView } from '../../../node/protocol/view.ts';
import type { Inspection } from '../../../node/sandbox/inspection.ts';
import type { KernelRecord } from '../../../node/sdk/jobs/kernel-records.ts';
import { picturePlanOf } from '../../../node/sdk/jobs/picture.ts';
import type { EndReason, TabPeer } from '../../peer/compose.ts';
import { isStill } from '../model/stillness.ts';
import { bytes as inBytes } from '../model/words.ts';
import type { About, Change, Connection, KernelEntry, OwnJob, PageSubmission, PeerSource } from '../peer-source.ts';

/** What is used of a tab's peer; tests hand in one of their own. */
export type WatchedPeer = Pick<TabPeer, 'driver' | 'capacity' | 'parameters' | 'peerName' | 'storage'> & {
  readonly jobs: Pick<TabPeer['jobs'], 'submit' | 'cancel' | 'progress' | 'note' | 'unitOutput' | 'result'>;
  readonly kernels: Pick<TabPeer['kernels'], 'builtIn' | 'inspect'>;
  readonly kernelRecords: Pick<TabPeer['kernelRecords'], 'of'>;
  readonly ended: Promise<EndReason>;
};

export interface TabSourceOptions {
  readonly peer: WatchedPeer;
  /** Of the page. */
  readonly version: string;
  /** The most cores that can be given; the browser's own number by default. */
  readonly coresMax?: number;
  /** Says whether anybody looks; the document by default. */
  readonly visibility?: Pick<Document, 'hidden' | 'addEventListener' | 'removeEventListener'>;
}

const REFRESH_MIN_MS = 250;
const TICK_MS = 1_000;
/** Nothing new is passed on this often all the same: charts move on, and round trips are told. */
const STILL_MS = 5_000;
/** A snapshot of a job of thousands of units is some megabytes: it is taken less often. */
const LARGE_JOB_UNITS = 4_000;
const LARGE_JOB_INTERVAL_MS = 3_000;
/** Snapshots of jobs kept: one page shows one job. */
const JOBS_MAX = 4;

interface JobSnapshot {
  readonly takenAtMs: Millis;
  readonly view: JobView | undefined;
  readonly own: OwnJob | undefined;
}

export class TabSource implements PeerSource {
  readonly kind = 'tab';
  readonly #peer: WatchedPeer;
  readonly #version: string;
  readonly #coresMax: number;
  readonly #visibility: NonNullable<TabSourceOptions['visibility']>;
  readonly #startedAtMs: Millis;
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #jobs = new Map<JobId, JobSnapshot>();
  readonly #closing: (() => void)[] = [];
  #connection: Connection = { state: 'live' };
  #view: PeerView;
  #refreshedAtMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether something has happened since the last snapshot. */
  #isStale = false;

  constructor({ peer, version, coresMax, visibility = document }: TabSourceOptions) {
    this.#peer = peer;
    this.#version = version;
    this.#coresMax = Math.max(coresMax ?? navigator.hardwareConcurrency, peer.capacity.state.cores);
    this.#visibility = visibility;
    this.#view = peer.driver.view();
    this.#startedAtMs = this.#view.nowMs;
    this.#refreshedAtMs = performance.now();
    this.#closing.push(
      peer.driver.subscribe((notification) => {
        this.#emit({ type: 'notification', notification });
        this.#changed();
      }),
    );
    const looked = (): void => (visibility.hidden ? this.#disarm() : this.#refresh());
    visibility.addEventListener('visibilitychange', looked);
    this.#closing.push(() => visibility.removeEventListener('visibilitychange', looked));
    void peer.ended.then(() => {
      this.close();
      this.#connection = { state: 'lost', sinceMs: Date.now() };
      this.#emit({ type: 'connection' });
    });
    this.#arm(TICK_MS);
  }

  connection(): Connection {
    return this.#connection;
  }

  about(): About {
    const { parameters, peerName } = this.#peer;
    return {
      version: this.#version,
      network: parameters.network,
      preset: parameters.preset,
      peerName,
      // A tab dials and is not dialled.
      addresses: [],
      startedAtMs: this.#startedAtMs,
      dataFolder: undefined,
      storage: this.#peer.storage(),
      mayAct: true,
      coresMax: this.#coresMax,
    };
  }

  view(): PeerView {
    return this.#view;
  }

  jobView(job: JobId): JobView | undefined {
    return this.#snapshot(job).view;
  }

  ownJob(job: JobId): OwnJob | undefined {
    return this.#snapshot(job).own;
  }

  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async setCapacity({ cores, paused }: { readonly cores?: number; readonly paused?: boolean }): Promise<void> {
    const { capacity } = this.#peer;
    if (cores !== undefined) capacity.setCores(cores);
    if (paused === true) capacity.pause('manual');
    if (paused === false) capacity.resume('manual');
    await this.#afterItsTurn();
  }

  kernels(): Promise<readonly KernelEntry[]> {
    return this.#peer.kernels.builtIn();
  }

  inspect(wasm: Uint8Array<ArrayBuffer>): Promise<Pick<KernelEntry, 'report' | 'cid'>> {
    return this.#peer.kernels.inspect(wasm);
  }

  kernel(cid: Cid): Promise<KernelRecord<Inspection>> {
    return this.#peer.kernelRecords.of(cid);
  }

  async submit({ kernel, arguments: given, file, policy }: PageSubmission): Promise<JobId> {
    const { bytesMax } = this.#peer.storage();
    if (file !== undefined && file.size > bytesMax) {
      throw new Error(`${file.name} has ${inBytes(file.size)}, and this tab keeps up to ${inBytes(bytesMax)}`);
    }
    const job = await this.#peer.jobs.submit({
      kernel: 'name' in kernel ? kernel : { bytes: kernel.wasm, manifest: kernel.manifest },
      arguments: given,
      file: file && { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) },
      policy,
    });
    this.#refresh();
    return job;
  }

  async cancel(job: JobId): Promise<void> {
    this.#peer.jobs.cancel(job);
    await this.#afterItsTurn();
  }

  async unitOutput(job: JobId, unit: UnitIndex): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.#peer.jobs.unitOutput(job, unit)) as Uint8Array<ArrayBuffer>;
  }

  async result(job: JobId): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.#peer.jobs.result(job)) as Uint8Array<ArrayBuffer>;
  }

  /** Follows the peer no longer. The peer itself goes on. */
  close(): void {
    for (const close of this.#closing.splice(0)) close();
    this.#disarm();
  }

  #changed(): void {
    if (this.#isStale) return;
    this.#isStale = true;
    this.#arm(Math.max(0, this.#refreshedAtMs + REFRESH_MIN_MS - performance.now()));
  }

  #tick(): void {
    const isDue = this.#isStale || performance.now() - this.#refreshedAtMs >= STILL_MS;
    const view = isDue ? undefined : this.#peer.driver.view();
    if (view === undefined || !isStill(this.#view, view)) this.#refresh(view);
    else this.#arm(TICK_MS);
  }

  #refresh(view = this.#peer.driver.view()): void {
    this.#isStale = false;
    this.#refreshedAtMs = performance.now();
    this.#view = view;
    this.#arm(TICK_MS);
    this.#emit({ type: 'view' });
  }

  /** What somebody has asked for reaches the peer in a turn of its own. */
  async #afterItsTurn(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#refresh();
  }

  #snapshot(job: JobId): JobSnapshot {
    const kept = this.#jobs.get(job);
    if (kept !== undefined && !this.#isOld(kept)) return kept;
    const { driver, jobs } = this.#peer;
    const [note, progress] = [jobs.note(job), jobs.progress(job)];
    const own = note && progress && { ...progress, picture: picturePlanOf(note) };
    const snapshot = { takenAtMs: performance.now(), view: driver.jobView(job), own };
    this.#jobs.delete(job);
    this.#jobs.set(job, snapshot);
    const [oldest] = this.#jobs.keys();
    if (this.#jobs.size > JOBS_MAX && oldest !== undefined) this.#jobs.delete(oldest);
    return snapshot;
  }

  #isOld({ takenAtMs, view }: JobSnapshot): boolean {
    if (takenAtMs >= this.#refreshedAtMs) return false;
    return (view?.units ?? 0) <= LARGE_JOB_UNITS || performance.now() - takenAtMs > LARGE_JOB_INTERVAL_MS;
  }

  #arm(afterMs: number): void {
    this.#disarm();
    if (this.#visibility.hidden || this.#closing.length === 0) return;
    this.#timer = setTimeout(() => this.#tick(), afterMs);
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #emit(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}
