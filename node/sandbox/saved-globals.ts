/**
 * Saving and restoring a kernel's globals between two of its steps, when no call is under way. The host cannot read them
 * one by one: JavaScript may change the bits of a NaN on the way and cannot hold a v128. So two functions inside the
 * module carry all mutable globals, the rewriter's own included, as i64 words. Nothing of it costs fuel, and since
 * globals are not exported, engines keep them where they are fastest.
 *
 * Memory and globals are the whole state unless the kernel has imports, writes its table or drops segments: then there are no such
 * functions, and the kernel runs unbroken, on a fresh instance for each task.
 */
import { ByteWriter } from './bytes.ts';
import { type KernelModule, VALUE } from './module.ts';

/** Values that cross between module and host at once. Kernels have a handful of globals; engines allow 1,000. */
export const SAVED_WORDS_MAX = 256;

export interface SavedGlobal {
  readonly index: number;
  readonly type: number;
  readonly words: number;
}

/** Fuel, depth and host failure, in the order in which the rewriter appends them. */
const OWN_GLOBALS = [VALUE.i64, VALUE.i32, VALUE.i32];

/** Why the kernel's state cannot be saved between steps; undefined where it can. */
export function whyNotResumable(module: KernelModule): string | undefined {
  if (module.imports.length > 0) return 'it has imports, and its host has a state of its own';
  const changes = module.hiddenChanges;
  if (changes.length > 0) return `it uses ${changes.join(', ')}, whose effect shows in neither memory nor globals`;
  const words = wordsOf(mutableGlobals(module));
  if (words > SAVED_WORDS_MAX) return `its mutable globals take ${words} words, over ${SAVED_WORDS_MAX}`;
  return undefined;
}

/** Undefined where `whyNotResumable` has a reason. */
export function savedGlobals(module: KernelModule): readonly SavedGlobal[] | undefined {
  return whyNotResumable(module) === undefined ? mutableGlobals(module) : undefined;
}

function mutableGlobals({ globals }: KernelModule): readonly SavedGlobal[] {
  const kernel = globals.flatMap(({ type, mutable }, index) => (mutable ? [{ index, type }] : []));
  const own = OWN_GLOBALS.map((type, i) => ({ index: globals.length + i, type }));
  return [...kernel, ...own].map((item) => ({ ...item, words: item.type === VALUE.v128 ? 2 : 1 }));
}

function wordsOf(globals: readonly SavedGlobal[]): number {
  return globals.reduce((sum, { words }) => sum + words, 0);
}

/** Body of () -> (i64 for each word). */
export function saveFunction(globals: readonly SavedGlobal[]): ByteWriter {
  const out = new ByteWriter().byte(0);
  for (const { index, type } of globals) {
    out.byte(0x23).u32(index);
    if (type === VALUE.i32) out.byte(0xad);
    else if (type === VALUE.f32) out.put(0xbc, 0xad);
    else if (type === VALUE.f64) out.byte(0xbd);
    else if (type === VALUE.v128) out.put(0xfd, 29, 0).byte(0x23).u32(index).put(0xfd, 29, 1);
  }
  return out.byte(0x0b);
}

/** Body of (i64 for each word) -> (). */
export function restoreFunction(globals: readonly SavedGlobal[]): ByteWriter {
  const out = new ByteWriter().byte(0);
  let word = 0;
  for (const { index, type, words } of globals) {
    out.byte(0x20).u32(word);
    if (type === VALUE.i32) out.byte(0xa7);
    else if (type === VALUE.f32) out.put(0xa7, 0xbe);
    else if (type === VALUE.f64) out.byte(0xbf);
    else if (type === VALUE.v128)
      out
        .put(0xfd, 18, 0x20)
        .u32(word + 1)
        .put(0xfd, 30, 1);
    out.byte(0x24).u32(index);
    word += words;
  }
  return out.byte(0x0b);
}
