import { describe, expect, it } from 'vitest';
import { type ArgumentInputs, encodeParameters, resolveArguments } from '../../../node/sdk/arguments.ts';
import { SdkError, type SdkErrorCode } from '../../../node/sdk/error.ts';
import { manifest, rangeManifest } from './fixtures.ts';

const echo = manifest();

describe('arguments', () => {
  it('fills in defaults and encodes parameters in order, little-endian', () => {
    const bytes = encodeParameters(echo, resolveArguments(echo, { small: '0x'.length }));
    const view = new DataView(bytes.buffer);
    expect(bytes).toHaveLength(4 + 8 + 4 + 8);
    expect(view.getUint32(0, true)).toBe(2);
    expect(view.getBigUint64(4, true)).toBe(2n ** 64n - 1n);
    expect(view.getInt32(12, true)).toBe(-2);
    expect(view.getFloat64(16, true)).toBe(0.5);
  });

  it.each<[ArgumentInputs, string, number | bigint]>([
    [{ small: '42' }, 'small', 42],
    [{ small: 42n }, 'small', 42],
    [{ small: '1e2' }, 'small', 100],
    [{ large: '1e12' }, 'large', 10n ** 12n],
    [{ large: '1_000_000' }, 'large', 1_000_000n],
    [{ large: 5 }, 'large', 5n],
    [{ signed: '-5' }, 'signed', -5],
    [{ real: '-1e-3' }, 'real', -0.001],
    [{ real: ' 1.5 ' }, 'real', 1.5],
  ])('reads %o', (given, name, value) => {
    expect(resolveArguments(echo, given).get(name)).toBe(value);
  });

  it.each<[ArgumentInputs, SdkErrorCode, string]>([
    [{ size: 1 }, 'argument-unknown', 'echo has no argument size; it takes: small, large, signed, real'],
    [{ toString: 1 }, 'argument-unknown', 'toString'],
    [{ small: 'many' }, 'argument-invalid', 'small (u32) must be a whole number: "many"'],
    [{ small: '' }, 'argument-invalid', 'small'],
    [{ small: '1.5' }, 'argument-invalid', 'small'],
    [{ small: 1.5 }, 'argument-invalid', 'small'],
    [{ small: '0x10' }, 'argument-invalid', 'small'],
    [{ small: -1 }, 'argument-invalid', 'small (u32) must be from 0 to 4294967295'],
    [{ small: '4294967296' }, 'argument-invalid', 'small'],
    [{ small: 0 }, 'argument-out-of-range', 'small must be from 1 to 100, not 0'],
    [{ small: '1e9' }, 'argument-out-of-range', 'small must be from 1 to 100, not 1e9'],
    [{ large: '18446744073709551616' }, 'argument-invalid', 'large'],
    [{ large: 2 ** 60 }, 'argument-invalid', 'write it as a string'],
    [{ large: '1e99' }, 'argument-invalid', 'large'],
    [{ signed: -6 }, 'argument-out-of-range', 'signed must be at least -5, not -6'],
    [{ signed: '2147483648' }, 'argument-invalid', 'signed'],
    [{ real: 'NaN' }, 'argument-invalid', 'real (f64) must be a finite number'],
    [{ real: '' }, 'argument-invalid', 'real'],
    [{ real: Number.POSITIVE_INFINITY }, 'argument-invalid', 'real'],
    [{ real: 1.6 }, 'argument-out-of-range', 'real must be at most 1.5, not 1.6'],
  ])('refuses %o', (given, code, message) => {
    const error = caught(() => resolveArguments(echo, given));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
  });

  it('asks for an argument without a default, with its description', () => {
    const error = caught(() => resolveArguments(rangeManifest(1), { from: 1 }));
    expect(error).toMatchObject({ code: 'argument-missing', message: 'echo needs the argument to: End.' });
  });

  it('leaves arguments that only shape tasks out of the parameters', () => {
    const primes = rangeManifest(1);
    expect(encodeParameters(primes, resolveArguments(primes, { to: 9 }))).toHaveLength(0);
  });
});

function caught(run: () => unknown): SdkError {
  try {
    run();
  } catch (error) {
    if (error instanceof SdkError) return error;
    throw error;
  }
  throw new Error('was accepted');
}
