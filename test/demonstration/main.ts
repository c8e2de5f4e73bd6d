/**
 * `npm start`: a real network on this machine. Five peers as processes of their own, one of them a liar; they count
 * the words of a book together, one is killed and replaced, and the answer is compared with a plain count. Then they
 * draw a picture. Exits with 0 only if everything that was to be shown was seen.
 */
import '../../node/runtime/polyfills.ts';
import { parseArgs } from 'node:util';
import { Interruption } from './interruption.ts';
import { drawTogether } from './picture.ts';
import { Screen } from './screen.ts';
import { entry, type Swarm, type SwarmPeer } from './swarm.ts';
import { countTogether } from './words.ts';

const HELP = `Usage: npm start -- [options]

Starts five peers on this machine, one of them a liar, and lets them count the words of "Moby Dick" together. One peer
is killed at its work and replaced. The result is compared with a plain count; then they draw the Mandelbrot set.

Options:
  --seed <n>   chooses who is killed and when (default: 1)
  --help       shows this

Exit code: 0 if everything went as it must, 1 if not, 2 for a mistake in the options, 130 after Ctrl-C.`;

class UsageError extends Error {}

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args);
    if (options.help) {
      console.log(HELP);
      return 0;
    }
    return await demonstrate(options.seed);
  } catch (error) {
    const isUsage = error instanceof UsageError;
    console.error(isUsage ? `npm start: ${error.message}` : error);
    return isUsage ? 2 : 1;
  }
}

function readOptions(args: readonly string[]): { help: boolean; seed: number } {
  let values: { help?: boolean | undefined; seed?: string | undefined };
  try {
    const options = { help: { type: 'boolean' }, seed: { type: 'string' } } as const;
    values = parseArgs({ args: [...args], options, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n"npm start -- --help" shows the options.`);
  }
  const { help = false, seed = '1' } = values;
  if (!/^\d{1,15}$/.test(seed)) {
    throw new UsageError(
      `--seed ${seed}: expected a whole number from 0 on.\n"npm start -- --help" shows the options.`,
    );
  }
  return { help, seed: Number(seed) };
}

async function demonstrate(seed: number): Promise<number> {
  const startedAt = performance.now();
  const screen = new Screen();
  const interruption = new Interruption(() => {
    screen.done();
    screen.line('stopping');
  });
  const swarm = await interruption.createSwarm();
  try {
    const failures = await perform(swarm, seed, screen);
    await swarm.stop();
    screen.line();
    screen.line(`${((performance.now() - startedAt) / 1_000).toFixed(0)} s in all, seed ${seed}`);
    for (const failure of failures) screen.line(`FAILED: ${failure}`);
    return failures.length === 0 ? 0 : 1;
  } catch (error) {
    await interruption.passed();
    screen.done();
    for (const text of swarm.obituaries()) console.error(text);
    throw error;
  } finally {
    screen.done();
    await swarm.stop();
  }
}

async function perform(swarm: Swarm, seed: number, screen: Screen): Promise<string[]> {
  screen.line('Starting five peers: processes of their own, libp2p over TCP on 127.0.0.1, one core each.');
  const submitter = await swarm.start('peer 1');
  const [second, third, fourth, liar] = (await Promise.all([
    ...['peer 2', 'peer 3', 'peer 4'].map((name) => swarm.start(name)),
    swarm.start('peer 5', { entry: entry('liar') }),
  ])) as [SwarmPeer, SwarmPeer, SwarmPeer, SwarmPeer];
  await swarm.connected();
  for (const peer of [submitter, second, third, fourth, liar]) {
    const role =
      peer === submitter ? ', which submits the jobs' : peer === liar ? ', which lies in every second unit' : '';
    screen.line(`  ${peer.name}: ${peer.daemon.peer}${role}`);
  }
  screen.line();
  const failures = await countTogether(swarm, { submitter, honest: [second, third, fourth], liar }, seed, screen);
  screen.line();
  return [...failures, ...(await drawTogether(swarm, submitter, screen))];
}
