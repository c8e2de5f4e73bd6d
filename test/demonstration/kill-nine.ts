/**
 * kill −9 of one peer, again and again, at moments drawn by a seed: from outside at any time; by itself between having
 * persisted something and sending it; and in the middle of announcing a job. Each time it starts again on the same data
 * folder, and must be the same peer, back in the network, with its jobs, which then finish with the right result. A
 * recorder hears everything from the first moment to the last: nobody may ever say two things in one slot.
 */
import { join } from 'node:path';
import { ShoalError } from '../../node/daemon/errors.ts';
import type { JobId } from '../../node/protocol/ids.ts';
import { until } from '../support/daemon.ts';
import { type CheckedPiece, primesPiece } from './pieces.ts';
import { submit, untilFinished } from './play.ts';
import { drawn } from './random.ts';
import { entry, Swarm, type SwarmPeer } from './swarm.ts';
import { readRecording } from './wire-recording.ts';

export type Moment = 'any' | 'persisted' | 'announcing';

export interface KillRecord {
  readonly number: number;
  readonly moment: Moment;
  /** Synced writes after which it killed itself. */
  readonly afterWrites: number | undefined;
  readonly failures: readonly string[];
}

export interface KillNineReport {
  readonly kills: readonly KillRecord[];
  readonly messages: number;
  /** Commits of the killed peer that were heard. */
  readonly commits: number;
  readonly failures: readonly string[];
}

const UNITS = 24;
const TIMEOUT_MS = 120_000;

export async function killNine(
  seed: number,
  kills: number,
  onKill: (record: KillRecord) => void = () => undefined,
  createSwarm: () => Promise<Swarm> = () => Swarm.create(),
): Promise<KillNineReport> {
  const swarm = await createSwarm();
  const recording = join(swarm.folder, 'wire');
  try {
    const stage = await Stage.open(swarm, recording, seed);
    const records: KillRecord[] = [];
    for (let number = 0; number < kills; number++) {
      const record = await stage.kill(seed, number);
      records.push(record);
      onKill(record);
    }
    const { messages, commits, equivocations } = await readRecording(recording, swarm.network);
    const ofVictim = commits.get(stage.victim.key) ?? 0;
    const failures = records.flatMap(({ number, failures: all }) => all.map((text) => `kill ${number}: ${text}`));
    for (const { kind, author, unit } of equivocations) {
      failures.push(`${swarm.nameOf(author)} sent a second ${kind} for unit ${unit}`);
    }
    if (ofVictim === 0) failures.push('the recorder heard no commit of the killed peer: nothing is shown');
    return { kills: records, messages, commits: ofVictim, failures };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { kills: [], messages: 0, commits: 0, failures: [text, ...swarm.obituaries()] };
  } finally {
    await swarm.stop();
  }
}

class Stage {
  readonly #swarm: Swarm;
  readonly #others: readonly SwarmPeer[];
  victim: SwarmPeer;
  /** Jobs of the victim that were announced, as far as anybody was told. */
  readonly #jobs = new Map<JobId, CheckedPiece>();

  private constructor(swarm: Swarm, others: readonly SwarmPeer[], victim: SwarmPeer) {
    this.#swarm = swarm;
    this.#others = others;
    this.victim = victim;
  }

  static async open(swarm: Swarm, recording: string, seed: number): Promise<Stage> {
    const first = await swarm.start('peer 1');
    const recorder = await swarm.start('recorder', {
      entry: entry('recorder'),
      cores: 0,
      env: { WIRE_RECORDING: recording },
    });
    const second = await swarm.start('peer 2');
    const victim = await Stage.#startVictim(swarm, writesOf(seed, 0));
    await swarm.connected();
    return new Stage(swarm, [first, second, recorder], victim);
  }

