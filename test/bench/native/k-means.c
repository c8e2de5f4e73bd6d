/* kernels/k-means in C: the same whole numbers; gcc makes the inner loop pmaddwd by itself. */
#include "task.h"

void run_task(const uint8_t *parameters, size_t parameters_size, const uint8_t *input, size_t input_size) {
  if (parameters_size != 8) refuse("bad parameters");
  uint32_t clusters = READ(uint32_t, parameters), dimensions = READ(uint32_t, parameters);
  uint32_t head = READ(uint32_t, input), row = (dimensions + 7) & ~7u;
  if (head != clusters * dimensions * 2) refuse("bad input");
  const uint8_t *next = input + head;
  uint32_t points = (uint32_t)((input_size - 4 - head) / dimensions);
  int16_t *restrict centroids = take(clusters * row * 2), *restrict point = take(row * 2);
  uint64_t *counts = take(clusters * 8), *squares = take(clusters * 8), *sums = take((size_t)clusters * dimensions * 8);
  for (uint32_t cluster = 0; cluster < clusters; cluster++) {
    for (uint32_t d = 0; d < dimensions; d++) centroids[cluster * row + d] = READ(int16_t, input);
  }
  for (uint32_t i = 0; i < points; i++, next += dimensions) {
    for (uint32_t d = 0; d < dimensions; d++) point[d] = (int16_t)(next[d] << 3);
    uint32_t nearest = 0;
    uint64_t least = UINT64_MAX;
    for (uint32_t cluster = 0; cluster < clusters; cluster++) {
      const int16_t *restrict centroid = centroids + cluster * row;
      uint64_t square = 0;
      // 256 squares of 2040 at most fit 32 bits.
      for (uint32_t start = 0; start < row; start += 256) {
        uint32_t end = start + 256 < row ? start + 256 : row;
        int32_t part = 0;
        for (uint32_t d = start; d < end; d++) {
          int16_t difference = (int16_t)(point[d] - centroid[d]);
          part += (int32_t)difference * difference;
        }
        square += (uint32_t)part;
      }
      if (square < least) {
        least = square;
        nearest = cluster;
      }
    }
    counts[nearest]++;
    squares[nearest] += least;
    for (uint32_t d = 0; d < dimensions; d++) sums[nearest * dimensions + d] += next[d];
  }
  for (uint32_t cluster = 0; cluster < clusters; cluster++) {
    put_u32(cluster);
    put_u64(counts[cluster]);
    put_f64(counts[cluster] == 0 ? 0 : (double)squares[cluster] / 64 / (double)counts[cluster]);
    put_u64(squares[cluster]);
    put_u32(dimensions * 8);
    put_bytes(sums + (size_t)cluster * dimensions, dimensions * 8);
  }
}
