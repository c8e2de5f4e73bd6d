/**
 * Runs one script in three worlds, unmodified and metered in both placements, and compares every assertion: the same
 * values bit for bit (but for NaNs that the suite leaves open), a trap where there was one, the same fuel in both
 * placements, and a refusal of whatever is not a valid module.
 */
import { Adapter } from './adapter.ts';
import { PLACEMENTS, type Prepared, prepare, refusesInvalid, type Sandbox } from './prepare.ts';
import type { Script, ScriptAction, ScriptCommand, ScriptValue } from './script.ts';
import { spectestModule } from './spectest.ts';
import { compareValues, fits, isNumberType, type NumberType, toBits, type Value } from './values.ts';
import { type Ending, InstanceWorld, type World } from './world.ts';

export interface Difference {
  readonly file: string;
  readonly line: number;
  readonly what: string;
}

export interface FileReport {
  readonly name: string;
  /** Commands that begin with `assert_`, and actions. */
  assertions: number;
  /** Of them, those in which metered modules did what the unmodified did. */
  equal: number;
  /** How many of the equal ones had a NaN that became the canonical one. */
  canonicalised: number;
  /** By reason: assertions about modules that the sandbox does not run. */
  readonly refused: Map<string, number>;
  /** Assertions about the text format, which never become a module. */
  textOnly: number;
  /** Fuel of all calls that completed. */
  fuel: bigint;
  readonly differences: Difference[];
}

export function runScript(script: Script, sandbox: Sandbox): FileReport {
  return new ScriptRunner(script, sandbox).run();
}

class ScriptRunner {
  readonly #script: Script;
  readonly #sandbox: Sandbox;
  readonly #raw: World;
  readonly #metered: readonly World[];
  readonly #report: FileReport;

