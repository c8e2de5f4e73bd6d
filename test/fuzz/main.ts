/**
 * `node dist/test/fuzz/main.js [--modules 100000] [--seed 1] [--state file]`: the differential fuzzer. Module i of a
 * campaign has the seed `seed + i`, so any finding is one number: `--seed <n> --modules 1` shows it again. With a state
 * file a campaign goes on where it was stopped. Exits with 1 if anything differed.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { meter } from '../../node/sandbox/meter.ts';
import { compareModule } from './compare.ts';

interface State {
  readonly seed: number;
  done: number;
  completed: number;
  trapped: number;
  fuel: number;
  readonly differences: { readonly seed: number; readonly difference: string }[];
}

const USAGE = `npm run fuzz -- [--modules 100000] [--seed 1] [--state file]

Generates valid modules and compares each raw and metered, in both placements.

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

function load(file: string | undefined, seed: number): State {
  const fresh: State = { seed, done: 0, completed: 0, trapped: 0, fuel: 0, differences: [] };
  if (file === undefined || !existsSync(file)) return fresh;
  const state = JSON.parse(readFileSync(file, 'utf8')) as State;
  if (state.seed !== seed) throw new RangeError(`${file} is of a campaign with seed ${state.seed}, not ${seed}`);
  return state;
}

function save(file: string | undefined, state: State): void {
  if (file === undefined) return;
  writeFileSync(`${file}.new`, JSON.stringify(state));
  renameSync(`${file}.new`, file);
}

function check(state: State): void {
  const seed = (state.seed + state.done) >>> 0;
  try {
    const { ending, fuel, difference } = compareModule(seed, { meter });
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
  const state = load(values.state, whole('seed', values.seed));
  const start = performance.now();
  const first = state.done;
  let toldAt = start;
  while (state.done < modules && state.differences.length < DIFFERENCES_MAX) {
    check(state);
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
  console.log(`${done} modules from seed ${state.seed}: ${completed} completed, ${trapped} trapped, ${fuel} fuel`);
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
