/** Looking at a kernel as data: what it is, or why this network does not run it. */
import type { KernelReport } from './inspect.ts';
import { type KernelRefusalCode, KernelRefusedError } from './refusal.ts';

export type Inspection =
  | { readonly report: KernelReport }
  | { readonly refusal: { readonly code: KernelRefusalCode; readonly message: string } };

/** Rejects only where this machine could not look at it. */
export async function inspectionOf(looking: Promise<KernelReport>): Promise<Inspection> {
  try {
    return { report: await looking };
  } catch (error) {
    if (!(error instanceof KernelRefusedError)) throw error;
    return { refusal: { code: error.code, message: error.message } };
  }
}
