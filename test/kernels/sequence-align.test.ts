/** sequence-align against a plain program for the same recurrence, and in any pieces. Known proteins are in its vectors. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, uint32Bytes } from '../../node/protocol/bytes.ts';
import { TRAP } from '../../node/protocol/trust/commitment.ts';
import { meter } from '../../node/sandbox/meter.ts';
import { runTask } from '../../node/sandbox/task.ts';
import { type ArgumentInputs, encodeParameters, resolveArguments } from '../../node/sdk/arguments.ts';
import { decodeTable, formatResult } from '../../node/sdk/format.ts';
import { joinOutputs } from '../../node/sdk/join.ts';
import { splitTasks } from '../../node/sdk/split.ts';
import { proteins } from '../bench/native/inputs.ts';
import { Kernel, KernelFailure } from './host.ts';

const kernel = new Kernel('sequence-align');
const { manifest } = kernel;
const utf8 = (text: string) => new TextEncoder().encode(text);

function run(args: ArgumentInputs, query: string, database: string): Uint8Array {
  const parameters = encodeParameters(manifest, resolveArguments(manifest, args));
  const head = utf8(query);
  return kernel.run(parameters, concatBytes(uint32Bytes(head.length), head, utf8(database)));
}

const rows = (bytes: Uint8Array) => decodeTable(bytes, manifest.result.columns!);

async function search(file: Uint8Array, args: ArgumentInputs = {}, taskSize?: number) {
  const values = resolveArguments(manifest, args);
  const parameters = encodeParameters(manifest, values);
  const inputs = splitTasks(manifest, values, { file, taskSize }).inputs;
  const outputs = Array.from(inputs, (input) => kernel.run(parameters, input));
  const reduce = async (parts: readonly Uint8Array[]) => kernel.reduce(parameters, parts);
  return { tasks: outputs.length, result: await joinOutputs({ manifest, values, outputs, taskSize, reduce }) };
}

/** Scores of two residues, which alignments of single residues give away; -4 where the best alignment is empty. */
function scoreOf(a: string, b: string): number {
  // Twenty W around force the pair into the alignment, gaps being dear.
  const wall = 'W'.repeat(20);
  const [row] = rows(run({ gapOpen: 1000 }, `>q\n${wall}${a}${wall}`, `>t\n${wall}${b}${wall}`));
  return Number(row![0]) - 40 * 11;
}

function plainScore(
  query: string,
  target: string,
  open: number,
  extend: number,
  score: (a: string, b: string) => number,
) {
  const h = new Array<number>(query.length + 1).fill(0);
  const e = new Array<number>(query.length + 1).fill(Number.NEGATIVE_INFINITY);
  let best = 0;
  for (const residue of target) {
    let diagonal = 0;
    let f = Number.NEGATIVE_INFINITY;
    for (let i = 1; i <= query.length; i++) {
      e[i] = Math.max(e[i]! - extend, h[i]! - open - extend);
      f = Math.max(f - extend, h[i - 1]! - open - extend);
      const value = Math.max(0, diagonal + score(residue, query[i - 1]!), e[i]!, f);
      diagonal = h[i]!;
      h[i] = value;
      best = Math.max(best, value);
    }
  }
  return best;
}

