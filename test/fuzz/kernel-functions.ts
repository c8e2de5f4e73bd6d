/**
 * What makes a kernel of a generated module, behind `run` and `dump`: the functions of the ABI, with two globals of their
 * own, steps left and the last result.
 */
import type { Shape } from './body.ts';
import { leb, signed, sized } from './encode.ts';
import { I32 } from './operators.ts';

/** Steps of a generated kernel: each calls `run`, the last one `dump`. */
export const KERNEL_STEPS = 5;

/** `run` is a function's index, `budget` what the first global is set to before each call of it. */
export function kernelFunctions(
  shape: Shape,
  run: number,
  budget: number,
): readonly { readonly name: string; readonly type: number; readonly body: number[] }[] {
  const [left, result] = [leb(shape.globals.length), leb(shape.globals.length + 1)];
  const toI32 = shape.signature({ takes: [], gives: [I32] });
  const i32ToI32 = shape.signature({ takes: [I32], gives: [I32] });
  const made = (title: string, type: number, code: readonly number[]) => {
    return { name: `shoal_${title}`, type, body: sized([0, ...code, 0x0b]) };
  };
  const countDown = [0x23, ...left, 0x41, 1, 0x6b, 0x24, ...left, 0x23, ...left];
  const round = [0x41, ...signed(budget), 0x24, 0, 0x23, ...left, 0x23, ...result, 0x10, ...leb(run), 0x24, ...result];
  const last = [0x10, ...leb(run + 1), 0x41, ...signed(16 * shape.globals.length), 0x23, ...result, 0x37, 3, 0];
  return [
    made('abi', toI32, [0x41, 1]),
    made('alloc', i32ToI32, [0x41, ...signed(4_096)]),
    made('init', toI32, [0x41, KERNEL_STEPS, 0x24, ...left, 0x41, KERNEL_STEPS]),
    made('step', i32ToI32, [...countDown, 0x04, 0x40, ...round, 0x05, ...last, 0x0b, 0x23, ...left]),
    made('out_ptr', toI32, [0x41, 0]),
    made('out_len', toI32, [0x3f, 0, 0x41, ...signed(65_536), 0x6c]),
  ];
}
