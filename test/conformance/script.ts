/**
 * What wabt's `wast2json` makes of one file of the WebAssembly test-suite: a JSON file of commands, and beside it the
 * modules they name. Only the shape is checked here; what commands mean is in `run-script.ts`.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

export interface ScriptValue {
  /** i32, i64, f32, f64, v128, externref or funcref. */
  readonly type: string;
  /** Of a v128: i8, i16, i32, i64, f32 or f64. */
  readonly lane_type?: string;
  /**
   * The bits as an unsigned decimal number, `nan:canonical` or `nan:arithmetic`; of a v128 one for each lane. References
   * are `null` or a number. Absent where any value will do, as behind `assert_trap`.
   */
  readonly value?: string | readonly string[];
}

export interface ScriptAction {
  readonly type: 'invoke' | 'get';
  /** Name of a module; absent for the latest one. */
  readonly module?: string;
  readonly field: string;
  readonly args?: readonly ScriptValue[];
}

export interface ScriptCommand {
  readonly type: string;
  readonly line: number;
  /** Of `module` and `register`. */
  readonly name?: string;
  /** Of `register`: the name that imports use. */
  readonly as?: string;
  readonly filename?: string;
  readonly module_type?: 'binary' | 'text';
  readonly action?: ScriptAction;
  readonly expected?: readonly ScriptValue[];
}

export interface Script {
  /** The file without its ending. */
  readonly name: string;
  readonly commands: readonly ScriptCommand[];
  read(filename: string): Uint8Array<ArrayBuffer>;
}

/** What the caller gave is no converted suite. */
export class SuiteError extends Error {
  override readonly name = 'SuiteError';
}

const CONVERT = 'convert it first: wast2json <file>.wast -o <folder>/<file>.json for each file';

/** Names of the scripts of a folder, sorted. Throws a SuiteError that says what is wrong with the folder. */
export function listScripts(folder: string): readonly string[] {
  if (!existsSync(folder)) throw new SuiteError(`there is no folder ${folder}`);
  if (!statSync(folder).isDirectory()) throw new SuiteError(`${folder} is not a folder`);
  const files = readdirSync(folder);
  const scripts = files.filter((file) => file.endsWith('.json')).sort();
  if (scripts.length > 0) return scripts.map((file) => file.slice(0, -'.json'.length));
  const isText = files.some((file) => file.endsWith('.wast'));
  throw new SuiteError(
    isText
      ? `${folder} holds the suite as text; ${CONVERT}`
      : `${folder} holds no .json files of wast2json; ${CONVERT}`,
  );
}

/** Throws a SuiteError. */
export function readScript(folder: string, name: string): Script {
  const file = path.join(folder, `${name}.json`);
  let commands: unknown;
  try {
    commands = (JSON.parse(readFileSync(file, 'utf8')) as { commands?: unknown }).commands;
  } catch (error) {
    throw new SuiteError(`${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const isCommand = (item: unknown): boolean =>
    typeof item === 'object' && item !== null && 'type' in item && typeof item.type === 'string';
  if (!Array.isArray(commands) || !commands.every(isCommand)) {
    throw new SuiteError(`${file} has no list of commands: it was not written by wast2json`);
  }
  return {
    name,
    commands: commands as readonly ScriptCommand[],
    read: (filename) => {
      const module = path.join(folder, filename);
      if (!existsSync(module)) throw new SuiteError(`${file} names ${filename}, which is not in the folder`);
      return Uint8Array.from(readFileSync(module));
    },
  };
}
