/** The main job: the words of "Moby Dick", counted by five peers of which one lies and one dies. */
import { decodeCounts, topCounts } from '../../node/sdk/format.ts';
import { countsAsBytes, countWords } from './count-words.ts';
import { mobyDick } from './moby-dick.ts';
import { type Played, play } from './play.ts';
import { drawn, shuffled } from './random.ts';
import type { Screen } from './screen.ts';
import type { Swarm, SwarmPeer } from './swarm.ts';

export interface Cast {
  readonly submitter: SwarmPeer;
  readonly honest: readonly SwarmPeer[];
  readonly liar: SwarmPeer;
}

/** Times each task counts its words: makes units take longer than the network needs to agree on them. */
const PASSES = 200;
const MOST = 20;

/** Resolves to what was expected and did not happen; empty when all is well. */
export async function countTogether(swarm: Swarm, cast: Cast, seed: number, screen: Screen): Promise<string[]> {
  const { submitter, liar } = cast;
  const victims = shuffled(seed, 'victim', cast.honest);
  const from = 0.3 + 0.25 * drawn(seed, 'moment');
  const book = mobyDick();
  screen.line(
    `Job: how often each word occurs in "Moby Dick" (${book.chapters} chapters, ${number(book.byteLength)} bytes), ` +
      `counted ${PASSES} times over to make it heavy.`,
  );
  screen.line(`Submitted by ${submitter.name}. A result needs a quorum of 2: the same bytes from two peers at least.`);
  const refuted = new Map<string, number>();
  const played = await play({
    swarm,
    submitter,
    piece: {
      kernel: 'word-count',
      arguments: { passes: String(PASSES) },
      file: { name: 'moby-dick.txt', bytes: Buffer.from(book.text) },
      policy: { quorum: 2, ownResults: 'never' },
    },
    killing: { victims, from, to: 0.7, replacement: 'peer 6' },
    onProgress: ({ done, units, unitsPerSecond, etaSeconds, replicasAgreeing, replicasRevealed, ...progress }) => {
      for (const { author, units: count } of progress.refuted) {
        if (refuted.get(author) === count) continue;
        if (!refuted.has(author))
          screen.line(`  ${swarm.nameOf(author)} was refuted: a task of its unit was run again and came out different`);
        refuted.set(author, count);
      }
      const pace = unitsPerSecond === undefined ? '' : `, ${unitsPerSecond.toFixed(1)} units/s`;
      const left = etaSeconds === undefined || done === units ? '' : `, ${Math.ceil(etaSeconds)} s left`;
      const agreeing = `${replicasAgreeing} of ${replicasRevealed} replicas agree`;
      screen.progress(done / units, `${done} of ${units} units, ${agreeing}${pace}${left}`);
    },
    onKilled: ({ peer, units, doneFraction }) =>
      screen.line(
        `  ${peer.name} killed (SIGKILL) at ${percent(doneFraction)} while it held a claim on ${unitList(units)}`,
      ),
    onReplaced: ({ name }) => screen.line(`  ${name} started in its place`),
    onStalled: (why) => screen.line(`  nothing new for a while: ${why.map(({ text }) => text).join(' ')}`),
  });
  screen.done();
  return report(swarm, liar, played, countWords(book.text), screen);
}

function report(
  swarm: Swarm,
  liar: SwarmPeer,
  { bytes, progress, view, casualty, replacement }: Played,
  expected: ReadonlyMap<string, number>,
  screen: Screen,
): string[] {
  const failures: string[] = [];
  const counts = decodeCounts(bytes);
  const top = topCounts(counts, MOST);
  const width = String(top[0]?.count ?? '').length;
  screen.line();
  screen.line(`The ${MOST} most frequent of ${number(counts.length)} words:`);
  for (let row = 0; row < MOST / 2; row++) {
    const columns = [top[row], top[row + MOST / 2]].filter((item) => item !== undefined);
    const text = columns.map(({ key, count }) => `${String(count).padStart(width)}  ${key.padEnd(12)}`).join('    ');
    screen.line(`  ${text.trimEnd()}`);
  }
  screen.line();
  const isEqual = Buffer.compare(bytes, countsAsBytes(expected)) === 0;
  if (!isEqual) failures.push('the result differs from the single-machine count');
  screen.line(
    `equal to the single-machine count: ${isEqual ? 'yes' : 'NO'} (all ${number(expected.size)} words, byte for byte)`,
  );
  const refutedUnits = view.refuted.find(({ author }) => author === liar.key)?.units ?? 0;
  if (refutedUnits === 0) failures.push(`${liar.name} was not refuted`);
  screen.line(`${liar.name} lied, was refuted on ${plural(refutedUnits, 'unit')} and counts no more in this job`);
  const falsely = view.refuted.filter(({ author }) => author !== liar.key);
  if (falsely.length > 0)
    failures.push(`refuted without a lie: ${falsely.map((row) => swarm.nameOf(row.author)).join(', ')}`);
  for (const unit of casualty?.units ?? []) {
    const row = view.unitRows[unit]!;
    const others = row.countedAuthors.filter((author) => author !== casualty!.peer.key).map((key) => swarm.nameOf(key));
    const isFinished = row.label?.kind === 'quorum' && others.length >= row.label.needed;
    if (!isFinished) failures.push(`unit ${unit} of the killed peer was not finished by others`);
    screen.line(
      `unit ${unit}, claimed by ${casualty!.peer.name} when it was killed, was finished by ${others.join(' and ')}`,
    );
  }
  if ((casualty?.units.length ?? 0) === 0) failures.push('no peer was killed while it held a claim');
  const helped = view.unitRows.filter(({ countedAuthors }) => countedAuthors.includes(replacement!.key)).length;
  screen.line(`${replacement!.name}, its replacement, stands behind ${plural(helped, 'unit')}`);
  const perUnit = (progress.executions / progress.units).toFixed(2);
  screen.line(
    `${progress.units} units of ${progress.tasks} tasks, ${progress.label}; ${perUnit} executions per unit, ` +
      `${(progress.fuel / 1e9).toFixed(1)} G fuel, ${(progress.elapsedMs / 1_000).toFixed(1)} s`,
  );
  return failures;
}

function number(value: number): string {
  return value.toLocaleString('en');
}

function percent(fraction: number): string {
  return `${Math.round(fraction * 100)} %`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function unitList(units: readonly number[]): string {
  return units.length === 1 ? `unit ${units[0]}` : `units ${units.join(', ')}`;
}
