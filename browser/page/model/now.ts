/** What this peer does at this moment, in one headline: for whom, or why not. */
import type { JobId } from '../../../node/protocol/ids.ts';
import { type PeerView, partDone, type Reason, type ReplicaRow } from '../../../node/protocol/view.ts';
import type { Explanation } from '../../../node/runtime/why.ts';
import type { PeerSource } from '../peer-source.ts';
import { reasonWords } from './reasons.ts';
import { count, sentence, shortPeerName } from './words.ts';

export interface Now {
  readonly mood: 'working' | 'waiting' | 'idle' | 'paused';
  readonly headline: string;
  /** Why it is so, beyond the headline. */
  readonly reasons: readonly Explanation[];
  /** Units this peer is busy with. */
  readonly running: readonly RunningUnit[];
  /** Units it has computed and that wait for others, by what they wait for. */
  readonly held: readonly { readonly doing: string; readonly units: number }[];
}

export interface RunningUnit {
  readonly job: JobId;
  readonly title: string;
  readonly unit: number;
  readonly doing: string;
  readonly sinceMs: number;
  /** From 0 to 1, once it is known. */
  readonly part: number | undefined;
}

const DOING: Readonly<Record<string, string>> = {
  fetching: 'fetching its input',
  executing: 'computing',
  committing: 'sealing the result',
  committed: 'sealed, waiting for others',
  frozen: 'about to be revealed',
  revealed: 'revealed, waiting for the verdict',
  failed: 'failed here',
};
/** What a paused peer would wait for if it were not paused: no answer to anything. */
const MOOT_WHILE_PAUSED: ReadonlySet<Reason['code']> = new Set<Reason['code']>([
  'no-job',
  'not-rostered',
  'rank-not-open',
  'claimed-by-others',
]);
const AT_WORK = new Set(['fetching', 'executing', 'committing']);

export function nowOf(view: PeerView, kind: PeerSource['kind'] = 'daemon'): Now {
  const wording = { peer: shortPeerName, nowMs: view.nowMs };
  const explained = (reasons: readonly Reason[]): readonly Explanation[] =>
    reasons.map((reason) => reasonWords(kind, reason, wording));
  const atWork = view.replicas.filter(({ phase }) => AT_WORK.has(phase));
  const running = atWork.map((replica) => runningUnit(replica, view));
  const held = heldOf(view.replicas);
  const isHolding = held.length > 0;

  if (view.paused.length > 0) {
    const [pause, others] = split(view.why, 'paused');
    const words = pause === undefined ? { text: 'paused', advice: undefined } : reasonWords(kind, pause, wording);
    const rest = explained(others.filter(({ code }) => !MOOT_WHILE_PAUSED.has(code)));
    const reasons = words.advice === undefined ? rest : [{ text: words.advice, advice: undefined }, ...rest];
    return { mood: 'paused', headline: sentence(words.text), reasons, running, held };
  }
  if (atWork.length > 0) {
    const [, others] = split(view.why, 'working');
    return { mood: 'working', headline: workOf(atWork, view), reasons: explained(others), running, held };
  }
  const [first, ...others] = explained(view.why.filter(({ code }) => code !== 'working'));
  if (first === undefined) {
    return {
      mood: isHolding ? 'waiting' : 'idle',
      headline: isHolding ? 'Waiting for others.' : 'Ready.',
      reasons: [],
      running,
      held,
    };
  }
  const headline = sentence(first.text);
  const rest = first.advice === undefined ? others : [{ text: first.advice, advice: undefined }, ...others];
  return { mood: isHolding ? 'waiting' : 'idle', headline, reasons: rest, running, held };
}

function heldOf(replicas: readonly ReplicaRow[]): Now['held'] {
  const units = new Map<string, number>();
  for (const { phase } of replicas) if (!AT_WORK.has(phase)) units.set(phase, (units.get(phase) ?? 0) + 1);
  return [...units].map(([phase, number]) => ({ doing: DOING[phase] ?? phase, units: number }));
}

/** `Computing 2 units of “Prime count” for 12D3…abc.` */
function workOf(atWork: readonly ReplicaRow[], view: PeerView): string {
  const jobs = [...new Set(atWork.map(({ job }) => job))].map((job) => {
    const row = view.jobs.find((candidate) => candidate.job === job);
    const units = count(atWork.filter((replica) => replica.job === job).length, 'unit');
    if (row === undefined) return units;
    return `${units} of “${row.title}” for ${row.own ? 'you' : shortPeerName(row.submitter)}`;
  });
  return `Computing ${jobs.join(', and ')}.`;
}

function runningUnit({ job, unit, phase, sinceMs, progress }: ReplicaRow, view: PeerView): RunningUnit {
  const title = view.jobs.find((row) => row.job === job)?.title ?? job.slice(0, 10);
  const part = progress && partDone(progress);
  const resumed = (progress?.resumedAt ?? 0) > 0 ? ' from where it was' : '';
  return { job, title, unit, doing: `${DOING[phase] ?? phase}${resumed}`, sinceMs, part };
}

function split(reasons: readonly Reason[], code: Reason['code']): [Reason | undefined, readonly Reason[]] {
  return [reasons.find((reason) => reason.code === code), reasons.filter((reason) => reason.code !== code)];
}
