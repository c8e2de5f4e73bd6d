#!/usr/bin/env node
/**
 * Start of the `shoal` command. Plain JavaScript of the oldest kind that can be a module, on purpose: it must be able to say what is missing where
 * nothing else here can run. Everything else is TypeScript, compiled into dist/.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

// The same number as EXIT.installation in exit-codes.ts, which cannot be loaded yet.
const EXIT_INSTALLATION = 15;
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

function parts(version) {
  return version
    .replace(/^[^0-9]*/, '')
    .split('.')
    .map(Number);
}

function isOlder(version, wanted) {
  const have = parts(version);
  const want = parts(wanted);
  for (let i = 0; i < 3; i++) {
    if ((have[i] || 0) !== (want[i] || 0)) return (have[i] || 0) < (want[i] || 0);
  }
  return false;
}

function missing() {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const wanted = manifest.engines.node;
  if (isOlder(process.versions.node, wanted)) {
    return `Node.js ${process.versions.node} is too old: shoal needs ${wanted}. See https://nodejs.org`;
  }
  const absent = Object.keys(manifest.dependencies).filter((name) => !existsSync(join(root, 'node_modules', name)));
  if (absent.length > 0) {
    return `dependencies are missing (${absent.slice(0, 5).join(', ')}). Run "npm ci" in ${root}`;
  }
  if (!existsSync(join(root, 'dist', 'node', 'daemon', 'main.js'))) {
    return `the build is missing. Run "npm run build" in ${root}`;
  }
  return undefined;
}

const problem = missing();
if (problem !== undefined) {
  process.stderr.write(`shoal: ${problem}\n`);
  process.exitCode = EXIT_INSTALLATION;
} else {
  import(pathToFileURL(join(root, 'dist', 'node', 'daemon', 'main.js')).href).catch((error) => {
    process.stderr.write(`shoal: could not start: ${error?.stack ? error.stack : error}\n`);
    process.exitCode = EXIT_INSTALLATION;
  });
}
