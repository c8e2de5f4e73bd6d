/**
 * Runs the vectors of a kernel as volunteers would run it, and compares.
 *
 * Each case runs in both placements of metering and with three sizes of steps: the output must be the same every time,
 * fuel the same in both placements, and the output what the vectors say. Merging must keep the promises on which the
 * tree of merges rests: one output merged alone is itself, and groups do not matter.
 */

import { toHex } from '../../../protocol/bytes.ts';
import type { ExecutionRequest } from '../../../protocol/effect.ts';
import type { Cid, Digest, JobId } from '../../../protocol/ids.ts';
import { BLOCK_BYTES_MAX, FUEL_PER_TASK_MAX } from '../../../protocol/limits.ts';
import { TRAP, type TrapKind, unpackLeaves } from '../../../protocol/trust/commitment.ts';
import { cidFromDigest, decodeUnitOutput, encodeUnitInput } from '../../../protocol/wire/block.ts';
import type { ExecutionOutcome } from '../../../runtime/environment.ts';
import { METERING } from '../../../sandbox/executor.ts';
import type { MeterMode } from '../../../sandbox/function-rewriter.ts';
import { ReduceError } from '../../../sandbox/reduce-error.ts';
import { TRAP_WORDS } from '../../../sdk/jobs/join.ts';
import type { KernelManifest } from '../../../sdk/manifest.ts';
import type { Expectation, MergeVector, Vector, Vectors } from '../../../sdk/vectors.ts';
import { ShoalError } from '../../errors.ts';
import type { Sandbox } from '../../workers/sandbox.ts';
import { nativeSha256 } from '../../workers/sha256.ts';
import { cidOfKernel } from './build.ts';

export interface Problem {
  readonly what: string;
  /** Where two outputs differ. */
  readonly expected?: Uint8Array | undefined;
  readonly actual?: Uint8Array | undefined;
}

export interface CaseResult {
  readonly name: string;
  readonly kind: 'case' | 'merge' | 'rule';
  readonly problems: readonly Problem[];
  /** As in a job: its step quantum, its placement. Merges have none. */
  readonly fuel: number | undefined;
  /** Of that run, on this machine. */
  readonly wallClockMs: number | undefined;
  readonly outputBytes: number | undefined;
}

export interface CheckOptions {
  readonly manifest: KernelManifest;
  readonly wasm: Uint8Array;
  readonly vectors: Vectors;
  readonly pool: Sandbox;
  readonly keep: (cid: Cid, bytes: Uint8Array) => void;
  /** Told of each result as it is there. */
  readonly onResult: (result: CaseResult) => void;
}

const MODES: readonly MeterMode[] = ['merged', 'simple'];
/** One step a call, and more than any task has. */
const OTHER_QUANTA = [1, 2 ** 31 - 1];
/** Calls cost fuel, and single steps take more of them: room for that, so that only the job's own quantum is held to the limit. */
const ROOM_FOR_STEPS = 16;
/** A case is meant to be small; one that takes this long on one core is a kernel that hangs or a case for another place. */
const CASE_MAX_MS = 120_000;
/** Associativity needs three outputs. */
const RULE_OUTPUTS_MIN = 3;
/** More say nothing new. */
const RULE_OUTPUTS_MAX = 16;

export async function checkKernel(options: CheckOptions): Promise<readonly CaseResult[]> {
  const results: CaseResult[] = [];
  const tell = (result: CaseResult): void => {
    results.push(result);
    options.onResult(result);
  };
  const kernel = cidOfKernel(options.wasm);
  options.keep(kernel, options.wasm);
  const outputs = new Map<Vector, Uint8Array>();
  for (const vector of options.vectors.cases) {
    const { result, output } = await checkCase(options, kernel, vector);
    if (output !== undefined) outputs.set(vector, output);
    tell(result);
  }
  if (options.manifest.result.join !== 'reduce') return results;
  for (const merge of options.vectors.merges) tell(await checkMerge(options, merge, outputs));
  for (const group of groupsOf(options.vectors.cases, outputs)) tell(await checkRules(options, group));
  return results;
}

interface Run {
  readonly trap: TrapKind;
  readonly fuel: number;
  readonly output: Uint8Array;
  readonly wallClockMs: number;
}

