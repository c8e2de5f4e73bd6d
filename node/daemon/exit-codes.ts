/**
 * Every exit code of `shoal`, once. Scripts may rely on them: a number keeps its meaning between versions.
 * Which error ends in which code stands in `errors.ts`.
 */
export const EXIT = {
  ok: 0,
  /** Something that should not happen; the message says what. */
  failed: 1,
  /** The command line itself: unknown command, missing or malformed argument. */
  usage: 2,
  /** A configuration key has a value that cannot be used; the message names key and source. */
  configuration: 3,
  /** A listen or bootstrap address that is malformed, in use, or not ours. */
  address: 4,
  /** A file that was named does not exist or cannot be read. */
  missingFile: 5,
  /** The kernel is no WebAssembly, needs something forbidden, or does not follow the ABI. */
  kernelRefused: 6,
  /** The network agreed that tasks of the job fail: they trap, run out of fuel, or report an error. */
  jobFailed: 7,
  /** The job was cancelled, or expired before it had finished. */
  jobCancelled: 8,
  /** No job of that id. */
  notFound: 9,
  /** Another process holds the data folder. */
  dataFolderInUse: 10,
  /** The data folder was written by a newer version. */
  dataFolderNewer: 11,
  /** The data folder cannot be read or written: disk full, quota, permissions, corruption. */
  storage: 12,
  /** The swarm key is missing, unreadable or malformed. */
  swarmKey: 13,
  /** No daemon answers on this data folder. */
  daemonUnreachable: 14,
  /** Node.js is too old, or the build or the dependencies are missing. `shoal.js` repeats this number. */
  installation: 15,
  /** A kernel does not compute what its vectors say, or breaks a promise of merging or of steps. */
  testFailed: 16,
  /** Ended by SIGINT or SIGTERM before it was done. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
