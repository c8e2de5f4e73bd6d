import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { exitCodeOf, isErrorCode, ShoalError, translate } from '../../node/daemon/errors.ts';
import { EXIT } from '../../node/daemon/exit-codes.ts';
import { NetworkError } from '../../node/network/error.ts';
import { StorageError } from '../../node/runtime/environment.ts';
import { ReduceError } from '../../node/sandbox/reduce-error.ts';
import { KernelRefusedError } from '../../node/sandbox/refusal.ts';
import { SdkError } from '../../node/sdk/error.ts';

describe('exit codes', () => {
  it('mean one thing each', () => {
    const codes = Object.values(EXIT);
    expect(new Set(codes).size).toBe(codes.length);
  });

  it('agree with the one in shoal.js', async () => {
    const source = await readFile(new URL('../../node/daemon/shoal.js', import.meta.url), 'utf8');
    expect(source).toContain(`EXIT_INSTALLATION = ${EXIT.installation};`);
  });

  it.each([
    [new ShoalError('not-found', 'x'), EXIT.notFound],
    [new StorageError('disk-full', 'x'), EXIT.storage],
    [new KernelRefusedError('forbidden-import', 'x'), EXIT.kernelRefused],
    [new SdkError('argument-missing', 'x'), EXIT.usage],
    [new SdkError('manifest-invalid', 'x'), EXIT.kernelRefused],
    [new SdkError('task-trapped', 'x'), EXIT.jobFailed],
    [new ReduceError('trap', 'x'), EXIT.jobFailed],
    [new NetworkError('address-malformed', 'x'), EXIT.address],
    [new NetworkError('listen-failed', 'x'), EXIT.address],
    [Object.assign(new Error('x'), { code: 'ENOENT' }), EXIT.missingFile],
    [Object.assign(new Error('x'), { code: 'ENOSPC' }), EXIT.storage],
    [new TypeError('a mistake of ours'), EXIT.failed],
    ['not even an error', EXIT.failed],
  ])('%s', (error, exitCode) => {
    expect(translate(error).exitCode).toBe(exitCode);
  });

  it('carry over HTTP as a code and a message', () => {
    const { code, message } = translate(new KernelRefusedError('not-wasm', 'no wasm at all'));
    expect(isErrorCode(code)).toBe(true);
    expect(translate(new ShoalError(code, message))).toEqual({ code, message, exitCode: exitCodeOf(code) });
  });
});
