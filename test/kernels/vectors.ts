/** Reads `kernels/<name>/vectors.json`: what each kernel must compute, from sources other than the kernel. */
import { readFileSync } from 'node:fs';
import type { KernelManifest } from '../../node/sdk/manifest.ts';
import { parseVectors, type Vector } from '../../node/sdk/vectors.ts';

/** Every case of a built-in kernel has its hash. */
export type HashedVector = Vector & { readonly sha256: string };

export function readVectors(manifest: KernelManifest): HashedVector[] {
  const file = new URL(`../../kernels/${manifest.name}/vectors.json`, import.meta.url);
  const { cases } = parseVectors(readFileSync(file, 'utf8'), { manifest, fileName: `${manifest.name}/vectors.json` });
  return cases.map((vector) => {
    if (vector.sha256 === undefined) throw new Error(`${manifest.name}/vectors.json: ${vector.name}: no sha256`);
    return { ...vector, sha256: vector.sha256 };
  });
}