describe('sequence-align', () => {
  it('equals the plain recurrence on random sequences and gap costs', () => {
    const letters = 'ACWH';
    const table = new Map(
      Array.from(letters, (a) => Array.from(letters, (b) => [a + b, scoreOf(a, b)] as const)).flat(),
    );
    expect(table.get('AA')).toBe(4);
    expect(table.get('HW')).toBe(-2);
    const sequence = fc
      .array(fc.constantFrom(...letters), { minLength: 1, maxLength: 60 })
      .map((list) => list.join(''));
    fc.assert(
      fc.property(
        sequence,
        sequence,
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 1, max: 4 }),
        (q, t, open, extend) => {
          const expected = plainScore(q, t, open, extend, (a, b) => table.get(a + b)!);
          const found = rows(run({ gapOpen: open, gapExtend: extend }, `>q\n${q}\n`, `>t\n${t}\n`));
          expect(found.map((row) => row[0])).toEqual(expected === 0 ? [] : [expected]);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('gives one list however the database is cut, and shows it', async () => {
    const file = proteins(150, 60);
    const whole = await search(file);
    expect(whole.tasks).toBe(1);
    for (const taskSize of [1, 700, 5000]) {
      const cut = await search(file, {}, taskSize);
      expect(cut.tasks).toBeGreaterThan(3);
      expect(Buffer.from(cut.result.bytes)).toEqual(Buffer.from(whole.result.bytes));
    }
    const lines = formatResult(whole.result).split('\n');
    expect(lines).toHaveLength(21);
    expect(lines[0]).toBe('score  residues  target');
    // The planted relatives come first.
    for (const line of lines.slice(1, 6)) expect(line).toMatch(/target\d*0$/);
  });

  it('reads names up to the first blank, and sequences with any line ends', () => {
    const text = (database: string) => rows(run({}, '>q\r\nHE AG\r\nAWG\r\n', database));
    expect(text('>a b c\nHEAGAWG\n')).toEqual([[44, 7, 'a']]);
    expect(text('>a\r\nHEAG\r\n\r\nAWG')).toEqual([[44, 7, 'a']]);
    expect(text('>empty\n>a\nheagawg\n>also-empty')).toEqual([[44, 7, 'a']]);
    expect(text(`>${'n'.repeat(70)}\nHEAGAWG`)).toEqual([[44, 7, 'n'.repeat(64)]]);
  });

  it('refuses what is not FASTA, queries it cannot take, and bad parameters', () => {
    for (const [query, database] of [
      ['HEAG\n', '>a\nHEAG\n'],
      ['>q\nHEAG\n', 'HEAG\n'],
      ['>q\nHE4G\n', '>a\nHEAG\n'],
      ['>q\nHEAG\n', '>a\nHE@G\n'],
      ['>q\n', '>a\nHEAG\n'],
      ['>q\nHEAG\n>r\nHEAG\n', '>a\nHEAG\n'],
      [`>q\n${'A'.repeat(40_001)}\n`, '>a\nHEAG\n'],
    ] as const) {
      expect(() => run({}, query, database)).toThrow(/shoal_init returned -2/);
    }
    const bad = new Uint8Array(new Int32Array([1, 0, 20]).buffer);
    expect(() => kernel.run(bad, uint32Bytes(0))).toThrow(KernelFailure);
    expect(() =>
      kernel.reduce(encodeParameters(manifest, resolveArguments(manifest, {})), [new Uint8Array(12)]),
    ).toThrow(KernelFailure);
  });

  it('has fuel and memory for the longest query and the largest task', () => {
    const { limits } = manifest;
    const module = new WebAssembly.Module(Uint8Array.from(meter(kernel.wasm, limits)));
    const parameters = encodeParameters(manifest, resolveArguments(manifest, {}));
    const taskLimits = { fuelMax: limits.fuelPerTaskMax, outputBytesMax: limits.outputBytesPerTaskMax };
    const head = utf8(`>q\n${'ARNDCQEGHI'.repeat(4000)}\n`);
    const cost = (database: string) => {
      const task = concatBytes(uint32Bytes(head.length), head, utf8(database));
      const result = runTask(module, parameters, task, limits.stepQuantum, taskLimits);
      expect(result.trap).toBe(TRAP.none);
      return { fuel: result.fuel, bytes: task.length };
    };
    const one = cost('>a\nA\n');
    const many = cost(`>a\n${'HEAGAWGHEE'.repeat(10)}\n`);
    const perResidue = (many.fuel - one.fuel) / 99;
    expect(one.fuel + perResidue * limits.inputBytesPerTaskMax).toBeLessThan(limits.fuelPerTaskMax);
    // The most headers, and with them the most memory.
    const room = limits.inputBytesPerTaskMax - one.bytes;
    expect(cost('>\n'.repeat(room / 2)).bytes).toBeGreaterThan(limits.inputBytesPerTaskMax - 8);
  });
});
