/**
 * What the sandbox process may do besides computing: read the code it consists of, and start threads. Everything else
 * that Node.js's permission model covers (other files, writing, child processes, native addons, the inspector) stays
 * shut. Sockets are not covered by it in every version.
 *
 * Two traps. The model does not pass on to a thread that is given `execArgv`, not even an empty list, so threads are
 * told again. And whoever may start threads can start one without the model: threads that run kernels may not. Both
 * sides look at themselves before they take any work, so that a Node.js that reads a switch differently is noticed.
 */

/** The switch has had its final name since Node.js 22.13 and 23.5. */
export function permissionSwitch(version: string): '--permission' | '--experimental-permission' {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 23 || (major === 23 && minor >= 5) || (major === 22 && minor >= 13)
    ? '--permission'
    : '--experimental-permission';
}

/** For a thread that runs kernels. `code` is the folder of the files it consists of, as a real path. */
export function threadFlags(code: string, version: string): readonly string[] {
  return [permissionSwitch(version), `--allow-fs-read=${code}/*`, '--no-warnings'];
}

/** For the process, which starts these threads. */
export function processFlags(code: string, version: string): readonly string[] {
  return [...threadFlags(code, version), '--allow-worker'];
}

/** What is open here although it should be shut, in words; undefined where all is as it must be. */
export function whatIsOpen(kind: 'process' | 'thread'): string | undefined {
  const { permission } = process as { permission?: { has(scope: string, path?: string): boolean } };
  if (permission === undefined) return `the permission model is off in this ${kind}`;
  const open = ['fs.write', 'child', ...(kind === 'thread' ? ['worker'] : [])].filter((scope) => permission.has(scope));
  // Some file that surely is there and has nothing to do with the code.
  if (permission.has('fs.read', process.execPath)) open.push('fs.read');
  if (Object.keys(process.env).length > 0) open.push('the environment');
  return open.length === 0 ? undefined : `open in this ${kind}: ${open.join(', ')}`;
}