  constructor(script: Script, sandbox: Sandbox) {
    this.#script = script;
    this.#sandbox = sandbox;
    const adapter = new Adapter();
    const spectest = new WebAssembly.Module(spectestModule());
    const world = (): World => new InstanceWorld(adapter, new WebAssembly.Instance(spectest).exports);
    this.#raw = world();
    this.#metered = PLACEMENTS.map(world);
    this.#report = {
      name: script.name,
      assertions: 0,
      equal: 0,
      canonicalised: 0,
      refused: new Map(),
      textOnly: 0,
      fuel: 0n,
      differences: [],
    };
  }

  run(): FileReport {
    for (const command of this.#script.commands) this.#command(command);
    return this.#report;
  }

  #command(command: ScriptCommand): void {
    const isAssertion = command.type.startsWith('assert_') || command.type === 'action';
    if (isAssertion) this.#report.assertions++;
    if (command.module_type === 'text') {
      this.#report.textOnly++;
      return;
    }
    const outcome = this.#outcome(command);
    if ('difference' in outcome) {
      this.#report.differences.push({ file: this.#script.name, line: command.line, what: outcome.difference });
    } else if (isAssertion && 'refused' in outcome) {
      this.#report.refused.set(outcome.refused, (this.#report.refused.get(outcome.refused) ?? 0) + 1);
    } else if (isAssertion) this.#report.equal++;
  }

  #outcome(command: ScriptCommand): Outcome {
    switch (command.type) {
      case 'module':
        return this.#instantiate(command, ['values']);
      case 'assert_uninstantiable':
        return this.#instantiate(command, ['trap']);
      case 'assert_unlinkable':
        return this.#instantiate(command, ['unlinkable']);
      case 'register':
        for (const world of [this.#raw, ...this.#metered]) world.register(command.as!, command.name);
        return EQUAL;
      case 'assert_invalid':
      case 'assert_malformed': {
        const wrong = refusesInvalid(this.#sandbox, this.#script.read(command.filename!));
        return wrong === undefined ? EQUAL : { difference: `${command.type}: ${wrong}` };
      }
      case 'action':
      case 'assert_return':
        return this.#act(command, ['values']);
      case 'assert_trap':
        return this.#act(command, ['trap']);
      case 'assert_exhaustion':
        // The unmodified module runs into the engine's limit, the metered one into ours, which comes first.
        return this.#act(command, ['exhausted', 'trap']);
      default:
        return { difference: `the runner does not know the command ${command.type}` };
    }
  }

  #instantiate(command: ScriptCommand, wanted: readonly Ending['kind'][]): Outcome {
    const bytes = this.#script.read(command.filename!);
    const raw = this.#raw.instantiate(bytes, command.name);
    if (!wanted.includes(raw.kind)) return { difference: `${command.type}: the unmodified module gives ${say(raw)}` };
    let prepared: Prepared;
    try {
      prepared = prepare(this.#sandbox, bytes);
    } catch (error) {
      return { difference: error instanceof Error ? error.message : String(error) };
    }
    if ('refused' in prepared) {
      return this.#refuse(prepared.refused, bytes, command);
    }
    const { metered } = prepared;
    const endings = this.#metered.map((world, index) => world.instantiate(metered[PLACEMENTS[index]!], command.name));
    const outcome = this.#compare(command.type, [], wanted, raw, endings);
    return 'refused' in outcome ? this.#refuse(outcome.refused, bytes, command) : outcome;
  }

  #refuse(reason: string, bytes: Uint8Array<ArrayBuffer>, command: ScriptCommand): Outcome {
    for (const world of this.#metered) {
      if (command.type === 'module') world.refuse(reason, bytes, command.name);
      else world.refuseEffects(bytes);
    }
    return { refused: reason };
  }

  #act(command: ScriptCommand, wanted: readonly Ending['kind'][]): Outcome {
    const action = command.action!;
    const expected = command.expected ?? [];
    const values = [...(action.args ?? []), ...expected];
    if (!values.every(({ type }) => isNumberType(type))) return this.#actOnReferences(action, expected);
    const raw = act(this.#raw, action, expected);
    if (!wanted.includes(raw.kind)) return { difference: `${command.type}: the unmodified module gives ${say(raw)}` };
    const endings = this.#metered.map((world) => act(world, action, expected));
    return this.#compare(`${command.type} ${action.field}`, expected, wanted, raw, endings);
  }

  /** No module that the sandbox runs takes or gives references. */
  #actOnReferences(action: ScriptAction, expected: readonly ScriptValue[]): Outcome {
    const endings = this.#metered.map((world) => act(world, { ...action, args: [] }, []));
    const refused = endings.find((ending) => ending.kind === 'refused');
    if (refused === undefined)
      return { difference: `${action.field} of ${expected.length} references was not refused` };
    if (action.type === 'invoke')
      this.#raw.invokePlain(action.module, action.field, (action.args ?? []).map(plainValue));
    return { refused: refused.message };
  }

  #compare(
    name: string,
    expected: readonly ScriptValue[],
    wanted: readonly Ending['kind'][],
    raw: Ending,
    [simple, merged]: readonly Ending[],
  ): Outcome {
    for (const [placement, ending] of [
      ['simple', simple!],
      ['merged', merged!],
    ] as const) {
      if (ending.kind === 'refused') return { refused: ending.message };
      const difference = `${name}, ${placement}: ${say(ending)} instead of ${say(raw)}`;
      if (!wanted.includes(ending.kind) || ending.kind === 'exhausted') return { difference };
      if (ending.kind === 'trap' && raw.kind === 'trap' && ending.message !== raw.message) return { difference };
      if (ending.kind !== 'values' || raw.kind !== 'values') continue;
      const matches = expected.map((value, index) => compareValues(value, raw.bits[index]!, ending.bits[index]!));
      if (matches.includes('different')) return { difference };
      if (!expected.every((value, index) => fits(value, ending.bits[index]!))) {
        return { difference: `${name}, ${placement}: ${say(ending)} is not what the suite expects` };
      }
      if (placement === 'merged' && matches.includes('canonical')) this.#report.canonicalised++;
    }
    if (simple!.kind !== 'values' || merged!.kind !== 'values') return EQUAL;
    if (say(simple!) !== say(merged!)) {
      return { difference: `${name}: ${say(simple!)} in the simple and ${say(merged!)} in the merged placement` };
    }
    if (simple!.fuel !== merged!.fuel) {
      return {
        difference: `${name}: fuel is ${simple!.fuel} in the simple and ${merged!.fuel} in the merged placement`,
      };
    }
    this.#report.fuel += simple!.fuel;
    return EQUAL;
  }
}

type Outcome = { readonly equal: true } | { readonly refused: string } | { readonly difference: string };

const EQUAL: Outcome = { equal: true };

function act(world: World, { type, module, field, args = [] }: ScriptAction, expected: readonly ScriptValue[]): Ending {
  const gives = expected.map((value) => value.type as NumberType);
  if (type === 'get') return world.get(module, field, gives[0]!);
  const values = args.map((value): Value => ({ type: value.type as NumberType, bits: toBits(value) }));
  return world.invoke(module, field, values, gives);
}

function plainValue({ type, value }: ScriptValue): unknown {
  if (value === 'null') return null;
  if (type === 'i64') return BigInt(value as string);
  return Number(value);
}

function say(ending: Ending): string {
  if (ending.kind !== 'values') return `${ending.kind} (${ending.message})`;
  return ending.bits.length === 0 ? 'nothing' : ending.bits.map((bits) => `0x${bits.toString(16)}`).join(' ');
}
