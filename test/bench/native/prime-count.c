/* kernels/prime-count in C: the same segmented sieve, a byte for each odd number. */
#include "task.h"
#include <math.h>

#define SEGMENT_SMALL 32768
#define SEGMENT_LARGE 262144

static uint32_t square_root(uint64_t n) {
  uint64_t r = (uint64_t)sqrt((double)n);
  while (r * r > n) r--;
  while ((r + 1) * (r + 1) <= n) r++;
  return (uint32_t)r;
}

void run_task(const uint8_t *parameters, size_t parameters_size, const uint8_t *input, size_t input_size) {
  (void)parameters;
  if (parameters_size != 0 || input_size != 16) refuse("bad input");
  uint64_t from = READ(uint64_t, input), to = READ(uint64_t, input), count = from <= 2 && to > 2;
  uint64_t low = (from > 3 ? from : 3) | 1;
  if (low >= to) {
    put_u64(count);
    return;
  }
  uint32_t left = (uint32_t)((to - low + 1) / 2), root = square_root(to - 1);
  uint32_t size = root < 131072 ? SEGMENT_SMALL : SEGMENT_LARGE, odds = root < 3 ? 0 : (root - 1) / 2;
  uint8_t *segment = take(size), *flags = take(odds);
  struct prime {
    uint32_t prime, next;
  } *primes, *end;
  size_t found = 0;
  for (uint32_t i = 0; i < odds; i++) {
    if (flags[i]) continue;
    found++;
    uint64_t prime = (uint64_t)i * 2 + 3;
    for (uint64_t j = (prime * prime - 3) / 2; j < odds; j += prime) flags[j] = 1;
  }
  end = primes = take(found * sizeof *primes);
  for (uint32_t i = 0; i < odds; i++) {
    if (flags[i]) continue;
    uint64_t prime = (uint64_t)i * 2 + 3, multiple = prime * prime;
    if (multiple < low) {
      multiple = (low + prime - 1) / prime * prime;
      if ((multiple & 1) == 0) multiple += prime;
    }
    *end++ = (struct prime){(uint32_t)prime, (uint32_t)((multiple - low) / 2)};
  }
  while (left > 0) {
    uint32_t length = left < size ? left : size;
    memset(segment, 0, size);
    for (struct prime *at = primes; at < end; at++) {
      uint32_t index = at->next;
      for (; index < length; index += at->prime) segment[index] = 1;
      at->next = index - length;
    }
    uint64_t composites = 0;
    for (uint32_t i = 0; i < length; i++) composites += segment[i];
    count += length - composites;
    left -= length;
  }
  put_u64(count);
}
