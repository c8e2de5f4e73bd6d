/** `shoal kernel test` notices what is wrong with a kernel: each of these breaks one promise. */
import { expect, it } from 'vitest';
import { type CaseResult, checkKernel } from '../../node/daemon/cli/kernel/check.ts';
import { differenceOf } from '../../node/daemon/cli/kernel/difference.ts';
import { withSandbox } from '../../node/daemon/cli/kernel/sandbox.ts';
import { checkManifest, type KernelManifest } from '../../node/sdk/manifest.ts';
import { parseVectors } from '../../node/sdk/vectors.ts';
import { BAD_MANIFEST } from '../daemon/bad-kernels.ts';
import { kernel, outputI64 } from '../sandbox/kernels.ts';

const REDUCE: KernelManifest = checkManifest({
  ...BAD_MANIFEST,
  result: { join: 'reduce', show: 'u64' },
  limits: { ...BAD_MANIFEST.limits, stepQuantum: 4, reduce: { fuelMax: 1e6, memoryPagesMax: 64, outputBytesMax: 64 } },
});
const ARGUMENTS = { to: 8 };
/** First number of a task's range, low 32 bits. */
const FROM = '(i64.load32_u (i32.const 1028))';
/** Adds up `count` outputs of 8 bytes, which begin at 1040 and lie 12 apart. */
const SUM = (start: string) => `(local $i i32) (local $sum i64) (local.set $sum ${start})
  (loop $more
    (local.set $sum (i64.add (local.get $sum)
      (i64.load (i32.add (i32.const 1036) (i32.mul (local.get $i) (i32.const 12))))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $more (i32.lt_u (local.get $i) (i32.load (i32.const 1028)))))
  ${outputI64('(local.get $sum)')} (i32.const 0)`;
const GOOD = { init: '(i32.const 1)', step: `${outputI64(FROM)} (i32.const 0)`, reduce: SUM('(i64.const 0)') };
const CASES = [3, 5, 8].map((from) => ({
  name: `from ${from}`,
  arguments: ARGUMENTS,
  input: { u64: [from, from + 1] },
  expected: { u64: from },
}));

async function check(wasm: Uint8Array, file: object, manifest = REDUCE): Promise<readonly CaseResult[]> {
  const vectors = parseVectors(JSON.stringify(file), { manifest });
  return withSandbox((pool, keep) => checkKernel({ manifest, wasm, vectors, pool, keep, onResult: () => undefined }));
}

function problems(results: readonly CaseResult[]): string[] {
  return results.flatMap(({ name, problems }) => problems.map(({ what }) => `${name}: ${what}`));
}

it('lets a kernel pass that keeps every promise', async () => {
  const merges = [{ name: 'all', of: CASES.map(({ name }) => name), expected: { u64: 16 } }];
  const results = await check(kernel(GOOD), { cases: CASES, merges });
  expect(problems(results)).toEqual([]);
  expect(results.map(({ kind }) => kind)).toEqual(['case', 'case', 'case', 'merge', 'rule']);
  for (const { fuel } of results.slice(0, 3)) expect(fuel).toBeGreaterThan(0);
});

it('notices a wrong output, by value and by hash, and shows where it differs', async () => {
  const sha256 = '0'.repeat(64);
  const cases = [
    { ...CASES[0]!, expected: { u64: 4 } },
    { name: 'by hash', arguments: ARGUMENTS, input: { u64: [5, 6] }, sha256 },
  ];
  const results = await check(kernel(GOOD), { cases });
  expect(problems(results)[0]).toBe('from 3: the output differs');
  expect(problems(results)[1]).toMatch(/^by hash: the output has the SHA-256 [0-9a-f]{64}, not 0{64}$/);
  const { expected, actual } = results[0]!.problems[0]!;
  expect(differenceOf(expected, actual, REDUCE.result)).toEqual([
    'row 0: expected  4',
    '       got       3',
    'first difference at byte 0',
    '  expected  04 00 00 00 00 00 00 00',
    '  got       03 00 00 00 00 00 00 00',
  ]);
});

it('notices a kernel whose output depends on how its steps are cut', async () => {
  const step = `${outputI64('(i64.extend_i32_s (local.get $n))')} (i32.const 0)`;
  const results = await check(kernel({ ...GOOD, step }), { cases: [{ ...CASES[0]!, expected: { u64: 4 } }] });
  expect(problems(results)).toEqual([
    'from 3: the output is another one one step at a time: it must not depend on how steps are cut',
    'from 3: the output is another one with all steps at once: it must not depend on how steps are cut',
  ]);
});

it('notices how a call ends, and wants it as the vectors say', async () => {
  const trapping = kernel({ ...GOOD, step: '(unreachable)' });
  const cases = [CASES[0]!, { ...CASES[1]!, expected: { ends: 'trap' } }];
  expect(problems(await check(trapping, { cases }))).toEqual([
    expect.stringMatching(/^from 3: it trapped .*; expected is that it ended normally$/),
  ]);
  const endless = kernel({ ...GOOD, step: '(loop $again (br $again)) (i32.const 0)' });
  const results = await check(endless, { cases: [CASES[0]!, { ...CASES[1]!, expected: { ends: 'out of fuel' } }] });
  expect(problems(results)).toEqual([expect.stringMatching(/^from 3: it ran out of fuel /)]);
});

it('notices merging that changes a single output, and merging whose groups matter', async () => {
  // Adds one at every merge: right for no group at all.
  const addsOne = await check(kernel({ ...GOOD, reduce: SUM('(i64.const 1)') }), { cases: CASES });
  expect(problems(addsOne)).toContainEqual(
    expect.stringMatching(/merging the output of “from 3” alone gives another one/),
  );
  expect(problems(addsOne)).toContainEqual(expect.stringMatching(/merging is not associative: 1 and 2 of 3 outputs/));
  // Adds the number of outputs less one: right for a single output, and for no two groups.
  const perMerge = SUM('(i64.mul (i64.sub (i64.load32_u (i32.const 1028)) (i64.const 1)) (i64.load (i32.const 1036)))');
  const weighs = await check(kernel({ ...GOOD, reduce: perMerge }), { cases: CASES });
  expect(problems(weighs)).toEqual([expect.stringMatching(/^merging 3 outputs.*: merging is not associative/)]);
});

it('says so where a kernel is refused, as a volunteer would', async () => {
  await expect(check(new Uint8Array([1, 2, 3]), { cases: CASES })).rejects.toMatchObject({ code: 'kernel-refused' });
});
