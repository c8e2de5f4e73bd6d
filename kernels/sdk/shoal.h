/*
 * shoal.h: kernels for Shoal in C (C11 or newer, or C++11), without a C library.
 *
 * A kernel is a WebAssembly module that imports nothing, exports its memory and the functions below, and turns one input
 * into one output, the same bytes on every machine. docs/KERNELS.md is the reference; `kernels/c/prime-count` a whole one.
 *
 *   #define SHOAL_IMPLEMENTATION      // in one file of the kernel: memory, input, output, and four of the exports
 *   #include "shoal.h"
 *
 *   static shoal_reader rest;
 *   static uint64_t sum;
 *
 *   int32_t shoal_init(void) {                    // the task's input: u32 numbers; one step adds up a thousand
 *     rest = shoal_input();
 *     return (int32_t)(shoal_remaining(&rest) / 4000 + 1);
 *   }
 *
 *   int32_t shoal_step(int32_t steps) {
 *     for (; steps > 0 && shoal_remaining(&rest) > 0; steps--)
 *       for (int i = 0; i < 1000 && shoal_remaining(&rest) > 0; i++) sum += shoal_u32(&rest);
 *     if (shoal_remaining(&rest) > 0) return (int32_t)(shoal_remaining(&rest) / 4000 + 1);
 *     shoal_put_u64(sum);
 *     return 0;
 *   }
 *
 * To compile (clang with lld, here version 19; 4 pages of memory at first and 256 at most, as kernel.json says):
 *
 *   clang-19 --target=wasm32 -O3 -ffreestanding -nostdlib -I kernels/sdk \
 *     -mcpu=mvp -msign-ext -mnontrapping-fptoint -mbulk-memory -msimd128 \
 *     -Wl,--no-entry -Wl,--strip-all -Wl,--stack-first -Wl,-z,stack-size=65536 \
 *     -Wl,--initial-memory=262144 -Wl,--max-memory=16777216 -o kernel.wasm kernel.c
 *
 *   --target, -nostdlib, --no-entry  plain WebAssembly: nothing is imported, nothing runs before the host calls
 *   -mcpu=mvp and the -m behind it   features Shoal takes; newer compilers have others on by default
 *   --strip-all                      no names: smaller, and the same bytes, so the same content id, for everybody
 *   --stack-first, -z stack-size     a stack that overflows traps, and does not run over the kernel's own data
 *   --initial-memory, --max-memory   multiples of 65,536; `limits.memoryPagesInitial` and the larger `memoryPagesMax`
 *
 * Exports need no flags: they are marked here. `wasm-ld: undefined symbol: sin` means that a C library would be needed;
 * what is one instruction has a builtin: __builtin_sqrt, _floor, _ceil, _trunc, _rint, _fabs, _copysign; _popcountll,
 * _clz, _ctz. A program that needs a whole C library can be built for WASI and run as it is: `shoal run --wasi`.
 *
 * Every task and every merge has an instance of its own: variables have their initial values, memory is only ever taken.
 */
#ifndef SHOAL_H
#define SHOAL_H

#if !defined(__wasm32__)
#error "shoal.h: compile with clang --target=wasm32; the whole command is at the head of this file"
#endif
#if !defined(__wasm_bulk_memory__)
#error "shoal.h: compile with -mbulk-memory; the whole command is at the head of this file"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Makes a function an export of the module under its own name. */
#define SHOAL_EXPORT(name) __attribute__((export_name(#name)))

/* ---- What the author of a kernel writes. ---- */

/* Return these from the three functions below; any negative number ends the task as `kernel error`. */
#define SHOAL_BAD_PARAMETERS (-1)
#define SHOAL_BAD_INPUT (-2)

/* Reads parameters and input. Returns how many steps there are, 0 if nothing is to do, or < 0 for an error. */
SHOAL_EXPORT(shoal_init) int32_t shoal_init(void);

/*
 * Does up to `steps` steps (1 or more). Returns how many are left, 0 when the output is whole, or < 0 for an error. A step
 * is where a task can be paused and saved, so it should take a few milliseconds at most; the output must not depend on
 * how many are done in one call.
 */
SHOAL_EXPORT(shoal_step) int32_t shoal_step(int32_t steps);

/*
 * Leave it out unless kernel.json says `"join": "reduce"`. Makes one output of several; returns 0, or < 0 for an error.
 * One output merged alone must stay as it is, and it must not matter in which groups outputs are merged.
 */
SHOAL_EXPORT(shoal_reduce) int32_t shoal_reduce(void);

/* ---- What SHOAL_IMPLEMENTATION defines and the host calls. ---- */

