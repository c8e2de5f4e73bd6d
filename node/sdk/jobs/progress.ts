/** How far a job of the owner is: counts, pace, and what stands behind its results so far. */
import type { JobId, Millis, PeerKey } from '../../protocol/ids.ts';
import type { JobView, ResultLabel, UnitRow, UnitState } from '../../protocol/view.ts';
import type { JobNote, JobOutcome } from './note.ts';

export interface Progress {
  readonly job: JobId;
  readonly title: string;
  readonly kernel: string;
  /** `joining`: every unit has its result and they are being put together. */
  readonly state: 'announcing' | 'running' | 'paused' | 'joining' | 'finished' | 'failed' | 'cancelled' | 'expired';
  readonly tasks: number;
  readonly units: number;
  /** Units with a result. */
  readonly done: number;
  readonly counts: Readonly<Record<UnitState, number>> | undefined;
  /** Replicas whose result is the accepted one, over units with a result; and all replicas revealed there. */
  readonly replicasAgreeing: number;
  readonly replicasRevealed: number;
  readonly label: string;
  readonly unitsPerSecond: number | undefined;
  readonly etaSeconds: number | undefined;
  readonly elapsedMs: Millis;
  readonly fuel: number;
  readonly executions: number;
  readonly roster: number;
  readonly refuted: readonly { readonly author: PeerKey; readonly units: number }[];
  readonly outcome: JobOutcome | undefined;
}

/** Times remembered for the pace; enough to smooth bursts, few enough to follow a change. */
const TIMES_MAX = 256;
const WINDOW_MS = 30_000;

/** Pace of one job: when units got their results. */
export class Pace {
  readonly #times: Millis[] = [];

  add(atMs: Millis): void {
    this.#times.push(atMs);
    if (this.#times.length > TIMES_MAX) this.#times.shift();
  }

  /** Units a second over the last half minute; undefined before there are two. */
  perSecond(nowMs: Millis): number | undefined {
    const recent = this.#times.filter((at) => nowMs - at <= WINDOW_MS);
    const first = recent[0];
    if (first === undefined || recent.length < 2) return undefined;
    return (recent.length - 1) / Math.max(0.001, (nowMs - first) / 1_000);
  }
}

export function progressOf(note: JobNote, view: JobView | undefined, pace: Pace | undefined, nowMs: Millis): Progress {
  const { outcome } = note;
  const results = view?.unitRows.filter(hasResult) ?? [];
  const done = view === undefined ? (outcome?.state === 'finished' ? note.units : 0) : results.length;
  const unitsPerSecond = outcome === undefined ? pace?.perSecond(nowMs) : undefined;
  const effort = outcome !== undefined && 'label' in outcome ? outcome : undefined;
  return {
    job: note.job,
    title: note.title,
    kernel: note.manifest.name,
    state: outcome?.state ?? (view?.state === 'finished' ? 'joining' : (view?.state ?? 'announcing')),
    tasks: note.tasks,
    units: note.units,
    done,
    counts: view?.counts,
    replicasAgreeing: results.reduce(
      (sum, row) => sum + row.revealedBy.filter(({ root }) => root === row.root).length,
      0,
    ),
    replicasRevealed: results.reduce((sum, row) => sum + row.revealedBy.length, 0),
    label: view === undefined ? (effort?.label ?? '') : labelOf(results),
    unitsPerSecond,
    etaSeconds: unitsPerSecond === undefined ? undefined : (note.units - done) / unitsPerSecond,
    elapsedMs: (outcome?.endedAtMs ?? nowMs) - note.submittedAtMs,
    fuel: view?.fuel ?? effort?.fuel ?? 0,
    executions: view?.executions ?? effort?.executions ?? 0,
    roster: view?.roster ?? 0,
    refuted: view?.refuted ?? (effort?.refuted as Progress['refuted'] | undefined) ?? [],
    outcome,
  };
}

export function hasResult(row: UnitRow): boolean {
  return row.label !== undefined && row.output !== undefined;
}

/** `own`, `quorum 2/2`, or `quorum 2/2 (60 units), own (4 units)` where it differs between units. */
export function labelOf(rows: readonly UnitRow[]): string {
  const units = new Map<string, number>();
  for (const { label } of rows) {
    if (label !== undefined) units.set(wordsOf(label), (units.get(wordsOf(label)) ?? 0) + 1);
  }
  const [first, ...others] = [...units].sort(([, a], [, b]) => b - a);
  if (first === undefined) return '';
  if (others.length === 0) return first[0];
  return [first, ...others].map(([words, number]) => `${words} (${number} unit${number === 1 ? '' : 's'})`).join(', ');
}

export function wordsOf(label: ResultLabel): string {
  if (label.kind === 'own') return 'own';
  return `quorum ${label.counted}/${label.needed}${label.sequential ? ' sequential' : ''}`;
}
