/** Follows a job until it has ended, or until its owner presses Ctrl-C, which asks once: detach or cancel. */
import { createInterface } from 'node:readline/promises';
import type { FinishedOutcome } from '../../sdk/jobs/note.ts';
import type { Progress } from '../../sdk/jobs/progress.ts';
import { errorOf, ShoalError } from '../errors.ts';
import type { Client } from './client.ts';
import { ProgressLine, say } from './output.ts';

const POLL_MS = 250;
/** No unit has got its result for this long: its owner will want to know why. */
const STANDSTILL_MS = 5_000;

export interface FollowOptions {
  readonly client: Client;
  readonly job: string;
  /** The peer lives in this process: it stops when the CLI does. */
  readonly embedded: boolean;
}

/** Rejects with a ShoalError: `job-failed`, `job-cancelled`, or `interrupted` after Ctrl-C. */
export async function follow({ client, job, embedded }: FollowOptions): Promise<FinishedOutcome> {
  const line = new ProgressLine();
  const interrupt = new Interrupt();
  const standstill = new Standstill(client, job);
  try {
    for (;;) {
      const progress = await client.progress(job);
      line.show(progress);
      for (const reason of await standstill.reasons(progress)) {
        line.end();
        say(reason);
      }
      const { outcome } = progress;
      if (outcome?.state === 'finished') return outcome;
      if (outcome?.state === 'failed') throw errorOf(outcome.code, outcome.message);
      if (outcome !== undefined) throw new ShoalError('job-cancelled', `job ${job} is ${outcome.state}.`);
      if (await interrupt.within(POLL_MS)) {
        line.end();
        throw await interrupted({ client, job, embedded }, progress);
      }
    }
  } finally {
    line.end();
    interrupt.dispose();
  }
}

async function interrupted({ client, job, embedded }: FollowOptions, progress: Progress): Promise<ShoalError> {
  const wish = process.stdin.isTTY === true ? await ask(progress) : embedded ? 'cancel' : 'detach';
  if (wish === 'cancel') {
    await client.cancel(job);
    // An embedded peer must have told the others before it stops.
    await untilEnded(client, job);
    return new ShoalError('interrupted', `interrupted: job ${job} is cancelled.`);
  }
  return new ShoalError(
    'interrupted',
    embedded
      ? `interrupted: job ${job} stays in the data folder and goes on with the next "shoal up".`
      : `interrupted: the daemon goes on with job ${job}. "shoal result ${job.slice(0, 10)}" gets its result, "shoal cancel ${job.slice(0, 10)}" ends it.`,
  );
}

async function ask({ done, units }: Progress): Promise<'detach' | 'cancel'> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const leave = new Promise<string>((resolve) => terminal.once('SIGINT', () => resolve('d')));
    const question = terminal.question(
      `\n${done} of ${units} units done. (d)etach and let it go on, or (c)ancel the job? [d] `,
    );
    const answer = await Promise.race([question, leave]);
    return answer.trim().toLowerCase().startsWith('c') ? 'cancel' : 'detach';
  } finally {
    terminal.close();
  }
}

async function untilEnded(client: Client, job: string): Promise<void> {
  for (let i = 0; i < 40; i++) {
    if ((await client.progress(job)).outcome !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  say(`job ${job} is not cancelled yet; "shoal jobs" shows its state.`);
}

/** Says why nothing happens, once for each reason, when no unit has got its result for a while. */
class Standstill {
  readonly #client: Client;
  readonly #job: string;
  readonly #told = new Set<string>();
  #done = -1;
  #sinceMs = 0;

  constructor(client: Client, job: string) {
    this.#client = client;
    this.#job = job;
  }

  async reasons({ done }: Progress): Promise<readonly string[]> {
    const now = performance.now();
    if (done !== this.#done) [this.#done, this.#sinceMs] = [done, now];
    if (now - this.#sinceMs < STANDSTILL_MS) return [];
    this.#sinceMs = now;
    const { why } = await this.#client.why(this.#job);
    const fresh = why.filter(({ reason }) => !this.#told.has(reason.code));
    for (const { reason } of fresh) this.#told.add(reason.code);
    return fresh.map(({ text, advice }) => (advice === undefined ? text : `${text}\n  → ${advice}`));
  }
}

/** SIGINT and SIGTERM while a job runs. */
class Interrupt {
  #asked = false;
  #wake: (() => void) | undefined;
  readonly #listener = (): void => {
    this.#asked = true;
    this.#wake?.();
  };

  constructor() {
    process.on('SIGINT', this.#listener);
    process.on('SIGTERM', this.#listener);
  }

  /** Resolves to true as soon as a signal has come, to false after `ms`. */
  async within(ms: number): Promise<boolean> {
    if (!this.#asked) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#asked;
  }

  dispose(): void {
    process.off('SIGINT', this.#listener);
    process.off('SIGTERM', this.#listener);
  }
}
