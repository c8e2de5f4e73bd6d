/**
 * What a kernel costs beside the same algorithm in C: one task of each, run by a native program built by `gcc -O3`, by
 * the kernel as the compiler made it, and by the kernel as the sandbox rewrites it. The three take turns, so that
 * whatever else the machine does hits all of them; processor time, medians, and the median of the ratios in each turn.
 * All three must give the same bytes.
 *
 *   node dist/test/bench/native/main.js [kernel …] [--rounds 11]
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { concatBytes, uint32Bytes } from '../../../node/protocol/bytes.ts';
import { TRAP } from '../../../node/protocol/trust/commitment.ts';
import { METERING } from '../../../node/sandbox/executor.ts';
import { meter } from '../../../node/sandbox/meter.ts';
import { runTask } from '../../../node/sandbox/task.ts';
import { encodeParameters, resolveArguments } from '../../../node/sdk/arguments.ts';
import { type KernelManifest, parseManifest } from '../../../node/sdk/manifest.ts';
import { splitTasks } from '../../../node/sdk/split.ts';
import { CHECKOUT } from '../../support/daemon.ts';
import { type BenchInput, INPUTS } from './inputs.ts';
import { runUnmetered } from './unmetered.ts';

const SOURCES = join(CHECKOUT, 'test/bench/native');
const FLAGS = ['-O3', '-Wall', '-Wextra', '-ffp-contract=off'];
const WARM_UP_ROUNDS = 3;

interface Task {
  readonly name: string;
  readonly manifest: KernelManifest;
  readonly wasm: Uint8Array<ArrayBuffer>;
  readonly parameters: Uint8Array;
  readonly input: Uint8Array;
}

interface Timed {
  readonly output: Uint8Array;
  readonly cpuMs: number;
}

async function taskOf(name: string, { args, file, taskSize }: BenchInput): Promise<Task> {
  const folder = join(CHECKOUT, 'dist', 'kernels', name);
  const manifest = parseManifest(await readFile(join(folder, 'kernel.json'), 'utf8'));
  const values = resolveArguments(manifest, args);
  const plan = splitTasks(manifest, values, { file: await file?.(), taskSize });
  const [input] = plan.inputs;
  const wasm = new Uint8Array(await readFile(join(folder, 'kernel.wasm')));
  return { name, manifest, wasm, parameters: encodeParameters(manifest, values), input: input as Uint8Array };
}

/** The C version, waiting for its turns. */
class Native {
  readonly #child: ReturnType<typeof spawn>;
  readonly #lines: AsyncIterator<string>;
  readonly #chunks: Buffer[] = [];
  #isEnding = false;

  constructor(program: string, taskFile: string) {
    this.#child = spawn(program, [taskFile], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#isEnding && this.#chunks.push(chunk));
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  /** Processor time of one run, in ms. */
  async run(): Promise<number> {
    this.#child.stdin?.write('r');
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('the native program has ended');
    return Number(value) / 1e6;
  }

  /** Its output of the last run. */
  async end(): Promise<Uint8Array> {
    this.#isEnding = true;
    this.#child.stdin?.end();
    await once(this.#child, 'close');
    return Buffer.concat(this.#chunks);
  }
}

function timed(run: () => Uint8Array): Timed {
  const before = process.cpuUsage();
  const output = run();
  const { user, system } = process.cpuUsage(before);
  return { output, cpuMs: (user + system) / 1_000 };
}

async function compare(task: Task, folder: string, rounds: number): Promise<void> {
  const { name, manifest, parameters, input } = task;
  const { limits } = manifest;
  const sources = ['harness.c', `${name}.c`].map((file) => join(SOURCES, file));
  const program = join(folder, name);
  // Kernels in C find the header of this folder, not the one for WebAssembly.
  execFileSync('gcc', [...FLAGS, '-I', SOURCES, '-o', program, ...sources, '-lm'], { stdio: 'inherit' });
  const taskFile = join(folder, `${name}.task`);
  await writeFile(taskFile, concatBytes(uint32Bytes(parameters.length), parameters, input));

  const plain = new WebAssembly.Module(task.wasm);
  const metered = new WebAssembly.Module(
    new Uint8Array(meter(task.wasm, { memoryPagesMax: limits.memoryPagesMax, mode: METERING.mode })),
  );
  const taskLimits = { fuelMax: limits.fuelPerTaskMax, outputBytesMax: limits.outputBytesPerTaskMax };
  let fuel = 0;
  const runs = {
    plain: () => runUnmetered(plain, parameters, input, limits.stepQuantum),
    metered: () => {
      const result = runTask(metered, parameters, input, limits.stepQuantum, taskLimits);
      if (result.trap !== TRAP.none) throw new Error(`${name} ended in trap ${result.trap}`);
      fuel = result.fuel;
      return result.output;
    },
  };
  const native = new Native(program, taskFile);
  const times = { native: [] as number[], plain: [] as number[], metered: [] as number[] };
  const outputs: Uint8Array[] = [];
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const nativeMs = await native.run();
    const unmetered = timed(runs.plain);
    const sandboxed = timed(runs.metered);
    if (round < 0) continue;
    times.native.push(nativeMs);
    times.plain.push(unmetered.cpuMs);
    times.metered.push(sandboxed.cpuMs);
    outputs.splice(0, 2, unmetered.output, sandboxed.output);
  }
  // What came before the last line end was times; outputs of a child's last moments are whole only at its end.
  const expected = await native.end();
  for (const output of outputs) {
    if (Buffer.compare(output, expected) !== 0) throw new Error(`${name}: the kernel and its C version disagree`);
  }
  const ratio = (to: readonly number[]): string => median(to.map((ms, i) => ms / times.native[i]!)).toFixed(2);
  const columns = [times.native, times.plain, times.metered].map((list) => median(list).toFixed(1).padStart(9));
  console.log(
    [name.padEnd(16), ...columns, ratio(times.plain).padStart(10), ratio(times.metered).padStart(9)].join('') +
      `${(fuel / 1e6).toFixed(0).padStart(9)}   ${INPUTS[name]!.words}`,
  );
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const { values: options, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '11' } },
  allowPositionals: true,
});
const rounds = Number(options.rounds);
const names = positionals.length > 0 ? positionals : Object.keys(INPUTS);
const unknown = names.filter((name) => INPUTS[name] === undefined);
if (!Number.isInteger(rounds) || rounds < 9 || unknown.length > 0) {
  console.error(
    unknown.length > 0
      ? `no such kernel here: ${unknown.join(', ')}. There are ${Object.keys(INPUTS).join(', ')}.`
      : '--rounds must be a whole number from 9, or a median says little',
  );
  process.exitCode = 2;
} else {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-native-'));
  try {
    const compiler = execFileSync('gcc', ['--version'], { encoding: 'utf8' }).split('\n')[0];
    console.log(`${compiler}, ${FLAGS.join(' ')}; AssemblyScript -O3 with SIMD, Node.js ${process.versions.node}`);
    console.log(
      `metering: rewriter ${METERING.rewriter}, mode ${METERING.mode}, weights ${METERING.weights}; ${rounds} rounds in turns, processor time of one task, medians in ms`,
    );
    console.log('kernel             gcc -O3  unmetered metered  unmet./C  met./C  Mfuel   task');
    for (const name of names) await compare(await taskOf(name, INPUTS[name]!), folder, rounds);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
