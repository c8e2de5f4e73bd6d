/* kernels/word-count in C: the same rules for words and paragraphs, the same table, and qsort for the order at the end. */
#include "task.h"

#define PARAGRAPH_BYTES 32768
#define STARTS_MASK 7

typedef struct {
  uint32_t hash, length;
  uint64_t count;
  uint8_t bytes[];
} entry;

static const uint8_t *end;
/* What is counted for an ASCII letter or digit; 0 for all other bytes. */
static uint8_t written_as[256];

static inline int is_continuation(const uint8_t *at) { return (*at & 0xc0) == 0x80; }

static inline int is_letter_or_digit(uint32_t byte) { return (byte | 0x20) - 0x61 < 26 || byte - 0x30 < 10; }

/* Length of the word character at `at`; 0 if there is none. */
static inline size_t word_character(const uint8_t *at) {
  if (at >= end) return 0;
  uint32_t byte = *at;
  if (byte < 0x80) return is_letter_or_digit(byte);
  if (byte < 0xc0) return 1;
  size_t length = 1, longest = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
  while (length < longest && at + length < end && is_continuation(at + length)) length++;
  if (byte == 0xc2) return 0;
  if (length == 3) {
    if (byte == 0xe2 && (at[1] == 0x80 || (at[1] == 0x81 && at[2] < 0xb0))) return 0;
    if (byte == 0xe3 && at[1] == 0x80) return 0;
    if (byte == 0xef && at[1] == 0xbb && at[2] == 0xbf) return 0;
  }
  return length;
}

static inline size_t apostrophe(const uint8_t *at) {
  if (at < end && *at == '\'') return 1;
  return at + 3 <= end && at[0] == 0xe2 && at[1] == 0x80 && at[2] == 0x99 ? 3 : 0;
}

static inline uint64_t load_u64(const uint8_t *at) {
  uint64_t value;
  memcpy(&value, at, 8);
  return value;
}

/* Of at least one byte, eight at a time; seven more may be read behind them. */
static inline uint32_t hash_of(const uint8_t *bytes, uint32_t length) {
  const uint64_t factor = 0x9e3779b97f4a7c15;
  uint64_t hash = length;
  for (; length > 8; length -= 8, bytes += 8) {
    hash = (hash ^ load_u64(bytes)) * factor;
    hash = hash << 31 | hash >> 33;
  }
  return (uint32_t)((hash ^ (load_u64(bytes) & UINT64_MAX >> (8 * (8 - length)))) * factor >> 32);
}

static inline int same_bytes(const uint8_t *a, const uint8_t *b, uint32_t length) {
  for (; length > 8; length -= 8, a += 8, b += 8)
    if (load_u64(a) != load_u64(b)) return 0;
  return (load_u64(a) ^ load_u64(b)) << (8 * (8 - length)) == 0;
}

static int in_order(const void *a, const void *b) {
  const entry *x = *(entry *const *)a, *y = *(entry *const *)b;
  int first = memcmp(x->bytes, y->bytes, x->length < y->length ? x->length : y->length);
  return first != 0 ? first : (x->length > y->length) - (x->length < y->length);
}

static inline entry *after(entry *at) {
  return (entry *)(((uintptr_t)at + sizeof(entry) + at->length + 7) & ~(uintptr_t)7);
}

void run_task(const uint8_t *parameters, size_t parameters_size, const uint8_t *input, size_t input_size) {
  if (parameters_size != 12) refuse("bad parameters");
  uint32_t n = READ(uint32_t, parameters), passes = READ(uint32_t, parameters), fold = READ(uint32_t, parameters);
  end = input + input_size;
  for (uint32_t byte = 0; byte < 0x80; byte++)
    if (is_letter_or_digit(byte)) written_as[byte] = (uint8_t)(fold && byte - 0x41 < 26 ? byte | 0x20 : byte);
  uint8_t *words = take(input_size + 1 + 8), *words_end;
  entry *entries = take((input_size / 2 + 1) * (sizeof(entry) + 8) + n * (input_size + 1)), *entries_end = entries;
  uint32_t mask = 1023, count = 0;
  entry **slots = take((mask + 1) * sizeof *slots);
  uint8_t *starts[STARTS_MASK + 1];
  for (uint32_t pass = 0; pass < passes; pass++) {
    const uint8_t *cursor = input, *paragraph = input;
    int blank = 1;
    uint32_t word_count = 0;
    words_end = words;
    entries_end = entries;
    count = 0;
    memset(slots, 0, (mask + 1) * sizeof *slots);
    while (cursor < end) {
      uint32_t byte = *cursor;
      if (written_as[byte] == 0 && (byte < 0x80 || word_character(cursor) == 0)) {
        cursor++;
        if (byte == ' ') continue;
        if (byte == '\n') {
          if (blank || cursor - paragraph >= PARAGRAPH_BYTES) {
            paragraph = cursor;
            words_end = words;
            word_count = 0;
          }
          blank = 1;
        } else if (byte != '\t' && byte != '\r') {
          blank = 0;
          if (byte >= 0xc0) while (cursor < end && is_continuation(cursor)) cursor++;
        }
        continue;
      }
      blank = 0;
      starts[word_count & STARTS_MASK] = words_end;
      for (;;) {
        for (uint8_t written; cursor < end && (written = written_as[*cursor]) != 0; cursor++) *words_end++ = written;
        if (cursor < end && *cursor < 0x80 && *cursor != '\'') break;
        size_t length = word_character(cursor);
        if (length == 0) {
          size_t mark = apostrophe(cursor);
          if (mark == 0 || word_character(cursor + mark) == 0) break;
          *words_end++ = '\'';
          cursor += mark;
          continue;
        }
        for (; length > 0; length--) *words_end++ = *cursor++;
      }
      *words_end++ = ' ';
      word_count++;
      if (word_count < n) continue;
      const uint8_t *start = starts[(word_count - n) & STARTS_MASK];
      uint32_t length = (uint32_t)(words_end - 1 - start), hash = hash_of(start, length);
      uint32_t slot = hash & mask;
      for (; slots[slot] != NULL; slot = (slot + 1) & mask) {
        entry *at = slots[slot];
        if (at->hash == hash && at->length == length && same_bytes(at->bytes, start, length)) break;
      }
      if (slots[slot] != NULL) {
        slots[slot]->count++;
        continue;
      }
      entry *added = slots[slot] = entries_end;
      added->hash = hash;
      added->length = length;
      added->count = 1;
      memcpy(added->bytes, start, length);
      entries_end = after(added);
      if (++count * 2 <= mask) continue;
      mask = mask * 2 + 1;
      slots = take((mask + 1) * sizeof *slots);
      for (entry *at = entries; at < entries_end; at = after(at)) {
        uint32_t free_slot = at->hash & mask;
        while (slots[free_slot] != NULL) free_slot = (free_slot + 1) & mask;
        slots[free_slot] = at;
      }
    }
  }
  entry **sorted = take((count + 1) * sizeof *sorted), *at = entries;
  for (uint32_t i = 0; i < count; i++, at = after(at)) sorted[i] = at;
  qsort(sorted, count, sizeof *sorted, in_order);
  for (uint32_t i = 0; i < count; i++) {
    put_u32(sorted[i]->length);
    put_bytes(sorted[i]->bytes, sorted[i]->length);
    put_u64(sorted[i]->count);
  }
}
