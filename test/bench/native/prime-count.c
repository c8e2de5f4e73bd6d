/* The kernel in C, kernels/c/prime-count, with its variables as they are in a fresh instance before each run. */
#include "../../../kernels/c/prime-count/kernel.c"

void run_task(const uint8_t *parameters, size_t parameters_size, const uint8_t *input, size_t input_size) {
  (void)parameters;
  if (parameters_size != 0) refuse("bad parameters");
  shoal_given = (shoal_reader){input, input + input_size};
  count = 0;
  odds_left = 0;
  prime_count = 0;
  segment_size = SEGMENT_SMALL;
  if (shoal_init() < 0) refuse("bad input");
  while (shoal_step(INT32_MAX) > 0);
}
