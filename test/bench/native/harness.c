/*
 * Runs a task again and again, when told to: `program <task file>`, where the file holds what a kernel is given,
 * u32 length of the parameters | parameters | input. Each byte on stdin is one run; its answer is a line with the
 * processor time it took in nanoseconds. At the end of stdin the output of the last run goes to stdout, raw.
 */
#include "task.h"
#include <stdio.h>
#include <time.h>

static uint8_t *output;
static size_t output_size, output_room;
static void *taken[4096];
static size_t taken_count;

void put_bytes(const void *bytes, size_t size) {
  if (output_size + size > output_room) {
    output_room = (output_size + size) * 2;
    output = realloc(output, output_room);
    if (output == NULL) refuse("out of memory");
  }
  memcpy(output + output_size, bytes, size);
  output_size += size;
}

void refuse(const char *reason) {
  fprintf(stderr, "refused: %s\n", reason);
  exit(1);
}

void *take(size_t size) {
  void *memory = NULL;
  if (taken_count == sizeof taken / sizeof *taken || posix_memalign(&memory, 64, size + 64) != 0) {
    refuse("out of memory");
  }
  memset(memory, 0, size + 64);
  taken[taken_count++] = memory;
  return memory;
}

static uint64_t processor_time_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int main(int count, char **arguments) {
  if (count != 2) refuse("usage: program <task file>");
  FILE *file = fopen(arguments[1], "rb");
  if (file == NULL) refuse("the task file cannot be read");
  fseek(file, 0, SEEK_END);
  size_t size = (size_t)ftell(file);
  rewind(file);
  uint8_t *task = malloc(size + 1);
  if (task == NULL || size < 4 || fread(task, 1, size, file) != size) refuse("the task file is too short");
  fclose(file);
  uint32_t parameters_size;
  memcpy(&parameters_size, task, 4);
  if (parameters_size > size - 4) refuse("the parameters are longer than the task file");

  while (getchar() != EOF) {
    output_size = 0;
    uint64_t before = processor_time_ns();
    run_task(task + 4, parameters_size, task + 4 + parameters_size, size - 4 - parameters_size);
    while (taken_count > 0) free(taken[--taken_count]);
    printf("%llu\n", (unsigned long long)(processor_time_ns() - before));
    fflush(stdout);
  }
  fwrite(output, 1, output_size, stdout);
  return 0;
}
