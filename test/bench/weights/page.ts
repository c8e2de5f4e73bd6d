/** What runs inside a browser: programs come as text, their times go back. */
import { timesOf, type Work } from './measure.ts';

export type SentProgram = { readonly name: string; readonly wasm: string } & (
  | { readonly argument: number }
  | { readonly parameters: string; readonly input: string; readonly stepQuantum: number }
);

/** Byte strings are base64. */
export async function leastTimes(
  programs: readonly SentProgram[],
  rounds: number,
  turnMs: number,
): Promise<readonly number[]> {
  const subjects = await Promise.all(
    programs.map(async (program) => ({
      name: program.name,
      module: await WebAssembly.compile(fromBase64(program.wasm)),
      work: workOf(program),
    })),
  );
  return timesOf(subjects, rounds, turnMs, () => performance.now()).map(({ leastMs }) => leastMs);
}

function workOf(program: SentProgram): Work {
  if ('argument' in program) return { argument: program.argument };
  const { parameters, input, stepQuantum } = program;
  return { parameters: fromBase64(parameters), input: fromBase64(input), stepQuantum };
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
