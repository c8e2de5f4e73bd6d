/*
 * How many primes p there are with from ≤ p < to, by a segmented sieve of Eratosthenes: the kernel prime-count in C.
 *
 * The input is two u64, from and to; the output is one u64. First the odd primes up to √to are found by a plain sieve;
 * then the range is sieved in segments that fit a processor's cache, one byte for each odd number, where each prime
 * carries on at the multiple where it left the segment before. A range may lie as high as 10^14.
 *
 * The command that compiles it is at the head of shoal.h: 4 pages of memory at first, 256 at most.
 */
#define SHOAL_IMPLEMENTATION
#include "shoal.h"

#define TO_MAX 100000000000000u
#define RANGE_MAX 4000000000u

/* Odd numbers, one byte each, in one segment: larger where there are more primes than the small one has room for. */
#define SEGMENT_SMALL 32768u
#define SEGMENT_LARGE 262144u

struct prime {
  uint32_t prime;
  /* Of its next odd multiple in the coming segment. */
  uint32_t index;
};

static uint64_t count;
/* Odd numbers not sieved yet. */
static uint32_t odds_left;
static uint32_t segment_size = SEGMENT_SMALL;
static uint8_t *segment;
static struct prime *primes;
static uint32_t prime_count;

static uint32_t segments_left(void) {
  return odds_left / segment_size + (odds_left % segment_size != 0);
}

/* Largest r with r·r ≤ n. */
static uint32_t square_root(uint64_t n) {
  uint64_t r = (uint64_t)__builtin_sqrt((double)n);
  while (r * r > n) r--;
  while ((r + 1) * (r + 1) <= n) r++;
  return (uint32_t)r;
}

/* Fills the list of odd primes up to `root`, each with its first odd multiple from its square on and from `low` on. */
static void find_primes(uint32_t root, uint64_t low) {
  uint32_t odds = root < 3 ? 0 : (root - 1) / 2;
  uint8_t *is_composite = shoal_take(odds);
  for (uint32_t i = 0; i < odds; i++) {
    if (is_composite[i]) continue;
    prime_count++;
    uint64_t prime = (uint64_t)i * 2 + 3;
    for (uint64_t j = (prime * prime - 3) / 2; j < odds; j += prime) is_composite[j] = 1;
  }
  primes = shoal_take(prime_count * sizeof *primes);
  struct prime *next = primes;
  for (uint32_t i = 0; i < odds; i++) {
    if (is_composite[i]) continue;
    uint64_t prime = (uint64_t)i * 2 + 3;
    uint64_t multiple = prime * prime;
    if (multiple < low) {
      multiple = (low + prime - 1) / prime * prime;
      if (multiple % 2 == 0) multiple += prime;
    }
    *next++ = (struct prime){(uint32_t)prime, (uint32_t)((multiple - low) / 2)};
  }
}

int32_t shoal_init(void) {
  shoal_reader range = shoal_input();
  uint64_t from = shoal_u64(&range);
  uint64_t to = shoal_u64(&range);
  if (to > TO_MAX || from > to || to - from > RANGE_MAX || shoal_remaining(&range) != 0) return SHOAL_BAD_INPUT;
  count = from <= 2 && to > 2;
  uint64_t low = (from < 3 ? 3 : from) | 1;
  if (low < to) {
    odds_left = (uint32_t)((to - low + 1) / 2);
    uint32_t root = square_root(to - 1);
    segment_size = root < 131072 ? SEGMENT_SMALL : SEGMENT_LARGE;
    segment = shoal_take(segment_size);
    find_primes(root, low);
  }
  uint32_t steps = segments_left();
  return (int32_t)(steps == 0 ? 1 : steps);
}

static void sieve_segment(void) {
  uint32_t length = odds_left < segment_size ? odds_left : segment_size;
  __builtin_memset(segment, 0, segment_size);
  for (struct prime *at = primes; at < primes + prime_count; at++) {
    uint32_t index = at->index;
    for (; index < length; index += at->prime) segment[index] = 1;
    at->index = index - length;
  }
  uint32_t composites = 0;
  for (uint32_t i = 0; i < length; i++) composites += segment[i];
  count += length - composites;
  odds_left -= length;
}

/* One step is one segment. */
int32_t shoal_step(int32_t steps) {
  for (; steps > 0 && odds_left > 0; steps--) sieve_segment();
  if (odds_left == 0) shoal_put_u64(count);
  return (int32_t)segments_left();
}

/* Adds up counts. */
int32_t shoal_reduce(void) {
  uint64_t sum = 0;
  shoal_parts parts = shoal_outputs();
  for (shoal_reader part; shoal_next(&parts, &part);) {
    sum += shoal_u64(&part);
    if (shoal_remaining(&part) != 0) return SHOAL_BAD_INPUT;
  }
  shoal_put_u64(sum);
  return 0;
}
