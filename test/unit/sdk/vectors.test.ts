/** `vectors.json`: every form of input and output, and errors that name file and key. */
import { expect, it } from 'vitest';
import { TRAP } from '../../../node/protocol/trust/commitment.ts';
import { checkManifest, type KernelManifest } from '../../../node/sdk/manifest.ts';
import { parseVectors } from '../../../node/sdk/vectors.ts';
import { BAD_MANIFEST } from '../../daemon/bad-kernels.ts';

const MANIFEST: KernelManifest = checkManifest({
  ...BAD_MANIFEST,
  parameters: [{ name: 'factor', type: 'u32', default: 7, max: 9, description: 'A factor.' }],
  result: {
    join: 'concat',
    show: 'table',
    columns: [{ name: 'n', type: 'u32' }, { name: 'x', type: 'f64' }, { name: 'id', type: 'hex' }, { type: 'text' }],
  },
});

const parse = (file: unknown, readFile?: (name: string) => Uint8Array) =>
  parseVectors(typeof file === 'string' ? file : JSON.stringify(file), {
    manifest: MANIFEST,
    fileName: 'v.json',
    ...(readFile === undefined ? {} : { readFile }),
  });
const one = (part: object) =>
  parse({ cases: [{ name: 'a', input: { hex: '' }, expected: { hex: '' }, ...part }] }).cases[0]!;
const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex');

it.each([
  [{ text: 'é' }, 'c3a9'],
  [{ base64: 'AAH/' }, '0001ff'],
  [{ hex: '00fF' }, '00ff'],
  [{ u32: [1, 2 ** 32 - 1] }, '01000000ffffffff'],
  [{ u64: [1, '18446744073709551615'] }, '0100000000000000ffffffffffffffff'],
])('an input of %j', (input, bytes) => {
  expect(hex(one({ input }).input)).toBe(bytes);
});

it.each([
  [{ u16: [1, 65_535] }, '0100ffff'],
  [{ u64: 5 }, '0500000000000000'],
  [{ counts: { b: 1, '10': 2 } }, '0200000031300200000000000000010000006201000000' + '00000000'],
  [{ rows: [[1, 0.5, 'ff', 'é']] }, '01000000' + '000000000000e03f' + 'ff00000000000000' + '02000000c3a9'],
])('an output of %j', (expected, bytes) => {
  expect(hex(one({ expected }).expected)).toBe(bytes);
});

it('reads files beside it, encodes the arguments, and knows how a call may end', () => {
  const { cases } = parse(
    { cases: [{ name: 'a', arguments: { factor: 3 }, input: { file: 'in.bin' }, expected: { ends: 'kernel error' } }] },
    (name) => new TextEncoder().encode(name),
  );
  expect(cases[0]).toMatchObject({ ends: TRAP.kernelError, expected: undefined, sha256: undefined });
  expect([hex(cases[0]!.parameters), hex(cases[0]!.input)]).toEqual([
    '03000000',
    Buffer.from('in.bin').toString('hex'),
  ]);
});

const CASE = { name: 'a', input: { hex: '' }, expected: { hex: '' } };
it.each<[unknown, RegExp]>([
  ['{\n"cases": [1 2]}', /^v\.json: not JSON: .*line 2/],
  [{}, /^v\.json: cases: /],
  [{ cases: [] }, /^v\.json: cases: /],
  [{ cases: [{ name: 'a', input: { hex: '' } }] }, /^v\.json: cases\[0\]: needs "expected" or "sha256"/],
  [
    { cases: [CASE, { ...CASE, name: 'b', input: { hex: '', text: '' } }] },
    /^v\.json: cases\[1\]\.input: .*found text, hex/,
  ],
  [{ cases: [{ ...CASE, input: {} }] }, /^v\.json: cases\[0\]\.input: .*found none/],
  [{ cases: [{ ...CASE, input: { hex: 'abc' } }] }, /^v\.json: cases\[0\]\.input\.hex: /],
  [{ cases: [{ ...CASE, input: { u32: [-1] } }] }, /^v\.json: cases\[0\]\.input\.u32\[0\]: /],
  [{ cases: [{ ...CASE, sha256: 'ff' }] }, /^v\.json: cases\[0\]\.sha256: must be 64 hex digits/],
  [{ cases: [{ ...CASE, expect: 1 }] }, /^v\.json: cases\[0\]: .*expect/],
  [{ cases: [{ ...CASE, arguments: { factor: 10 } }] }, /^v\.json: cases\[0\]\.arguments: factor must be at most 9/],
  [{ cases: [{ ...CASE, arguments: { other: 1 } }] }, /^v\.json: cases\[0\]\.arguments: .*no argument other/],
  [{ cases: [{ ...CASE, expected: { rows: [[1, 2]] } }] }, /^v\.json: cases\[0\]\.expected: row 0 has 2 cells, not 4/],
  [{ cases: [{ ...CASE, expected: { rows: [[-1, 2, 'ff', '']] } }] }, /cases\[0\]\.expected: row 0, cell 0 is no u32/],
  [{ cases: [{ ...CASE, expected: { ends: 'badly' } }] }, /^v\.json: cases\[0\]\.expected\.ends: .*kernel error/],
  [{ cases: [{ ...CASE, input: { file: 'x' } }] }, /^v\.json: cases\[0\]\.input: files cannot be read here/],
  [{ cases: [CASE, CASE] }, /^v\.json: cases: two of them have the name "a"/],
  [
    { cases: [CASE], merges: [{ name: 'm', of: ['b'], expected: { hex: '' } }] },
    /^v\.json: merges\[0\]\.of\[0\]: "b" names no case/,
  ],
])('refuses %j', (file, message) => {
  const refusal = () => parse(file);
  expect(refusal).toThrow(
    expect.objectContaining({ code: 'vectors-invalid', message: expect.stringMatching(message) }),
  );
});
