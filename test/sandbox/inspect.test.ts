import { describe, expect, it } from 'vitest';
import { inspect, KernelRefusedError, meter } from '../../node/sandbox/index.ts';
import { FUNCTION_BYTES_MAX, KERNEL_BYTES_MAX, NESTING_MAX } from '../../node/sandbox/limits.ts';
import { assemble, kernel, kernelText, sumKernel } from './kernels.ts';

function refusal(bytes: Uint8Array, look: (bytes: Uint8Array) => unknown = inspect): { code: string; message: string } {
  try {
    look(bytes);
  } catch (error) {
    if (error instanceof KernelRefusedError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('it was not refused');
}

/** A module out of raw sections: [id, bytes]. */
function sections(...parts: readonly (readonly [number, readonly number[]])[]): Uint8Array {
  const body = parts.flatMap(([id, bytes]) => [id, ...leb(bytes.length)].concat(bytes));
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0].concat(body));
}

function leb(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}

/** A module with one function () -> () of this code. */
function withCode(...code: readonly number[]): Uint8Array {
  return withLongCode(code);
}

function withLongCode(code: readonly number[]): Uint8Array {
  const items = [1, ...leb(code.length + 2), 0].concat(code, 0x0b);
  return sections([1, [1, 0x60, 0, 0]], [3, [1, 0]], [5, [1, 0, 1]], [10, items]);
}

describe('inspect', () => {
  it('reports what a kernel is', () => {
    const bytes = assemble(sumKernel);
    expect(inspect(bytes)).toEqual({
      byteLength: bytes.length,
      abi: 1,
      imports: [],
      exports: expect.arrayContaining(['memory', 'shoal_abi', 'shoal_init', 'shoal_step', 'shoal_reduce']),
      memory: { initialPages: 1, maximumPages: undefined },
      features: [],
      functionCount: 8,
      hasReduce: true,
    });
    const simd = inspect(
      kernel({
        memory: '2 5',
        init: `(memory.fill (i32.const 0) (i32.const 1) (i32.const 9))
          (i32x4.extract_lane 0 (i32x4.splat (i32.extend8_s (i32.const 0))))`,
      }),
    );
    expect(simd.memory).toEqual({ initialPages: 2, maximumPages: 5 });
    expect(simd.features).toEqual(['bulk-memory', 'sign-extension', 'simd']);
    expect(simd.hasReduce).toBe(false);
  });

  it.each<[string, Uint8Array, string]>([
    ['text', new TextEncoder().encode('#!/bin/sh\n'), 'not-wasm'],
    ['nothing', new Uint8Array(0), 'not-wasm'],
    ['a future version', Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0), 'not-wasm'],
    ['a truncated module', assemble(sumKernel).slice(0, 100), 'invalid'],
    ['a module that does not validate', withCode(0x1a), 'invalid'],
    ['a module over 8 MiB', new Uint8Array(KERNEL_BYTES_MAX + 1), 'too-large'],
    ['a module without the ABI', assemble('(module (memory (export "memory") 1))'), 'missing-export'],
    ['a kernel without memory', assemble(sumKernel.replace('(export "memory")', '')), 'missing-export'],
    ['another signature', assemble(sumKernel.replace('"spare"', '"_start"')), 'wrong-abi-signature'],
    ['a reserved name', assemble(sumKernel.replace('"spare"', '"shoal:fuel"')), 'reserved-export'],
    ['data beyond the memory', kernel({ fields: '(data (i32.const 65530) "1234567")' }), 'segment-out-of-bounds'],
    ['data below the memory', kernel({ fields: '(data (i32.const -1) "1")' }), 'segment-out-of-bounds'],
    ['a huge table', kernel({ fields: '(table 2000000 funcref)' }), 'table-too-large'],
    [
      'too many locals',
      sections([1, [1, 0x60, 0, 0]], [3, [1, 0]], [10, [1, 6, 1, 0xd0, 0x86, 0x03, 0x7f, 0x0b]]),
      'too-many-locals',
    ],
    ['a huge function', withLongCode(new Array(FUNCTION_BYTES_MAX).fill(0x01)), 'function-too-large'],
    [
      'deep nesting',
      withCode(...new Array(NESTING_MAX + 1).fill([0x02, 0x40]).flat(), ...new Array(NESTING_MAX + 1).fill(0x0b)),
      'nesting-too-deep',
    ],
  ])('refuses %s', (_, bytes, code) => {
    expect(refusal(bytes).code).toBe(code);
  });

  it('names the import it refuses', () => {
    const bytes = assemble(
      '(module (import "env" "abort" (func (param i32 i32 i32 i32))) (memory (export "memory") 1))',
    );
    expect(refusal(bytes)).toEqual({ code: 'forbidden-import', message: expect.stringContaining('env.abort') });
  });

  it.each<[string, Uint8Array, string]>([
    ['a shared memory', sections([5, [1, 3, 1, 2]]), 'threads'],
    ['atomics', withCode(0xfe, 0x03, 0x00), 'threads'],
    ['a 64-bit memory', sections([5, [1, 4, 1]]), '64-bit memory'],
    ['two memories', sections([5, [2, 0, 1, 0, 1]]), 'several memories'],
    ['relaxed SIMD', withCode(0xfd, 0x80, 0x02), 'relaxed SIMD'],
    ['a tail call', withCode(0x12, 0x00), 'tail calls'],
    ['a try block', withCode(0x06, 0x40, 0x0b), 'exceptions'],
    ['a tag', sections([13, [1, 0, 0]]), 'exceptions'],
    ['a structure type', sections([1, [1, 0x5f, 0]]), 'garbage collection'],
    ['a GC instruction', withCode(0xfb, 0x00, 0x00), 'garbage collection'],
    ['externref', sections([1, [1, 0x60, 1, 0x6f, 0]]), 'reference types'],
    ['ref.null', withCode(0xd0, 0x70, 0x1a), 'reference types'],
    ['table.grow', withCode(0xfc, 0x0f, 0x00), 'table.grow'],
    ['table.set', withCode(0x26, 0x00), 'reference types'],
    ['call_ref', withCode(0x14, 0x00), 'typed function references'],
    ['a computed offset', sections([5, [1, 0, 1]], [11, [1, 0, 0x41, 0, 0x41, 0, 0x6a, 0x0b, 0]]), 'computed constant'],
    ['a component', Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0), 'component model'],
    ['an unknown instruction', withCode(0xff), 'unknown instruction ff'],
  ])('refuses %s by name', (_, bytes, feature) => {
    expect(refusal(bytes)).toEqual({ code: 'forbidden-feature', message: expect.stringContaining(feature) });
  });

  it('looks at the original: a kernel that would set the fuel global is invalid before there is one', () => {
    // global.set 0 with an i64, in a module without globals.
    const refuel = withCode(0x42, 0x00, 0x24, 0x00);
    expect(refusal(refuel).code).toBe('invalid');
    expect(refusal(refuel, (bytes) => meter(bytes, { memoryPagesMax: 1 })).code).toBe('invalid');
  });

  it('refuses or accepts damaged kernels, and never fails in another way', () => {
    const bytes = assemble(
      kernelText({ fields: '(table 2 funcref) (elem (i32.const 0) 0 1) (data (i32.const 8) "abc")' }),
    );
    for (let at = 8; at < bytes.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const damaged = bytes.slice();
        damaged[at]! ^= flip;
        try {
          inspect(damaged);
          meter(damaged, { memoryPagesMax: 16 });
        } catch (error) {
          expect(error).toBeInstanceOf(KernelRefusedError);
        }
      }
    }
  });
});