  static #startVictim(swarm: Swarm, afterWrites: number): Promise<SwarmPeer> {
    return swarm.start('victim', { entry: entry('crasher'), env: { CRASH_AFTER_WRITES: String(afterWrites) } });
  }

  /** One kill, one restart, and what became of everything. The peer that is killed was started by the kill before. */
  async kill(seed: number, number: number): Promise<KillRecord> {
    const moment = momentOf(seed, number);
    const afterWrites = moment === 'any' ? undefined : writesOf(seed, number);
    const [theirs, own] = [primesPiece(seed + 2 * number, UNITS), primesPiece(seed + 2 * number + 1, UNITS)];
    const key = this.victim.key;
    const failures: string[] = [];
    const first = this.#others[0]!;
    const other = await submit(first, theirs);
    if (moment === 'announcing') this.#arm();
    const announced = await this.#submitted(own);
    if (announced !== undefined) this.#jobs.set(announced, own);
    if (moment === 'persisted') this.#arm();
    if (moment === 'any') await this.#killAt(other, drawn(seed, `fraction ${number}`));
    else await this.#selfKilled();

    this.victim = await Stage.#startVictim(this.#swarm, writesOf(seed, number + 1));
    if (this.victim.key !== key) failures.push('it came back as another peer');
    await this.#swarm.connected([...this.#others, this.victim]);
    const known = (await this.victim.client.jobs()).filter((row) => row.own).map(({ job }) => job);
    const lost = [...this.#jobs.keys()].filter((job) => !known.includes(job));
    if (lost.length > 0) failures.push(`it lost ${lost.length} of its ${this.#jobs.size} jobs`);
    // Announced on disk, though the answer never came; or not at all, and then its owner asks again.
    const unknown = known.find((job) => !this.#jobs.has(job));
    if (announced === undefined) this.#jobs.set(unknown ?? (await submit(this.victim, own)), own);
    const latest = [...this.#jobs.keys()].at(-1)!;
    await this.#check(this.victim, latest, own, failures);
    await this.#check(first, other, theirs, failures);
    return { number, moment, afterWrites, failures };
  }

  #arm(): void {
    this.victim.daemon.child.kill('SIGUSR2');
  }

  /** The job's id, or undefined when the peer died before it could say. */
  async #submitted(piece: CheckedPiece): Promise<JobId | undefined> {
    try {
      return await submit(this.victim, piece);
    } catch (error) {
      if (error instanceof ShoalError && error.code === 'daemon-unreachable') return undefined;
      throw error;
    }
  }

  async #killAt(job: JobId, fraction: number): Promise<void> {
    await until(
      'the job to be far enough for a kill',
      async () => {
        const { done, units, outcome } = await this.#others[0]!.client.progress(job);
        return outcome !== undefined || done >= fraction * 0.9 * units;
      },
      TIMEOUT_MS,
    );
    await this.#swarm.kill(this.victim);
  }

  async #selfKilled(): Promise<void> {
    const { child } = this.victim.daemon;
    await until('the peer to kill itself', () => child.signalCode !== null || child.exitCode !== null, TIMEOUT_MS, 20);
    if (child.signalCode !== 'SIGKILL')
      throw new Error(`the peer ended otherwise:\n${this.#swarm.obituaries().join()}`);
    this.#swarm.gone(this.victim);
  }

  async #check(peer: SwarmPeer, job: JobId, piece: CheckedPiece, failures: string[]): Promise<void> {
    await untilFinished(peer, job, TIMEOUT_MS);
    if (Buffer.compare(await peer.client.result(job), piece.expected()) !== 0) {
      failures.push(`the result of a job of ${peer.name} is wrong`);
    }
  }
}

/** Every other kill falls between persist and send, every fourth into an announcement. */
function momentOf(seed: number, number: number): Moment {
  return (['persisted', 'any', 'announcing', 'any'] as const)[(seed + number) % 4]!;
}

/** Announcing a job takes one synced write, or two: a commit for another job may come in between. */
function writesOf(seed: number, number: number): number {
  const most = momentOf(seed, number) === 'announcing' ? 2 : 12;
  return 1 + Math.floor(most * drawn(seed, `writes ${number}`));
}
