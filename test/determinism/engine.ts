/**
 * What runs inside each engine: the sandbox itself inspects, meters and runs every entry of the corpus in both modes,
 * and says in one line how it ended. Bundled into one script; uses nothing but the language and WebAssembly.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { toHex } from '../../node/protocol/bytes.ts';
import { importsOf } from '../../node/sandbox/inspect.ts';
import { FUEL_EXPORT, meter } from '../../node/sandbox/meter.ts';
import { KernelRefusedError } from '../../node/sandbox/refusal.ts';
import { runTask, SandboxFailure } from '../../node/sandbox/task.ts';
import { runProgram } from '../../node/sandbox/wasi/program.ts';

export interface Entry {
  readonly name: string;
  /** `task`: a kernel. `program`: a WASI program. `module`: exports `run(i32, i64) -> i64`, `dump` and `memory`, as the fuzzer makes them. */
  readonly kind: 'task' | 'program' | 'module';
  /** Byte strings in hex. */
  readonly wasm: string;
  readonly parameters: string;
  readonly input: string;
  readonly stepQuantum: number;
  readonly fuelMax: number;
  readonly memoryPagesMax: number;
  readonly outputBytesMax: number;
  /** Runs it with every budget up to what it needs, instead of once. */
  readonly everyBudget: boolean;
}

const MODES = ['simple', 'merged'] as const;

/** For each entry and mode: how it ended, its fuel and the hash of its output. */
export function runEntries(entries: readonly Entry[]): string[] {
  return entries.flatMap((entry) => MODES.map((mode) => describe(entry, mode)));
}

function describe(entry: Entry, mode: (typeof MODES)[number]): string {
  try {
    const allowImport = importsOf(entry.kind === 'program' ? 2 : 1);
    const metered = meter(fromHex(entry.wasm), { memoryPagesMax: entry.memoryPagesMax, mode, allowImport });
    const module = new WebAssembly.Module(metered as Uint8Array<ArrayBuffer>);
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
      const result = (exports.run as (a: number, b: bigint) => bigint)(7, 11n);
      const fuel = used();
      left.value = 10n ** 12n;
      (exports.dump as () => void)();
      const memory = digest(new Uint8Array((exports.memory as WebAssembly.Memory).buffer));
      return { line: fuel > fuelMax ? 'out of fuel' : `${result}, fuel ${fuel}, memory ${memory}`, fuel };
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      // What memory holds behind a trap is nobody's result.
      return { line: used() > fuelMax ? 'out of fuel' : `trap, fuel ${used()}`, fuel: used() };
    }
  };
}

function digest(bytes: Uint8Array): string {
  return toHex(sha256(bytes)).slice(0, 16);
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length / 2 }, (_, index) =>
    Number.parseInt(text.slice(2 * index, 2 * index + 2), 16),
  );
}
