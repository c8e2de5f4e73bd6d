/**
 * One repetition of the soak: five fresh peers, one of them a liar, and a job of each kernel, during which an honest
 * peer is killed at its work and replaced. Everything that is drawn is fixed by the seed.
 */
import { doneFraction } from './casualty.ts';
import { piecesOf, type Size } from './pieces.ts';
import { play } from './play.ts';
import { drawn, shuffled } from './random.ts';
import { entry, Swarm, type SwarmPeer } from './swarm.ts';

export interface JobRecord {
  readonly kernel: string;
  readonly equal: boolean;
  readonly units: number;
  readonly label: string;
  readonly executionsPerUnit: number;
  /** Units on which the liar was refuted. */
  readonly refuted: number;
  /** Of the units the killed peer had claimed: how many, and how many of them others finished. */
  readonly claimed: number;
  readonly finishedByOthers: number;
  readonly killedAt: number;
  readonly elapsedMs: number;
}

export interface RepetitionRecord {
  readonly seed: number;
  readonly jobs: readonly JobRecord[];
  readonly failures: readonly string[];
}

export async function repeatOnce(
  seed: number,
  size: Size = 'full',
  createSwarm: () => Promise<Swarm> = () => Swarm.create(),
): Promise<RepetitionRecord> {
  const swarm = await createSwarm();
  try {
    return await repeatIn(swarm, seed, size);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { seed, jobs: [], failures: [text, ...swarm.obituaries()] };
  } finally {
    await swarm.stop();
  }
}

async function repeatIn(swarm: Swarm, seed: number, size: Size): Promise<RepetitionRecord> {
  const submitter = await swarm.start('peer 1');
  const [liar, ...others] = await Promise.all([
    swarm.start('liar', { entry: entry('liar') }),
    ...['peer 2', 'peer 3', 'peer 4'].map((name) => swarm.start(name)),
  ]);
  await swarm.connected();
  const honest: SwarmPeer[] = [...others];
  const jobs: JobRecord[] = [];
  const failures: string[] = [];
  for (const [index, piece] of piecesOf(seed, size).entries()) {
    const victims = shuffled(seed, `victim ${index}`, honest);
    const from = 0.1 + 0.4 * drawn(seed, `moment ${index}`);
    const killing = { victims, from, to: 0.9, replacement: `peer ${5 + index}` };
    const played = await play({ swarm, submitter, piece, killing });
    const victim = played.casualty!.peer;
    honest.splice(honest.indexOf(victim), 1, played.replacement!);
    const { view, progress } = played;
    const { units } = played.casualty!;
    const byOthers = units.filter((unit) => {
      const { label, countedAuthors } = view.unitRows[unit]!;
      return label?.kind === 'quorum' && !countedAuthors.includes(victim.key);
    });
    const record: JobRecord = {
      kernel: piece.kernel,
      equal: Buffer.compare(played.bytes, piece.expected()) === 0,
      units: progress.units,
      label: progress.label,
      executionsPerUnit: progress.executions / progress.units,
      refuted: view.refuted.find(({ author }) => author === liar!.key)?.units ?? 0,
      claimed: units.length,
      finishedByOthers: byOthers.length,
      killedAt: played.casualty!.doneFraction,
      elapsedMs: progress.elapsedMs,
    };
    jobs.push(record);
    if (!record.equal) failures.push(`${piece.kernel}: the result differs from the single-machine result`);
    if (record.refuted === 0) failures.push(`${piece.kernel}: the liar was not refuted`);
    if (record.finishedByOthers < record.claimed)
      failures.push(`${piece.kernel}: a killed peer's unit was not finished`);
    if (doneFraction(view) < 1) failures.push(`${piece.kernel}: ${view.units} units, not all with a result`);
    const falsely = view.refuted.filter(({ author }) => author !== liar!.key);
    if (falsely.length > 0) failures.push(`${piece.kernel}: an honest peer was refuted`);
  }
  return { seed, jobs, failures };
}
