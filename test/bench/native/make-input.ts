/**
 * Writes the file that the comparison with C gives a kernel, to try the kernel with: handwritten digits and weights for
 * mlp-train, digits and centroids for k-means, proteins for sequence-align, radio samples for spectrum.
 *
 *   node dist/test/bench/native/make-input.js mlp-train digits.bin && shoal run mlp-train --file digits.bin
 */
import { writeFile } from 'node:fs/promises';
import { INPUTS } from './inputs.ts';

const [name = '', path] = process.argv.slice(2);
const make = INPUTS[name]?.file;
if (make === undefined || path === undefined) {
  const names = Object.keys(INPUTS).filter((key) => INPUTS[key]?.file !== undefined);
  console.error(`usage: make-input <kernel> <file>, for one of ${names.join(', ')}`);
  process.exitCode = 2;
} else {
  const file = await make();
  await writeFile(path, file);
  console.log(`${path}: ${file.length} bytes`);
}
