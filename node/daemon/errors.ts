/**
 * Errors a person may see, and the one place that turns any error into a message and an exit code.
 *
 * Parts throw errors with a `code`; over HTTP the code travels with the message, so that the CLI ends the same way
 * whether the daemon is in its own process or another one. A code that is not in this table is a mistake of ours
 * and shows as `failed`, with its stack at log level debug.
 */
import { NetworkError, type NetworkErrorCode } from '../network/error.ts';
import { StorageError } from '../runtime/environment.ts';
import { ReduceError } from '../sandbox/reduce-error.ts';
import { KernelRefusedError } from '../sandbox/refusal.ts';
import { SdkError, type SdkErrorCode } from '../sdk/error.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';

const EXIT_OF = {
  usage: EXIT.usage,
  configuration: EXIT.configuration,
  address: EXIT.address,
  'missing-file': EXIT.missingFile,
  'kernel-refused': EXIT.kernelRefused,
  'bad-manifest': EXIT.kernelRefused,
  'bad-arguments': EXIT.usage,
  'job-refused': EXIT.usage,
  'job-failed': EXIT.jobFailed,
  'test-failed': EXIT.testFailed,
  'job-cancelled': EXIT.jobCancelled,
  'job-running': EXIT.notFound,
  'not-found': EXIT.notFound,
  'not-yours': EXIT.notFound,
  'too-large': EXIT.usage,
  'data-folder-in-use': EXIT.dataFolderInUse,
  'data-folder-newer': EXIT.dataFolderNewer,
  'data-folder': EXIT.storage,
  storage: EXIT.storage,
  'swarm-key': EXIT.swarmKey,
  'daemon-unreachable': EXIT.daemonUnreachable,
  unauthorized: EXIT.daemonUnreachable,
  installation: EXIT.installation,
  interrupted: EXIT.interrupted,
  failed: EXIT.failed,
} as const satisfies Record<string, ExitCode>;

export type ErrorCode = keyof typeof EXIT_OF;

/** An error whose message is meant for the person at the keyboard: what was wrong, and what to do. */
export class ShoalError extends Error {
  override readonly name = 'ShoalError';
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** The error that another process, or an earlier life of this one, has described. */
export function errorOf(code: unknown, message: string): ShoalError {
  return new ShoalError(isErrorCode(code) ? code : 'failed', message);
}

export interface Translated {
  readonly code: ErrorCode;
  readonly message: string;
  readonly exitCode: ExitCode;
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(EXIT_OF, code);
}

export function exitCodeOf(code: ErrorCode): ExitCode {
  return EXIT_OF[code];
}

export function translate(error: unknown): Translated {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  return { code, message, exitCode: EXIT_OF[code] };
}

const NETWORK_CODES: Readonly<Record<NetworkErrorCode, ErrorCode>> = {
  'address-malformed': 'address',
  'invitation-malformed': 'usage',
  'address-refused': 'address',
  'swarm-key-malformed': 'swarm-key',
  'key-unsupported': 'failed',
  'listen-failed': 'address',
  'dial-failed': 'failed',
  'not-started': 'failed',
};

const SDK_CODES: Readonly<Record<SdkErrorCode, ErrorCode>> = {
  'manifest-invalid': 'bad-manifest',
  'vectors-invalid': 'bad-manifest',
  'kernel-too-large': 'kernel-refused',
  'argument-unknown': 'bad-arguments',
  'argument-missing': 'bad-arguments',
  'argument-invalid': 'bad-arguments',
  'argument-out-of-range': 'bad-arguments',
  'file-missing': 'bad-arguments',
  'file-not-wanted': 'bad-arguments',
  'file-empty': 'bad-arguments',
  'file-malformed': 'bad-arguments',
  'no-tasks': 'bad-arguments',
  'task-size-invalid': 'bad-arguments',
  'task-too-large': 'bad-arguments',
  'too-many-tasks-per-unit': 'bad-arguments',
  'too-many-units': 'bad-arguments',
  'unit-too-large': 'bad-arguments',
  'output-too-large': 'bad-arguments',
  'policy-invalid': 'bad-arguments',
  'task-trapped': 'job-failed',
  'result-malformed': 'job-failed',
  'reduce-missing': 'failed',
  'kernel-unknown': 'missing-file',
  'kernel-refused': 'kernel-refused',
  'quorum-too-low': 'usage',
  'job-refused': 'job-refused',
  'job-unknown': 'not-found',
  'job-ambiguous': 'usage',
  'job-not-own': 'not-yours',
  'job-running': 'job-running',
  'job-failed': 'job-failed',
  'job-cancelled': 'job-cancelled',
  'job-ended': 'usage',
  'unit-unfinished': 'not-found',
  'output-missing': 'storage',
};

function codeOf(error: unknown): ErrorCode {
  if (error instanceof StorageError) return 'storage';
  if (error instanceof KernelRefusedError) return 'kernel-refused';
  if (error instanceof SdkError) return SDK_CODES[error.code];
  if (error instanceof ReduceError) return 'job-failed';
  if (error instanceof NetworkError) return NETWORK_CODES[error.code];
  if (!(error instanceof Error)) return 'failed';
  const { code } = error as { code?: unknown };
  if (isErrorCode(code)) return code;
  if (code === 'ENOENT' || code === 'EISDIR') return 'missing-file';
  if (code === 'ENOSPC' || code === 'EACCES' || code === 'EROFS') return 'storage';
  if (code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL') return 'address';
  return 'failed';
}
