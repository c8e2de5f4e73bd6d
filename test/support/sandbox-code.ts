/**
 * Before any test: bundles what the sandbox process runs, where that is missing or older than its sources. Tests import
 * everything else from source, and would otherwise compare it with something else.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { modifiedAt, newestOf } from './builds.ts';
import { CHECKOUT } from './daemon.ts';

const SOURCES = ['node/protocol', 'node/runtime', 'node/sandbox', 'node/daemon/workers'];

export function setup(): void {
  if (newestOf(SOURCES) <= modifiedAt(join(CHECKOUT, 'dist/sandbox/process.mjs'))) return;
  const vite = join(CHECKOUT, 'node_modules/vite/bin/vite.js');
  const config = join(CHECKOUT, 'node/daemon/workers/bundle.config.ts');
  const args = [vite, 'build', '--config', config, '--logLevel', 'warn'];
  execFileSync(process.execPath, args, { cwd: CHECKOUT, stdio: 'inherit' });
}
