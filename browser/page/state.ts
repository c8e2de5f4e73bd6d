/** What the page knows, as signals that views read: everything in here follows from what the source says. */
import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { Cid, JobId } from '../../node/protocol/ids.ts';
import type { Notification } from '../../node/protocol/notification.ts';
import type { JobView, PeerView } from '../../node/protocol/view.ts';
import type { Inspection } from '../../node/sandbox/inspection.ts';
import type { Citizen } from '../citizen/index.ts';
import { extended, type Sample, sampleOf } from './model/history.ts';
import { focusOf } from './model/jobs.ts';
import { LOG_LINES_MAX, type LogLine, lineOf } from './model/log.ts';
import { type Route, routeOf } from './model/route.ts';
import { shortPeerName } from './model/words.ts';
import type { About, Connection, OwnJob, PeerSource } from './peer-source.ts';
import type { OwnPart } from './volunteer/own-part.ts';

export interface WatchedJob {
  readonly view: JobView | undefined;
  readonly own: OwnJob | undefined;
}

/** What only a tab has beside its peer. */
export interface PageExtras {
  readonly citizen?: Citizen;
  /** The link that brings others to this network. */
  readonly inviteUrl?: string;
  /** Which identity of this origin the tab speaks under; 0 for the first tab. */
  readonly slot?: number;
  /** What it has computed of pictures that others asked for. */
  readonly ownPart?: Pick<OwnPart, 'plan' | 'has' | 'output'>;
  /** Addresses of the peers it joins through. */
  readonly joinedThrough?: readonly string[];
  /** Whether it starts without being asked; a change is kept. */
  readonly startsByItself?: Signal<boolean>;
}

/** Pause between two questions about the same kernel. */
const INSPECTION_RETRY_MS = 3_000;

export class PageState {
  readonly source: PeerSource;
  readonly extras: PageExtras;
  readonly connection: Signal<Connection>;
  readonly about: Signal<About | undefined>;
  readonly view: Signal<PeerView | undefined>;
  readonly history: Signal<readonly Sample[]> = signal([]);
  readonly log: Signal<readonly LogLine[]> = signal([]);
  readonly route: Signal<Route>;
  /** The job that is looked at: the one in the address, else the one this peer is busy with. */
  readonly focus: ReadonlySignal<JobId | undefined>;
  readonly job: Signal<WatchedJob | undefined> = signal(undefined);
  /** Why the latest unit that failed on this machine did, until one succeeds. */
  readonly unitFailure: Signal<string | undefined> = signal(undefined);
  /** The last thing that was asked for and failed, until something else is asked for. */
  readonly failure: Signal<string | undefined> = signal(undefined);
  readonly #inspections = new Map<Cid, { readonly found: Signal<Inspection | undefined>; askedAtMs: number }>();
  #nextLine = 0;

  constructor(source: PeerSource, hash: string, extras: PageExtras = {}) {
    this.source = source;
    this.extras = extras;
    this.connection = signal(source.connection());
    this.about = signal(source.about());
    this.view = signal(source.view());
    this.route = signal(routeOf(hash));
    this.focus = computed(() => {
      const route = this.route.value;
      if (route.view === 'job') return route.job;
      return this.view.value && focusOf(this.view.value);
    });
    this.focus.subscribe(() => this.#lookAtJob());
    source.subscribe((change) => {
      if (change.type === 'connection') this.connection.value = source.connection();
      else if (change.type === 'view') this.#viewChanged();
      else if (change.type === 'job') this.#lookAtJob();
      else this.#heard(change.notification);
    });
  }

  get mayAct(): boolean {
    return this.about.value?.mayAct === true && this.connection.value.state === 'live';
  }

  /** The link that invites others; undefined where nobody can join by one. */
  get inviteUrl(): string | undefined {
    return this.extras.inviteUrl ?? this.about.value?.volunteerUrl;
  }

  /**
   * What a kernel's module is; undefined before it is here. What reads it is drawn again when it is known, and asks
   * again now and then until it is: a module arrives with the first unit.
   */
  inspection(cid: Cid): Inspection | undefined {
    const known = this.#inspections.get(cid) ?? { found: signal(undefined), askedAtMs: Number.NEGATIVE_INFINITY };
    this.#inspections.set(cid, known);
    const isDue = known.found.peek() === undefined && performance.now() - known.askedAtMs > INSPECTION_RETRY_MS;
    if (isDue && this.source.kernel !== undefined) {
      known.askedAtMs = performance.now();
      const noteIt = ({ inspection }: { readonly inspection: Inspection | undefined }): void => {
        known.found.value = inspection;
      };
      // Whoever looks is told that it is not known; the next look asks again.
      void this.source.kernel(cid).then(noteIt, () => undefined);
    }
    return known.found.value;
  }

  /** Does what somebody asked for, and says so where it cannot be done. Resolves to undefined then. */
  async attempt<T>(what: string, action: () => Promise<T>): Promise<T | undefined> {
    this.failure.value = undefined;
    try {
      return await action();
    } catch (error) {
      this.failure.value = `${what}: ${error instanceof Error ? error.message : String(error)}`;
      return undefined;
    }
  }

  #heard(notification: Notification): void {
    if (notification.type === 'unit-failed-here') this.unitFailure.value = notification.detail;
    if (!this.#isRepeated(notification)) this.#addLine(lineOf(notification, shortPeerName));
  }

  #viewChanged(): void {
    const view = this.source.view();
    this.about.value = this.source.about();
    const executed = this.view.peek()?.totals.unitsExecuted ?? 0;
    if (view !== undefined && view.totals.unitsExecuted > executed) this.unitFailure.value = undefined;
    this.view.value = view;
    if (view !== undefined) this.history.value = extended(this.history.value, sampleOf(view));
    this.#lookAtJob();
  }

  #lookAtJob(): void {
    const job = this.focus.peek();
    this.job.value = job === undefined ? undefined : { view: this.source.jobView(job), own: this.source.ownJob?.(job) };
  }

  /** An agreed unit of an own job is told again as its result. */
  #isRepeated(notification: Notification): boolean {
    if (notification.type !== 'verdict' || notification.verdict !== 'agreed') return false;
    return this.view.peek()?.jobs.some(({ job, own }) => own && job === notification.job) === true;
  }

  #addLine(line: Pick<LogLine, 'tone' | 'text'> | undefined): void {
    if (line === undefined) return;
    const full = { ...line, id: this.#nextLine++, atMs: Date.now() };
    this.log.value = [full, ...this.log.value.slice(0, LOG_LINES_MAX - 1)];
  }
}