/* Version of the ABI: 1. */
SHOAL_EXPORT(shoal_abi) int32_t shoal_abi(void);
/* Address of `n` bytes, where the host writes; 0 if there is no memory. */
SHOAL_EXPORT(shoal_alloc) uint8_t *shoal_alloc(uint32_t n);
/* Where the output begins, and how many bytes it has. */
SHOAL_EXPORT(shoal_out_ptr) uint8_t *shoal_out_ptr(void);
SHOAL_EXPORT(shoal_out_len) uint32_t shoal_out_len(void);

/* ---- Memory. ---- */

/* `n` bytes, all 0, at a multiple of 16; the memory grows if it must. Traps where kernel.json allows no more. */
void *shoal_take(size_t n);
/* The same, and NULL where there is no more. */
void *shoal_try_take(size_t n);

/* ---- Reading. All numbers are little-endian, without padding; reading past the end traps. ---- */

typedef struct {
  const uint8_t *at;
  const uint8_t *end;
} shoal_reader;

/* The job's parameters, in the order of kernel.json. */
shoal_reader shoal_parameters(void);
/* The input of this task. */
shoal_reader shoal_input(void);

static inline size_t shoal_remaining(const shoal_reader *reader) {
  return (size_t)(reader->end - reader->at);
}

/* Moves past `n` bytes and returns where they begin. They stay there, so there is no need to copy them. */
static inline const uint8_t *shoal_bytes(shoal_reader *reader, size_t n) {
  const uint8_t *start = reader->at;
  if (n > shoal_remaining(reader)) __builtin_trap();
  reader->at += n;
  return start;
}

static inline void shoal_skip(shoal_reader *reader, size_t n) {
  (void)shoal_bytes(reader, n);
}

#define SHOAL_DEFINE_READ(name, type)                                       \
  static inline type shoal_##name(shoal_reader *reader) {                   \
    type value;                                                             \
    __builtin_memcpy(&value, shoal_bytes(reader, sizeof value), sizeof value); \
    return value;                                                           \
  }

SHOAL_DEFINE_READ(u8, uint8_t)
SHOAL_DEFINE_READ(u16, uint16_t)
SHOAL_DEFINE_READ(u32, uint32_t)
SHOAL_DEFINE_READ(u64, uint64_t)
SHOAL_DEFINE_READ(i32, int32_t)
SHOAL_DEFINE_READ(i64, int64_t)
SHOAL_DEFINE_READ(f32, float)
SHOAL_DEFINE_READ(f64, double)
#undef SHOAL_DEFINE_READ

/*
 * In shoal_reduce, the outputs to merge, in order:
 *
 *   shoal_parts parts = shoal_outputs();
 *   for (shoal_reader part; shoal_next(&parts, &part);) sum += shoal_u64(&part);
 */
typedef struct {
  shoal_reader rest;
  uint32_t left;
} shoal_parts;

static inline shoal_parts shoal_outputs(void) {
  shoal_parts parts;
  parts.rest = shoal_input();
  parts.left = shoal_u32(&parts.rest);
  return parts;
}

/* Sets `part` to the next output, and returns false when there was none left. */
static inline bool shoal_next(shoal_parts *parts, shoal_reader *part) {
  if (parts->left == 0) return false;
  uint32_t length = shoal_u32(&parts->rest);
  part->at = shoal_bytes(&parts->rest, length);
  part->end = part->at + length;
  parts->left--;
  return true;
}

/* ---- Writing. The output grows as it is appended to. ---- */

/* Appends `n` bytes, 0 at first, and returns where they are to be written, until the next call that appends. */
uint8_t *shoal_extend(size_t n);

static inline void shoal_put(const void *bytes, size_t n) {
  __builtin_memcpy(shoal_extend(n), bytes, n);
}

#define SHOAL_DEFINE_PUT(name, type)                   \
  static inline void shoal_put_##name(type value) {    \
    shoal_put(&value, sizeof value);                   \
  }

SHOAL_DEFINE_PUT(u8, uint8_t)
SHOAL_DEFINE_PUT(u16, uint16_t)
SHOAL_DEFINE_PUT(u32, uint32_t)
SHOAL_DEFINE_PUT(u64, uint64_t)
SHOAL_DEFINE_PUT(i32, int32_t)
SHOAL_DEFINE_PUT(i64, int64_t)
SHOAL_DEFINE_PUT(f32, float)
SHOAL_DEFINE_PUT(f64, double)
#undef SHOAL_DEFINE_PUT

/* What a C compiler may call by itself: copies and comparisons of structures and arrays. */
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* ---- Once in a kernel. ---- */

#ifdef SHOAL_IMPLEMENTATION

/* Set by the linker: memory is the kernel's own from here on. */
extern uint8_t __heap_base;

#define SHOAL_PAGE_BYTES 65536u
#define SHOAL_OUTPUT_BYTES_FIRST 1024u

