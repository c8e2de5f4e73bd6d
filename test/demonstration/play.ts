/**
 * One job through a swarm, from submission to its result, and what happens to it on the way: a peer is killed at its
 * work and replaced. Says what happened and judges nothing.
 */
import type { SubmissionBody } from '../../node/daemon/api/routes.ts';
import type { ExplainedReason } from '../../node/daemon/cli/client.ts';
import type { JobId } from '../../node/protocol/ids.ts';
import type { JobView } from '../../node/protocol/view.ts';
import type { Progress } from '../../node/sdk/jobs/progress.ts';
import { until } from '../support/daemon.ts';
import { type Casualty, killAtWork } from './casualty.ts';
import type { Swarm, SwarmPeer } from './swarm.ts';

export interface Piece {
  /** Name of a built-in kernel. */
  readonly kernel: string;
  readonly arguments: Readonly<Record<string, string>>;
  readonly file?: { readonly name: string; readonly bytes: Uint8Array };
  readonly policy?: SubmissionBody['policy'];
}

export interface Killing {
  /** Peers of which one is killed, the first that is seen at work. */
  readonly victims: readonly SwarmPeer[];
  readonly from: number;
  readonly to: number;
  /** Name of a peer that is started as soon as one is dead. */
  readonly replacement?: string;
}

const STALL_MS = 20_000;

export interface PlayOptions {
  readonly swarm: Swarm;
  readonly submitter: SwarmPeer;
  readonly piece: Piece;
  readonly killing?: Killing;
  readonly timeoutMs?: number;
  readonly onProgress?: (progress: Progress) => void;
  readonly onKilled?: (casualty: Casualty) => void;
  readonly onReplaced?: (replacement: SwarmPeer) => void;
  /** Nothing has come of the job for a while; what the submitter says it waits for. */
  readonly onStalled?: (why: readonly ExplainedReason[]) => void;
}

export interface Played {
  readonly job: JobId;
  readonly bytes: Uint8Array;
  readonly progress: Progress;
  /** The submitter's view when the job had finished. */
  readonly view: JobView;
  readonly casualty: Casualty | undefined;
  readonly replacement: SwarmPeer | undefined;
}

/** Rejects if the job fails, takes longer than `timeoutMs`, or gives no occasion to kill. */
export async function play(options: PlayOptions): Promise<Played> {
  const { swarm, submitter, timeoutMs = 300_000 } = options;
  const job = await submit(submitter, options.piece);
  const killed = options.killing === undefined ? undefined : killAndReplace(swarm, job, options, options.killing);
  // Whichever fails first ends the play; a kill that can no longer happen must not leave an unhandled rejection.
  const watched = watchForStalls(submitter, job, options);
  const finished = untilFinished(submitter, job, timeoutMs, watched);
  const [progress, losses] = await Promise.all([finished, killed]);
  const view = (await submitter.client.job(job)).view!;
  const bytes = await submitter.client.result(job);
  return { job, bytes, progress, view, casualty: losses?.casualty, replacement: losses?.replacement };
}

export async function submit({ client }: SwarmPeer, piece: Piece): Promise<JobId> {
  const { kernel, file, policy = {} } = piece;
  const uploaded = file && { upload: await client.uploadBytes(Uint8Array.from(file.bytes)), name: file.name };
  return client.submit({
    kernel: { name: kernel },
    arguments: { ...piece.arguments },
    ...(uploaded === undefined ? {} : { file: uploaded }),
    policy,
  });
}

export async function untilFinished(
  { client }: SwarmPeer,
  job: JobId,
  timeoutMs: number,
  onProgress: (progress: Progress) => void = () => undefined,
): Promise<Progress> {
  return until(
    `job ${job.slice(0, 10)} to finish`,
    async () => {
      const progress = await client.progress(job);
      onProgress(progress);
      const { outcome } = progress;
      if (outcome === undefined) return undefined;
      if (outcome.state === 'finished') return progress;
      throw new Error(`the job ${outcome.state}${'message' in outcome ? `: ${outcome.message}` : ''}`);
    },
    timeoutMs,
    100,
  );
}

/** Tells of progress, and asks why where there has been none for a while. */
function watchForStalls({ client }: SwarmPeer, job: JobId, { onProgress, onStalled }: PlayOptions) {
  let seen = '';
  let sinceMs = performance.now();
  return (progress: Progress): void => {
    onProgress?.(progress);
    const state = `${progress.done} ${progress.replicasRevealed}`;
    if (state === seen && performance.now() - sinceMs < STALL_MS) return;
    if (state === seen && progress.outcome === undefined) {
      client.job(job).then(
        ({ why }) => onStalled?.(why),
        () => undefined,
      );
    }
    seen = state;
    sinceMs = performance.now();
  };
}

async function killAndReplace(swarm: Swarm, job: JobId, options: PlayOptions, killing: Killing) {
  const { victims, from, to } = killing;
  const casualty = await killAtWork({ swarm, job, submitter: options.submitter, victims, from, to });
  options.onKilled?.(casualty);
  if (killing.replacement === undefined) return { casualty, replacement: undefined };
  const replacement = await swarm.start(killing.replacement);
  options.onReplaced?.(replacement);
  return { casualty, replacement };
}
