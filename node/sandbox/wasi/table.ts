/**
 * What a WASI program may import: the functions of `wasi_snapshot_preview1`, each with its one type. Most programs import
 * more of them than they ever call, so all of preview1 is here; what there is nothing of (files, directories, sockets,
 * signals) answers with the error that says so. Any other import is refused by name before the program runs.
 *
 * The table, its answers and its fuel are ABI 2: a change that a program could notice needs another ABI number.
 */
import type { FunctionType, ImportPolicy } from '../module.ts';
import { KernelRefusedError } from '../refusal.ts';

export const WASI_MODULE = 'wasi_snapshot_preview1';

/** Errors by their number in preview1. */
export const ERRNO = {
  success: 0,
  badDescriptor: 8,
  fault: 21,
  invalid: 28,
  notImplemented: 52,
  notDirectory: 54,
  notSocket: 57,
  notSupported: 58,
  notSeekable: 70,
} as const;

const I32 = 0x7f;
const I64 = 0x7e;

/** `iIi`: parameters of type i32, i64 and i32. The result is an i32, the error number, unless said otherwise. */
function type(parameters: string, results: readonly number[] = [I32]): FunctionType {
  return { parameters: Array.from(parameters, (letter) => (letter === 'I' ? I64 : I32)), results };
}

/** What `host.ts` does something for. */
export const ANSWERED = {
  args_get: type('ii'),
  args_sizes_get: type('ii'),
  environ_get: type('ii'),
  environ_sizes_get: type('ii'),
  clock_res_get: type('ii'),
  clock_time_get: type('iIi'),
  fd_close: type('i'),
  fd_fdstat_get: type('ii'),
  fd_fdstat_set_flags: type('ii'),
  fd_filestat_get: type('ii'),
  fd_read: type('iiii'),
  fd_write: type('iiii'),
  poll_oneoff: type('iiii'),
  proc_exit: type('i', []),
  random_get: type('ii'),
  sched_yield: type(''),
} as const satisfies Record<string, FunctionType>;

/**
 * What there is nothing of, with the error for a first parameter that is an open descriptor; for any other it is a bad
 * descriptor. There are three descriptors, none is a directory, a socket, or has a position.
 */
export const DENIED: Readonly<Record<string, readonly [FunctionType, number]>> = {
  fd_advise: [type('iIIi'), ERRNO.notSeekable],
  fd_allocate: [type('iII'), ERRNO.notSeekable],
  fd_datasync: [type('i'), ERRNO.invalid],
  fd_fdstat_set_rights: [type('iII'), ERRNO.notSupported],
  fd_filestat_set_size: [type('iI'), ERRNO.invalid],
  fd_filestat_set_times: [type('iIIi'), ERRNO.notSupported],
  fd_pread: [type('iiiIi'), ERRNO.notSeekable],
  // None was opened before the program began; libraries ask from 3 on until they hear that.
  fd_prestat_get: [type('ii'), ERRNO.badDescriptor],
  fd_prestat_dir_name: [type('iii'), ERRNO.badDescriptor],
  fd_pwrite: [type('iiiIi'), ERRNO.notSeekable],
  fd_readdir: [type('iiiIi'), ERRNO.notDirectory],
  fd_renumber: [type('ii'), ERRNO.notSupported],
  fd_seek: [type('iIii'), ERRNO.notSeekable],
  fd_sync: [type('i'), ERRNO.invalid],
  fd_tell: [type('ii'), ERRNO.notSeekable],
  path_create_directory: [type('iii'), ERRNO.notDirectory],
  path_filestat_get: [type('iiiii'), ERRNO.notDirectory],
  path_filestat_set_times: [type('iiiiIIi'), ERRNO.notDirectory],
  path_link: [type('iiiiiii'), ERRNO.notDirectory],
  path_open: [type('iiiiiIIii'), ERRNO.notDirectory],
  path_readlink: [type('iiiiii'), ERRNO.notDirectory],
  path_remove_directory: [type('iii'), ERRNO.notDirectory],
  path_rename: [type('iiiiii'), ERRNO.notDirectory],
  path_symlink: [type('iiiii'), ERRNO.badDescriptor],
  path_unlink_file: [type('iii'), ERRNO.notDirectory],
  proc_raise: [type('i'), ERRNO.notImplemented],
  sock_accept: [type('iii'), ERRNO.notSocket],
  sock_recv: [type('iiiiii'), ERRNO.notSocket],
  sock_send: [type('iiiii'), ERRNO.notSocket],
  sock_shutdown: [type('ii'), ERRNO.notSocket],
};

/** Fuel beside the program's own instructions: about 2 for a nanosecond, as measured in Node.js 20. */
export const WASI_FUEL = {
  /** Every call. */
  call: 1_024,
  /** Each buffer of fd_read and fd_write, and each subscription of poll_oneoff. */
  item: 256,
  /** Bytes for one unit, rounded up in each call: of input, arguments and standard error. */
  bytesPerFuel: 8,
  /** Each byte of standard output, which is kept, hashed and sent. */
  outputByte: 4,
  /** Each byte of random_get. */
  randomByte: 256,
  /** Each byte of arguments and input, once, when randomness is first asked for: they are its seed. */
  seedByte: 16,
} as const;

/** Buffers, and subscriptions, in one call: what POSIX calls IOV_MAX. More is an invalid argument. */
export const ITEMS_IN_CALL_MAX = 1_024;
/** Of standard error, kept for the author of a program; the rest is dropped. It is no part of a result. */
export const STDERR_KEPT_BYTES = 2_048;
/** Where the real-time clock stands: 2000-01-01T00:00:00Z, in nanoseconds. All others stand at zero. */
export const REAL_TIME = 946_684_800_000_000_000n;

export const WASI_IMPORTS: ImportPolicy = ({ module, name, type: actual }) => {
  const refuse = (why: string): never => {
    throw new KernelRefusedError('forbidden-import', `the program imports ${module}.${name}, ${why}`);
  };
  if (module === 'wasi_unstable') refuse('an older WASI; build it for wasm32-wasi or wasm32-wasip1');
  if (module !== WASI_MODULE) refuse(`and only functions of ${WASI_MODULE} can be imported`);
  const wanted = Object.hasOwn(ANSWERED, name)
    ? ANSWERED[name as keyof typeof ANSWERED]
    : Object.hasOwn(DENIED, name)
      ? DENIED[name]![0]
      : refuse('which WASI preview1 does not have');
  const isSame = (a: readonly number[], b: readonly number[]): boolean =>
    a.length === b.length && a.every((v, i) => v === b[i]);
  if (!isSame(actual.parameters, wanted.parameters) || !isSame(actual.results, wanted.results)) {
    refuse('with another type than WASI preview1 gives it');
  }
};
