/* kernels/mandelbrot in C: two pixels at a time in gcc's vectors of two doubles, each operation in the same order. */
#include "task.h"

typedef double pair __attribute__((vector_size(16)));
typedef int64_t lanes __attribute__((vector_size(16)));

static inline double column(double centre, uint32_t pixel, double width, double scale) {
  return centre + ((double)pixel + 0.5 - width / 2) * scale;
}

static lanes escape(pair cx, pair cy, uint32_t iterations) {
  pair x = {0, 0}, y = {0, 0}, four = {4, 4};
  lanes inside = {-1, -1}, counts = {0, 0};
  for (uint32_t i = 0; i < iterations; i++) {
    pair xx = x * x, yy = y * y;
    inside &= xx + yy <= four;
    if ((inside[0] | inside[1]) == 0) break;
    counts -= inside;
    pair xy = x * y;
    y = xy + xy + cy;
    x = xx - yy + cx;
  }
  return counts;
}

void run_task(const uint8_t *parameters, size_t parameters_size, const uint8_t *input, size_t input_size) {
  if (parameters_size != 36 || input_size != 16) refuse("bad input");
  double width = READ(uint32_t, parameters), height = READ(uint32_t, parameters);
  double centre_x = READ(double, parameters), centre_y = READ(double, parameters), span = READ(double, parameters);
  uint32_t iterations = READ(uint32_t, parameters);
  uint32_t tile_x = READ(uint32_t, input), tile_y = READ(uint32_t, input);
  uint32_t tile_width = READ(uint32_t, input), tile_height = READ(uint32_t, input);
  double scale = span / width;
  uint16_t *row = take(((size_t)tile_width + 1) * 2);
  for (uint32_t j = 0; j < tile_height; j++) {
    double y = centre_y - ((double)(tile_y + j) + 0.5 - height / 2) * scale;
    for (uint32_t i = 0; i < tile_width; i += 2) {
      pair cx = {column(centre_x, tile_x + i, width, scale), column(centre_x, tile_x + i + 1, width, scale)};
      lanes counts = escape(cx, (pair){y, y}, iterations);
      row[i] = (uint16_t)counts[0];
      row[i + 1] = (uint16_t)counts[1];
    }
    put_bytes(row, (size_t)tile_width * 2);
  }
}
