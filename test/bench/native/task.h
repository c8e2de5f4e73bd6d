/*
 * One task of a kernel in C: what each kernel's C version defines, and what it is given by harness.c. Little-endian
 * machines only, like WebAssembly itself.
 */
#ifndef SHOAL_TASK_H
#define SHOAL_TASK_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Runs the task on parameters and input as a kernel gets them. Exits with a message if it refuses them. */
void run_task(const uint8_t *parameters, size_t parameters_size, const uint8_t *input, size_t input_size);

/* Appends to the output of the task. */
void put_bytes(const void *bytes, size_t size);
static inline void put_u32(uint32_t value) { put_bytes(&value, sizeof value); }
static inline void put_u64(uint64_t value) { put_bytes(&value, sizeof value); }
static inline void put_f64(double value) { put_bytes(&value, sizeof value); }

void refuse(const char *reason);

/* Zeroed memory at a multiple of 16 that lives until the task ends. */
void *take(size_t size);

/* Reads one value and moves on. */
#define READ(type, from) (*(const type *)memcpy(&(type){0}, ((from) += sizeof(type)) - sizeof(type), sizeof(type)))

#endif