async function checkCase(
  options: CheckOptions,
  kernel: Cid,
  vector: Vector,
): Promise<{ readonly result: CaseResult; readonly output: Uint8Array | undefined }> {
  const { limits } = options.manifest;
  const { stepQuantum } = limits;
  const variants = [
    ...MODES.map((mode) => ({ mode, quantum: stepQuantum, words: `in the ${mode} placement` })),
    ...OTHER_QUANTA.filter((quantum) => quantum !== stepQuantum).map((quantum) => ({
      mode: METERING.mode,
      quantum,
      words: quantum === 1 ? 'one step at a time' : 'with all steps at once',
    })),
  ];
  const tooLarge = vector.input.length > limits.inputBytesPerTaskMax;
  const problems: Problem[] = [];
  if (tooLarge) {
    problems.push({
      what: `the input has ${vector.input.length} bytes; limits.inputBytesPerTaskMax is ${limits.inputBytesPerTaskMax}`,
    });
  }
  const runs = await Promise.all(variants.map(({ mode, quantum }) => run(options, kernel, vector, mode, quantum)));
  const [first, ...others] = runs as [Run, ...Run[]];
  problems.push(...compare(vector, first));
  others.forEach((other, index) => {
    const { words, quantum } = variants[index + 1]!;
    if (other.trap !== first.trap) {
      problems.push({ what: `${words} it ${TRAP_WORDS[other.trap]}; otherwise it ${TRAP_WORDS[first.trap]}` });
    } else if (!equal(other.output, first.output)) {
      problems.push({
        what: `the output is another one ${words}: it must not depend on how steps are cut`,
        expected: first.output,
        actual: other.output,
      });
    } else if (quantum === stepQuantum && first.trap === TRAP.none && other.fuel !== first.fuel) {
      problems.push({
        what: `fuel is ${other.fuel} ${words} and ${first.fuel} otherwise: a mistake of the sandbox, please report it`,
      });
    }
  });
  const isOutput = first.trap === TRAP.none;
  return {
    output: isOutput ? first.output : undefined,
    result: {
      name: vector.name,
      kind: 'case',
      problems,
      fuel: first.fuel,
      wallClockMs: first.wallClockMs,
      outputBytes: isOutput ? first.output.length : undefined,
    },
  };
}

function compare({ ends, expected, sha256 }: Expectation, { trap, output }: Pick<Run, 'trap' | 'output'>): Problem[] {
  if (trap !== ends) return [{ what: `it ${TRAP_WORDS[trap]}; expected is that it ${TRAP_WORDS[ends]}` }];
  if (trap !== TRAP.none) return [];
  if (expected !== undefined && !equal(expected, output))
    return [{ what: 'the output differs', expected, actual: output }];
  const actual = toHex(nativeSha256(output));
  if (sha256 === undefined || actual === sha256) return [];
  const what = expected === undefined ? 'the output has' : 'the output is as expected, but has';
  return [
    { what: `${what} the SHA-256 ${actual}, not ${sha256}`, actual: expected === undefined ? output : undefined },
  ];
}

async function run(
  { manifest, pool, keep }: CheckOptions,
  kernel: Cid,
  { input, parameters }: Vector,
  mode: MeterMode,
  stepQuantum: number,
): Promise<Run> {
  const block = new Uint8Array(encodeUnitInput([input]));
  if (block.length > BLOCK_BYTES_MAX) throw new ShoalError('usage', `an input of ${input.length} bytes fits no block.`);
  const unitInput = cidFromDigest(toHex(nativeSha256(block)) as Digest, 'dag-cbor');
  keep(unitInput, block);
  const { limits } = manifest;
  const isOwn = stepQuantum === limits.stepQuantum;
  const fuelMax = isOwn ? limits.fuelPerTaskMax : Math.min(FUEL_PER_TASK_MAX, limits.fuelPerTaskMax * ROOM_FOR_STEPS);
  const request: ExecutionRequest = {
    ...{ job: 'test' as JobId, unit: 0, task: undefined, taskCount: 1, kernel, abi: manifest.abi },
    ...{ metering: { ...METERING, mode }, stepQuantum, parameters, unitInput, fuelPerTaskMax: fuelMax },
    memoryPagesMax: limits.memoryPagesMax,
    outputBytesPerTaskMax: limits.outputBytesPerTaskMax,
    wallClockMaxMs: CASE_MAX_MS,
  };
  const outcome = await execute(pool, request);
  if (!outcome.ok) throw failureOf(outcome);
  const [leaf] = unpackLeaves(outcome.execution.leaves);
  const [output] = decodeUnitOutput(outcome.execution.output!.bytes).outputs;
  return { trap: leaf!.trap, fuel: leaf!.fuel, output: output!, wallClockMs: outcome.execution.wallClockMs };
}

let ticket = 0;
function execute(pool: Sandbox, request: ExecutionRequest): Promise<ExecutionOutcome> {
  return new Promise((done) => pool.execute(ticket++, request, done));
}

function failureOf({ code, detail }: Extract<ExecutionOutcome, { ok: false }>): ShoalError {
  if (code === 'kernel-refused') return new ShoalError('kernel-refused', detail);
  if (code === 'wall-clock')
    return new ShoalError('job-failed', `a case took longer than ${CASE_MAX_MS / 1_000} s and was stopped.`);
  return new ShoalError('failed', `this machine could not run a case: ${detail} (${code})`);
}

