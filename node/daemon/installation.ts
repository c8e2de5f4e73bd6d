/** Where this package lies and which version it is. */
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** This file runs compiled, as `dist/node/daemon/installation.js`, or as a source in `node/daemon`. */
const base = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const root = basename(base) === 'dist' ? dirname(base) : base;

export const VERSION = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
/** Told to other peers. */
export const AGENT = `shoal/${VERSION}`;
/** One folder with `kernel.wasm` and `kernel.json` for each built-in kernel. */
export const KERNEL_FOLDER = join(root, 'dist', 'kernels');
/** What the sandbox process runs, bundled. */
export const SANDBOX_FOLDER = join(root, 'dist', 'sandbox');
/** The page: `index.html` and its assets. */
export const PAGE_FOLDER = join(root, 'dist', 'browser');
/** The page for volunteers, likewise. */
export const VOLUNTEER_PAGE_FOLDER = join(root, 'dist', 'volunteer');
/** Sources of the built-in kernels, their vectors, the kernel SDK, and the templates of new kernels. */
export const KERNEL_SOURCES = join(root, 'kernels');
