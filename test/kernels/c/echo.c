/*
 * Uses all of shoal.h: reads one parameter of each type and writes it again, then in each step one block of the input
 * (u32 length, then as many bytes) behind its length, with memory taken in between, so that the output has to move.
 * At the end it says how many blocks there were, and NULL where there is no memory. There is no shoal_reduce.
 */
#define SHOAL_IMPLEMENTATION
#include "shoal.h"

static shoal_reader rest;
static uint32_t blocks;

int32_t shoal_init(void) {
  shoal_reader given = shoal_parameters();
  shoal_put_u32(shoal_u32(&given));
  shoal_put_u64(shoal_u64(&given));
  shoal_put_i32(shoal_i32(&given));
  shoal_put_f64(shoal_f64(&given));
  if (shoal_remaining(&given) != 0) return SHOAL_BAD_PARAMETERS;
  rest = shoal_input();
  shoal_put_u8(shoal_u8(&rest));
  shoal_put_u16(shoal_u16(&rest));
  shoal_put_i64(shoal_i64(&rest));
  shoal_put_f32(shoal_f32(&rest));
  shoal_skip(&rest, 3);
  return 1 + (int32_t)shoal_u32(&rest);
}

int32_t shoal_step(int32_t steps) {
  for (; steps > 0 && shoal_remaining(&rest) > 0; steps--) {
    uint32_t length = shoal_u32(&rest);
    const uint8_t *bytes = shoal_bytes(&rest, length);
    /* Every second block has something behind the output, which must stay as it is. */
    uint8_t *between = blocks % 2 == 0 ? shoal_take(16) : NULL;
    if (between != NULL) memset(between, 0xee, 16);
    shoal_put_u32(length);
    uint8_t *copy = shoal_extend(length);
    for (uint32_t i = 0; i < length; i++)
      if (copy[i] != 0) return -10;
    memmove(copy, bytes, length);
    if (memcmp(copy, bytes, length) != 0) return -11;
    for (int i = 0; between != NULL && i < 16; i++)
      if (between[i] != 0xee) return -12;
    blocks++;
  }
  if (shoal_remaining(&rest) > 0) return 1 + (int32_t)(shoal_remaining(&rest) / 4);
  shoal_put_u32(blocks);
  shoal_put_u32((uint32_t)(uintptr_t)shoal_try_take(0x7fffffff));
  shoal_put_u32((uint32_t)(uintptr_t)shoal_try_take(0xffffffff));
  return 0;
}
