/**
 * Before any test: bundles what the sandbox process runs, where that is missing or older than its sources. Tests import
 * everything else from source, and would otherwise compare it with something else.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT } from './daemon.ts';

const SOURCES = ['protocol', 'runtime', 'sandbox', 'daemon/workers'];

export function setup(): void {
  const builtAt = modifiedAt(join(CHECKOUT, 'dist/sandbox/process.mjs'));
  const sources = SOURCES.flatMap((folder) => {
    const base = join(CHECKOUT, 'node', folder);
    return readdirSync(base, { recursive: true, encoding: 'utf8' }).map((name) => join(base, name));
  });
  if (Math.max(...sources.map(modifiedAt)) <= builtAt) return;
  const vite = join(CHECKOUT, 'node_modules/vite/bin/vite.js');
  const config = join(CHECKOUT, 'node/daemon/workers/bundle.config.ts');
  const args = [vite, 'build', '--config', config, '--logLevel', 'warn'];
  execFileSync(process.execPath, args, { cwd: CHECKOUT, stdio: 'inherit' });
}

function modifiedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
