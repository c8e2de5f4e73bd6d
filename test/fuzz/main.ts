/**
 * `node dist/test/fuzz/main.js [--of programs] [--modules 100000] [--seed 1] [--state file]`: the differential fuzzer.
 * Module i of a campaign has the seed `seed + i`, so any finding is one number: `--seed <n> --modules 1` shows it again.
 * With a state file a campaign goes on where it was stopped. Exits with 1 if anything differed.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { meter } from '../../node/sandbox/meter.ts';
import { type Comparison, compareModule, type Rewriter } from './compare.ts';
import { runsOn } from './endless.ts';
import { compareExpressions } from './expressions.ts';
import { compareStores } from './stores.ts';

type Compare = (seed: number, rewriter: Rewriter) => Comparison;

const KINDS: Readonly<Record<string, Compare>> = {
  programs: compareModule,
  expressions: inBothPlacements(compareExpressions),
  stores: inBothPlacements(compareStores),
  endless: inBothPlacements(runsOn),
};

function inBothPlacements(differs: typeof compareStores): Compare {
  return (seed, rewriter) => {
    const difference = differs(seed, rewriter, 'simple') ?? differs(seed, rewriter, 'merged');
    return { ending: 'completed', fuel: 0, difference };
  };
}

interface State {
  /** `programs` where it does not say: states of earlier versions. */
  readonly of?: string;
  readonly seed: number;
  done: number;
  completed: number;
  trapped: number;
  fuel: number;
  readonly differences: { readonly seed: number; readonly difference: string }[];
}

const USAGE = `npm run fuzz -- [--of programs] [--modules 100000] [--seed 1] [--state file]

Generates valid modules and compares each raw and metered, in both placements.

  --of       what they are: programs, of everything; expressions, of vectors in which NaNs are made and moved; stores, of
             vectors that are stored beside and over each other; or endless, programs that only the fuel ends soon
  --modules  how many in all
  --seed     of the first module; the following ones have the following seeds
  --state    a file in which the campaign is kept: the same command goes on where it was stopped`;

const SAVE_EVERY = 500;
const PROGRESS_MS = 10_000;
const DIFFERENCES_MAX = 20;

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 2 ** 32) {
    throw new RangeError(`--${name} must be a whole number, not ${text}`);
  }
  return value;
}

function load(file: string | undefined, of: string, seed: number): State {
  const fresh: State = { of, seed, done: 0, completed: 0, trapped: 0, fuel: 0, differences: [] };
  if (file === undefined || !existsSync(file)) return fresh;
  const state = JSON.parse(readFileSync(file, 'utf8')) as State;
  if (state.seed !== seed) throw new RangeError(`${file} is of a campaign with seed ${state.seed}, not ${seed}`);
  const kept = state.of ?? 'programs';
  if (kept !== of) throw new RangeError(`${file} is of a campaign of ${kept}, not of ${of}`);
  return state;
}

function save(file: string | undefined, state: State): void {
  if (file === undefined) return;
  writeFileSync(`${file}.new`, JSON.stringify(state));
  renameSync(`${file}.new`, file);
}

function check(state: State, compare: Compare): void {
  const seed = (state.seed + state.done) >>> 0;
  try {
    const { ending, fuel, difference } = compare(seed, { meter });
    if (ending === 'completed') state.completed++;
    else state.trapped++;
    state.fuel += fuel;
    if (difference !== undefined) state.differences.push({ seed, difference });
  } catch (error) {
    state.differences.push({ seed, difference: String(error) });
  }
  state.done++;
}

function main(): void {
  const { values } = parseArgs({
    options: {
      of: { type: 'string', default: 'programs' },
      modules: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      state: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const modules = whole('modules', values.modules);
  const compare = KINDS[values.of];
  if (compare === undefined) throw new RangeError(`--of must be ${Object.keys(KINDS).join(', ')}, not ${values.of}`);
  const state = load(values.state, values.of, whole('seed', values.seed));
  const start = performance.now();
  const first = state.done;
  let toldAt = start;
  while (state.done < modules && state.differences.length < DIFFERENCES_MAX) {
    check(state, compare);
    if (state.done % SAVE_EVERY !== 0) continue;
    save(values.state, state);
    const now = performance.now();
    if (now - toldAt < PROGRESS_MS) continue;
    toldAt = now;
    const rate = ((state.done - first) / (now - start)) * 1_000;
    const left = Math.ceil((modules - state.done) / rate / 60);
    console.log(`${state.done} of ${modules}, ${rate.toFixed(0)} a second, ${left} min left`);
  }
  save(values.state, state);
  const { done, completed, trapped, fuel, differences } = state;
  console.log(`${done} ${values.of} from seed ${state.seed}: ${completed} completed, ${trapped} trapped, ${fuel} fuel`);
  for (const { seed, difference } of differences) console.log(`DIFFERENCE at --seed ${seed}: ${difference}`);
  console.log(`${differences.length} differences`);
  if (differences.length > 0) process.exitCode = 1;
}

try {
  main();
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  process.exitCode = 1;
}