/* End of what has been taken; 0 before the first time. 64 bits, so that the last page of 4 GiB needs no care. */
static uint64_t shoal_heap;
static const uint8_t *shoal_given;
static uint32_t shoal_given_bytes;
static uint8_t *shoal_out;
static size_t shoal_out_bytes;
static size_t shoal_out_room;

/* Makes the memory reach to `end`. */
static bool shoal_reach(uint64_t end) {
  uint64_t now = (uint64_t)__builtin_wasm_memory_size(0) * SHOAL_PAGE_BYTES;
  if (end <= now) return true;
  if (end > 0xffffffffu) return false;
  return __builtin_wasm_memory_grow(0, (size_t)((end - now + SHOAL_PAGE_BYTES - 1) / SHOAL_PAGE_BYTES)) != (size_t)-1;
}

void *shoal_try_take(size_t n) {
  uint64_t start = shoal_heap != 0 ? shoal_heap : ((uint64_t)(uintptr_t)&__heap_base + 15) / 16 * 16;
  uint64_t end = start + ((uint64_t)n + 15) / 16 * 16;
  if (!shoal_reach(end)) return NULL;
  shoal_heap = end;
  return (void *)(uintptr_t)start;
}

void *shoal_take(size_t n) {
  void *taken = shoal_try_take(n);
  if (taken == NULL) __builtin_trap();
  return taken;
}

int32_t shoal_abi(void) {
  return 1;
}

uint8_t *shoal_alloc(uint32_t n) {
  uint8_t *taken = (uint8_t *)shoal_try_take(n);
  shoal_given = taken;
  shoal_given_bytes = taken == NULL ? 0 : n;
  return taken;
}

/* What the host wrote: u32 length of the parameters | parameters | input. */
static shoal_reader shoal_after_length(uint32_t *length) {
  shoal_reader all;
  all.at = shoal_given;
  all.end = shoal_given + shoal_given_bytes;
  *length = shoal_u32(&all);
  return all;
}

shoal_reader shoal_parameters(void) {
  uint32_t length;
  shoal_reader all = shoal_after_length(&length);
  shoal_reader parameters;
  parameters.at = shoal_bytes(&all, length);
  parameters.end = all.at;
  return parameters;
}

shoal_reader shoal_input(void) {
  uint32_t length;
  shoal_reader input = shoal_after_length(&length);
  shoal_skip(&input, length);
  return input;
}

uint8_t *shoal_extend(size_t n) {
  uint64_t needed = (uint64_t)shoal_out_bytes + n;
  if (needed > 0xffffffffu) __builtin_trap();
  if (needed > shoal_out_room) {
    uint64_t room = (uint64_t)shoal_out_room * 2;
    if (room < SHOAL_OUTPUT_BYTES_FIRST) room = SHOAL_OUTPUT_BYTES_FIRST;
    if (room < needed) room = needed;
    uint64_t start = (uint64_t)(uintptr_t)shoal_out;
    bool is_last = shoal_out != NULL && start + ((uint64_t)shoal_out_room + 15) / 16 * 16 == shoal_heap;
    if (is_last) {
      /* Nothing has been taken since: it grows where it is. */
      uint64_t end = start + (room + 15) / 16 * 16;
      if (!shoal_reach(end)) __builtin_trap();
      shoal_heap = end;
    } else {
      if (room > 0xffffffffu) __builtin_trap();
      uint8_t *larger = (uint8_t *)shoal_take((size_t)room);
      if (shoal_out_bytes > 0) __builtin_memcpy(larger, shoal_out, shoal_out_bytes);
      shoal_out = larger;
    }
    shoal_out_room = (size_t)room;
  }
  uint8_t *start = shoal_out + shoal_out_bytes;
  shoal_out_bytes = (size_t)needed;
  return start;
}

uint8_t *shoal_out_ptr(void) {
  return shoal_out;
}

uint32_t shoal_out_len(void) {
  return (uint32_t)shoal_out_bytes;
}

/* Bulk memory makes the first three one instruction each. */
void *memcpy(void *to, const void *from, size_t n) {
  return __builtin_memcpy(to, from, n);
}

void *memmove(void *to, const void *from, size_t n) {
  return __builtin_memmove(to, from, n);
}

void *memset(void *to, int byte, size_t n) {
  return __builtin_memset(to, byte, n);
}

int memcmp(const void *a, const void *b, size_t n) {
  const uint8_t *x = (const uint8_t *)a;
  const uint8_t *y = (const uint8_t *)b;
  for (size_t i = 0; i < n; i++)
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  return 0;
}

#endif /* SHOAL_IMPLEMENTATION */

#ifdef __cplusplus
}
#endif

#endif /* SHOAL_H */
