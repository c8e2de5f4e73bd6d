/**
 * `npm start`: a real network on this machine. Five peers as processes of their own, one of them a liar; they count
 * the words of a book together, one is killed and replaced, and the answer is compared with a plain count. Then they
 * draw a picture. Exits with 0 only if everything that was to be shown was seen. With --stay the network then goes on
 * drawing until Ctrl-C, so that somebody can watch it and join it.
 */
import '../../node/runtime/polyfills.ts';
import { parseArgs } from 'node:util';
import { Interruption } from './interruption.ts';
import { drawTogether } from './picture.ts';
import { Screen } from './screen.ts';
import { stayUp } from './stay.ts';
import { entry, type Swarm, type SwarmPeer } from './swarm.ts';
import { countTogether } from './words.ts';

const HELP = `Usage: npm start -- [options]

Starts five peers on this machine, one of them a liar, and lets them count the words of "Moby Dick" together. One peer
is killed at its work and replaced. The result is compared with a plain count; then they draw the Mandelbrot set.
Prints where to watch the first peer, and where a browser tab on this machine joins them.

Options:
  --seed <n>   chooses who is killed and when (default: 1)
  --stay       afterwards keeps the network up, drawing picture after picture, until Ctrl-C
  --help       shows this

Exit code: 0 if everything went as it must, 1 if not, 2 for a mistake in the options. Ctrl-C ends with 130, or with 0
once everything has been shown and the network only stays up.`;

class UsageError extends Error {}

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args);
    if (options.help) {
      console.log(HELP);
      return 0;
    }
    return await demonstrate(options);
  } catch (error) {
    const isUsage = error instanceof UsageError;
    console.error(isUsage ? `npm start: ${error.message}` : error);
    return isUsage ? 2 : 1;
  }
}

interface Options {
  readonly help: boolean;
  readonly seed: number;
  readonly stay: boolean;
}

function readOptions(args: readonly string[]): Options {
  let values: { help?: boolean | undefined; seed?: string | undefined; stay?: boolean | undefined };
  try {
    const options = { help: { type: 'boolean' }, seed: { type: 'string' }, stay: { type: 'boolean' } } as const;
    values = parseArgs({ args: [...args], options, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n"npm start -- --help" shows the options.`);
  }
  const { help = false, seed = '1', stay = false } = values;
  if (!/^\d{1,15}$/.test(seed)) {
    throw new UsageError(
      `--seed ${seed}: expected a whole number from 0 on.\n"npm start -- --help" shows the options.`,
    );
  }
  return { help, seed: Number(seed), stay };
}

async function demonstrate({ seed, stay }: Options): Promise<number> {
  const startedAt = performance.now();
  const screen = new Screen();
  const interruption = new Interruption(() => {
    screen.done();
    screen.line('stopping');
  });
  const swarm = await interruption.createSwarm();
  try {
    const { failures, submitter } = await perform(swarm, seed, screen);
    if (!stay || failures.length > 0) await swarm.stop();
    screen.line();
    screen.line(`${((performance.now() - startedAt) / 1_000).toFixed(0)} s in all, seed ${seed}`);
    for (const failure of failures) screen.line(`FAILED: ${failure}`);
    if (failures.length > 0) return 1;
    if (stay) {
      interruption.endsWith(0);
      await stayUp(swarm, submitter, seed, screen);
    }
    return 0;
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

interface Performance {
  readonly failures: readonly string[];
  readonly submitter: SwarmPeer;
}

async function perform(swarm: Swarm, seed: number, screen: Screen): Promise<Performance> {
  screen.line('Starting five peers: processes of their own, libp2p over TCP on 127.0.0.1, one core each.');
  const submitter = await swarm.start('peer 1', { args: ['--serve-volunteers=127.0.0.1:0'] });
  screen.line(`  watch peer 1:      ${submitter.daemon.dashboard}`);
  screen.line(`  join with a tab:   ${submitter.daemon.volunteerUrl}`);
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
  return { failures: [...failures, ...(await drawTogether(swarm, submitter, screen))], submitter };
}
