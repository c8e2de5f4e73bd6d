/**
 * A network namespace for one script: Chromium hides the addresses of its machine behind names that are resolved by
 * multicast, which loopback does not carry, so tabs meet for WebRTC only where there is another interface. A veth pair
 * and a default route are enough, and nothing in there can reach any other machine.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT } from '../support/daemon.ts';

const SETUP = [
  'ip link set lo up',
  'ip link add veth0 type veth peer name veth1',
  'ip addr add 10.99.0.1/24 dev veth0',
  'ip link set veth0 up',
  'ip link set veth1 up',
  'ip route add default via 10.99.0.2 dev veth0',
].join(' && ');

/** Why a namespace cannot be made, for the name of a skipped test; undefined if it can. Throws where CI is set. */
export async function whyNoNamespace(): Promise<string | undefined> {
  const { exitCode, output } = await run('unshare', ['-n', 'sh', '-c', SETUP]);
  if (exitCode === 0) return undefined;
  const why = ` (skipped: no network namespace here, ${output.trim().split('\n').at(-1)})`;
  const { CI } = process.env;
  if (CI !== undefined && CI !== '' && CI !== 'false') throw new Error(`the tests need a network namespace${why}`);
  return why;
}

/**
 * Runs `test/support/netns/<script>` of the compiled tree in a namespace of its own. Resolves to the object that is the
 * last line of its output; rejects with everything it said when it fails.
 */
export async function runInNamespace(script: string, options: object): Promise<unknown> {
  const entry = join(CHECKOUT, 'dist/test/support/netns', `${script}.js`);
  if (!existsSync(entry)) throw new Error(`${entry} is missing: run npm run build first`);
  const command = `${SETUP} && exec "$0" "$@"`;
  const { exitCode, output } = await run('unshare', [
    ...['-n', 'sh', '-c', command],
    ...[process.execPath, entry, JSON.stringify(options)],
  ]);
  const last = output.trim().split('\n').at(-1) ?? '';
  if (exitCode !== 0) throw new Error(`${script} ended with ${exitCode}:\n${output}`);
  return JSON.parse(last);
}

async function run(command: string, args: readonly string[]): Promise<{ exitCode: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const stop = (): void => void child.kill('SIGKILL');
    process.once('exit', stop);
    let output = '';
    for (const stream of [child.stderr, child.stdout]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.once('error', (error) => resolve({ exitCode: -1, output: `${output}${error.message}` }));
    child.once('close', (exitCode) => {
      process.off('exit', stop);
      resolve({ exitCode, output });
    });
  });
}