async function checkMerge(
  options: CheckOptions,
  vector: MergeVector,
  outputs: ReadonlyMap<Vector, Uint8Array>,
): Promise<CaseResult> {
  const parts = vector.of.map((part) => outputs.get(part));
  const [first] = vector.of;
  const problems: Problem[] = [];
  let outputBytes: number | undefined;
  if (parts.some((part) => part === undefined)) {
    problems.push({ what: 'one of its cases has no output' });
  } else if (vector.of.some(({ parameters }) => !equal(parameters, first!.parameters))) {
    problems.push({ what: 'its cases have different arguments, and outputs of one job have the same' });
  } else {
    const merged = await merge(options, first!.parameters, parts as Uint8Array[]);
    problems.push(...compare(vector, merged));
    outputBytes = merged.trap === TRAP.none ? merged.output.length : undefined;
  }
  return { name: vector.name, kind: 'merge', problems, fuel: undefined, wallClockMs: undefined, outputBytes };
}

interface Group {
  readonly parameters: Uint8Array;
  readonly names: readonly string[];
  readonly outputs: readonly Uint8Array[];
}

/** Outputs that could be of one job: those of equal arguments. */
function groupsOf(cases: readonly Vector[], outputs: ReadonlyMap<Vector, Uint8Array>): readonly Group[] {
  const groups = new Map<string, { parameters: Uint8Array; names: string[]; outputs: Uint8Array[] }>();
  for (const vector of cases) {
    const output = outputs.get(vector);
    if (output === undefined) continue;
    const key = toHex(vector.parameters);
    const group = groups.get(key) ?? { parameters: vector.parameters, names: [], outputs: [] };
    groups.set(key, group);
    if (group.outputs.length >= RULE_OUTPUTS_MAX) continue;
    group.names.push(vector.name);
    group.outputs.push(output);
  }
  return [...groups.values()];
}

/** Cases of one kind of arguments are too few at times: then the same outputs stand in more than once. */
async function checkRules(options: CheckOptions, { parameters, names, outputs }: Group): Promise<CaseResult> {
  const problems: Problem[] = [];
  const mergeOf = (parts: readonly Uint8Array[]): Promise<Merged> => merge(options, parameters, parts);
  for (const [index, output] of outputs.entries()) {
    const alone = await mergeOf([output]);
    if (alone.trap !== TRAP.none)
      problems.push({ what: `merging the output of “${names[index]}” alone ${TRAP_WORDS[alone.trap]}` });
    else if (!equal(alone.output, output)) {
      problems.push({
        what: `merging the output of “${names[index]}” alone gives another one`,
        expected: output,
        actual: alone.output,
      });
    }
  }
  const many = Array.from(
    { length: Math.max(RULE_OUTPUTS_MIN, outputs.length) },
    (_, i) => outputs[i % outputs.length]!,
  );
  const all = await mergeOf(many);
  if (all.trap !== TRAP.none) problems.push({ what: `merging ${many.length} outputs ${TRAP_WORDS[all.trap]}` });
  else {
    for (const cut of new Set([1, many.length >> 1, many.length - 1])) {
      const [left, right] = [await mergeOf(many.slice(0, cut)), await mergeOf(many.slice(cut))];
      const again =
        left.trap === TRAP.none && right.trap === TRAP.none ? await mergeOf([left.output, right.output]) : left;
      if (again.trap === TRAP.none && equal(again.output, all.output)) continue;
      problems.push({
        what: `merging is not associative: ${cut} and ${many.length - cut} of ${many.length} outputs, then both, give another result than all at once`,
        ...(again.trap === TRAP.none ? { expected: all.output, actual: again.output } : {}),
      });
      break;
    }
  }
  const name = outputs.length === 1 ? `“${names[0]}”` : `${outputs.length} outputs`;
  return {
    name: `merging ${name}, alone and in groups`,
    kind: 'rule',
    problems,
    fuel: undefined,
    wallClockMs: undefined,
    outputBytes: undefined,
  };
}

type Merged = Pick<Run, 'trap' | 'output'>;

async function merge(
  { manifest, wasm, pool }: CheckOptions,
  parameters: Uint8Array,
  outputs: readonly Uint8Array[],
): Promise<Merged> {
  const limits = { ...manifest.limits.reduce!, wallClockMaxMs: CASE_MAX_MS };
  try {
    return { trap: TRAP.none, output: await pool.reduce({ kernel: wasm, parameters, outputs, limits }) };
  } catch (error) {
    if (!(error instanceof ReduceError)) throw error;
    const trap = TRAP_OF[error.code];
    if (trap === undefined)
      throw new ShoalError('failed', `this machine could not merge: ${error.message} (${error.code})`, error);
    return { trap, output: new Uint8Array(0) };
  }
}

const TRAP_OF: Readonly<Partial<Record<ReduceError['code'], TrapKind>>> = {
  trap: TRAP.trap,
  'out-of-fuel': TRAP.outOfFuel,
  'kernel-error': TRAP.kernelError,
  'output-too-large': TRAP.outputTooLarge,
};

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
