/**
 * What runs inside each engine: the sandbox itself inspects, meters and runs every entry of the corpus in both modes,
 * and says in one line how it ended. Bundled into one script; uses nothing but the language and WebAssembly.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, toHex } from '../../node/protocol/bytes.ts';
import { encodeUnitInput } from '../../node/protocol/wire/block.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../node/sandbox/checkpoint.ts';
import { importsOf } from '../../node/sandbox/inspect.ts';
import { FUEL_EXPORT, meter } from '../../node/sandbox/meter.ts';
import { KernelRefusedError } from '../../node/sandbox/refusal.ts';
import { runTask, SandboxFailure } from '../../node/sandbox/task.ts';
import { UnitRun, type UnitWork } from '../../node/sandbox/unit.ts';
import { runProgram } from '../../node/sandbox/wasi/program.ts';

export interface Entry {
  readonly name: string;
  /** `task`: a kernel. `program`: a WASI program. `module`: may export `run`, for two numbers, `dump` and `memory`. */
  readonly kind: 'task' | 'program' | 'module';
  /** Byte strings in hex. */
  readonly wasm: string;
  /** So many zeros stand behind what `wasm` says. */
  readonly zeros: number;
  readonly parameters: string;
  readonly input: string;
  readonly stepQuantum: number;
  readonly fuelMax: number;
  readonly memoryPagesMax: number;
  readonly outputBytesMax: number;
  /** Runs it with every budget up to what it needs, instead of once. */
  readonly everyBudget: boolean;
  /** Runs it as a unit of several tasks that is saved at every step boundary and goes on from each. Of a `task` only. */
  readonly everyBoundary: boolean;
}

const MODES = ['simple', 'merged'] as const;

/** For each entry and mode: how it ended, its fuel and the hash of its output. */
export function runEntries(entries: readonly Entry[]): string[] {
  return entries.flatMap((entry) => MODES.map((mode) => describe(entry, mode)));
}

function describe(entry: Entry, mode: (typeof MODES)[number]): string {
  try {
    const allowImport = importsOf(entry.kind === 'program' ? 2 : 1);
    const metered = meter(fromHex(entry.wasm, entry.zeros), {
      memoryPagesMax: entry.memoryPagesMax,
      mode,
      allowImport,
    });
    const module = new WebAssembly.Module(metered as Uint8Array<ArrayBuffer>);
    if (entry.everyBoundary) return goesOn(entry, module);
    const run = entry.kind === 'module' ? moduleRun(module) : kernelRun(entry, module);
    if (!entry.everyBudget) return run(entry.fuelMax).line;
    const { fuel } = run(entry.fuelMax);
    const lines = Array.from({ length: fuel }, (_, less) => run(fuel - less).line);
    return `${fuel} budgets, ${digest(new TextEncoder().encode(lines.join()))}`;
  } catch (error) {
    if (error instanceof KernelRefusedError) return `refused: ${error.code}`;
    if (error instanceof SandboxFailure) return `host failure: ${error.code}, ${error.message}`;
    return `unexpected: ${error}`;
  }
}

type Callable = (a?: number, b?: bigint) => unknown;
type Run = (fuelMax: number) => { readonly line: string; readonly fuel: number };

function kernelRun(entry: Entry, module: WebAssembly.Module): Run {
  const { stepQuantum, outputBytesMax } = entry;
  return (fuelMax) => {
    const limits = { fuelMax, outputBytesMax };
    const [parameters, input] = [fromHex(entry.parameters), fromHex(entry.input)];
    const result =
      entry.kind === 'program'
        ? runProgram(module, parameters, input, limits, sha256)
        : runTask(module, parameters, input, stepQuantum, limits);
    return { line: `kind ${result.trap}, fuel ${result.fuel}, output ${digest(result.output)}`, fuel: result.fuel };
  };
}

function moduleRun(module: WebAssembly.Module): Run {
  return (fuelMax) => {
    const { exports } = new WebAssembly.Instance(module, {});
    const left = exports[FUEL_EXPORT] as WebAssembly.Global;
    left.value = BigInt(fuelMax);
    const used = (): number => fuelMax - Number(left.value as bigint);
    try {
      const result = (exports.run as Callable | undefined)?.(7, 11n);
      const fuel = used();
      left.value = 10n ** 12n;
      (exports.dump as Callable | undefined)?.();
      const { memory: its } = exports as { readonly memory?: WebAssembly.Memory };
      const memory = its instanceof WebAssembly.Memory ? digest(new Uint8Array(its.buffer)) : 'none';
      return { line: fuel > fuelMax ? 'out of fuel' : `${result}, fuel ${fuel}, memory ${memory}`, fuel };
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      // What memory holds behind a trap is nobody's result.
      return { line: used() > fuelMax ? 'out of fuel' : `trap, fuel ${used()}`, fuel: used() };
    }
  };
}

/**
 * How a unit of this task and two others ends that is not interrupted, what all its checkpoints are, and whether it ends
 * just so from each of them, in another instance.
 */
function goesOn(entry: Entry, module: WebAssembly.Module): string {
  const input = fromHex(entry.input);
  const inputs = [input, Uint8Array.of(7), input];
  const work: UnitWork = {
    task: undefined,
    taskCount: inputs.length,
    stepQuantum: entry.stepQuantum,
    parameters: fromHex(entry.parameters),
    unitInput: encodeUnitInput(inputs),
    fuelPerTaskMax: entry.fuelMax,
    outputBytesPerTaskMax: entry.outputBytesMax,
  };
  const whole = new UnitRun(module, work, sha256, noTime);
  const checkpoints: Uint8Array[] = [];
  while (whole.advance()) checkpoints.push(encodeCheckpoint(WORK, whole.save(CHECKPOINT_BYTES_MAX), sha256));
  const ending = endingOf(whole);
  for (const [boundary, bytes] of checkpoints.entries()) {
    const state = decodeCheckpoint(WORK, bytes, sha256);
    if (state === undefined) return `goes on otherwise: the checkpoint of boundary ${boundary} cannot be read`;
    const later = new UnitRun(module, work, sha256, noTime, state);
    while (later.advance());
    if (endingOf(later) !== ending)
      return `goes on otherwise: from boundary ${boundary} ${endingOf(later)} instead of ${ending}`;
  }
  const all = digest(concatBytes(...checkpoints.map((bytes) => sha256(bytes))));
  return `${ending}, from each of ${checkpoints.length} boundaries, checkpoints ${all}`;
}

/** Of a checkpoint's work, of which there is one here. */
const WORK = 'work';
const CHECKPOINT_BYTES_MAX = 2 ** 26;
const noTime = (): number => 0;

function endingOf(unit: UnitRun): string {
  const { leaves, fuel, output } = unit.finish();
  return `fuel ${fuel}, leaves ${digest(leaves)}, output ${digest(output!.bytes)}`;
}

function digest(bytes: Uint8Array): string {
  return toHex(sha256(bytes)).slice(0, 16);
}

function fromHex(text: string, zeros = 0): Uint8Array {
  const bytes = new Uint8Array(text.length / 2 + zeros);
  for (let at = 0; at < text.length / 2; at++) bytes[at] = Number.parseInt(text.slice(2 * at, 2 * at + 2), 16);
  return bytes;
}
