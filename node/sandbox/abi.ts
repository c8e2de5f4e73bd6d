/**
 * The kernel ABI, version 1: what a kernel exports and in which order the host calls it. There are no imports.
 *
 *   memory                      the kernel's linear memory
 *   shoal_abi()   -> i32        1
 *   shoal_alloc(n: i32) -> i32  address of n fresh bytes, where the host then writes the input; 0 means no memory
 *   shoal_init()  -> i32        reads the input; returns the total number of steps, 0 when nothing is to do, < 0 error
 *   shoal_step(n: i32) -> i32   does up to n steps; returns steps left, 0 when done, < 0 error
 *   shoal_out_ptr() -> i32      where the output begins, and
 *   shoal_out_len() -> i32      how many bytes it has; asked once, after the last step or after shoal_reduce
 *   shoal_reduce() -> i32       optional: merges outputs; returns 0, or < 0 error
 *
 * One task:   [_initialize] [_start] shoal_abi shoal_alloc shoal_init shoal_step* shoal_out_len shoal_out_ptr
 * A merge:    [_initialize] [_start] shoal_abi shoal_alloc shoal_reduce shoal_out_len shoal_out_ptr
 *
 * Input of a task, little-endian, written in one piece:
 *   u32 length of the parameters | parameters | task input (up to n)
 * Input of a merge:
 *   u32 length of the parameters | parameters | u32 count | count times (u32 length | bytes)
 *
 * Each task and each merge gets an instance of its own. A module's start function, if it has one, runs first, and
 * then the exports `_initialize` and `_start` (what AssemblyScript's `--exportStart _start` makes), all metered.
 * Addresses and lengths are unsigned. A kernel that returns an address outside its memory is in error.
 */
import { concatBytes, uint32Bytes } from '../protocol/bytes.ts';

export function taskInput(parameters: Uint8Array, input: Uint8Array): Uint8Array {
  return concatBytes(uint32Bytes(parameters.length), parameters, input);
}

export function reduceInput(parameters: Uint8Array, outputs: readonly Uint8Array[]): Uint8Array {
  const items = outputs.flatMap((output) => [uint32Bytes(output.length), output]);
  return concatBytes(uint32Bytes(parameters.length), parameters, uint32Bytes(outputs.length), ...items);
}
