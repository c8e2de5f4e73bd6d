/**
 * `npm run conformance -- <folder>`: the official WebAssembly test-suite through the rewriter. The folder holds what
 * wabt's `wast2json` made of the suite; nothing of it is part of this project.
 */
import { conformance } from './cli.ts';

process.exitCode = conformance(process.argv.slice(2), {
  print: (text) => console.log(text),
  complain: (text) => console.error(text),
  progress: (text) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  },
});
