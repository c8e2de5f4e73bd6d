/*
 * What kernels/sdk/shoal.h gives a kernel, as far as the kernels in C use it, on top of task.h: their very source runs on
 * this processor, too. Nothing is merged here.
 */
#ifndef SHOAL_H
#define SHOAL_H

#include "task.h"
#include <stdbool.h>

#define SHOAL_BAD_INPUT (-2)

typedef struct {
  const uint8_t *at;
  const uint8_t *end;
} shoal_reader;

typedef struct {
  uint32_t left;
} shoal_parts;

/* Set before each run. */
static shoal_reader shoal_given;

static inline shoal_reader shoal_input(void) {
  return shoal_given;
}

static inline size_t shoal_remaining(const shoal_reader *reader) {
  return (size_t)(reader->end - reader->at);
}

static inline uint64_t shoal_u64(shoal_reader *reader) {
  if (shoal_remaining(reader) < sizeof(uint64_t)) refuse("the input is too short");
  return READ(uint64_t, reader->at);
}

static inline void *shoal_take(size_t n) {
  return take(n);
}

static inline void shoal_put_u64(uint64_t value) {
  put_u64(value);
}

static inline shoal_parts shoal_outputs(void) {
  return (shoal_parts){0};
}

static inline bool shoal_next(shoal_parts *parts, shoal_reader *part) {
  (void)part;
  return parts->left > 0;
}

#endif
