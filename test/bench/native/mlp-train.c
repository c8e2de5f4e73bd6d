/* kernels/mlp-train in C: the same blocks of eight examples, with gcc's vectors of four floats. */
#include "polynomials.h"
#include "task.h"
#include <math.h>

#define PIXELS 784
#define LABELS 10
#define BLOCK 8
#define RECORD 785
#define VECTORS (PIXELS / 4)

typedef float vec __attribute__((vector_size(16)));

static inline float total(vec lanes) { return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]); }

void run_task(const uint8_t *parameters, size_t parameters_size, const uint8_t *input, size_t input_size) {
  if (parameters_size != 4) refuse("bad parameters");
  uint32_t hidden = READ(uint32_t, parameters), count = hidden * (PIXELS + 1) + LABELS * (hidden + 1);
  if (READ(uint32_t, input) != count * 4) refuse("bad input");
  float *weights = take(count * 4), *gradient = take(count * 4);
  memcpy(weights, input, count * 4);
  const uint8_t *next = input + count * 4;
  uint64_t examples = (input_size - 4 - count * 4) / RECORD, right = 0, loss = 0;
  vec(*pixels)[VECTORS] = take(sizeof(vec[BLOCK][VECTORS]));
  float *active = take(hidden * BLOCK * 4), *back = take(hidden * BLOCK * 4);
  const float *biases = weights + hidden * PIXELS, *second = biases + hidden, *second_biases = second + LABELS * hidden;
  float *bias_gradient = gradient + hidden * PIXELS, *second_gradient = bias_gradient + hidden;
  float *second_bias_gradient = second_gradient + LABELS * hidden;
  for (uint64_t left = examples; left > 0;) {
    uint32_t here = left < BLOCK ? (uint32_t)left : BLOCK;
    memset(back, 0, hidden * BLOCK * 4);
    for (uint32_t e = 0; e < BLOCK; e++) {
      float *out = (float *)pixels[e];
      if (e >= here) memset(out, 0, PIXELS * 4);
      else
        for (uint32_t j = 0; j < PIXELS; j++) out[j] = (float)next[e * RECORD + 1 + j] * (1.0f / 255);
    }
    for (uint32_t h = 0; h < hidden; h += 2) {
      const vec *row = (const vec *)(weights + h * PIXELS);
      for (uint32_t first = 0; first < BLOCK; first += 4) {
        vec sum[4] = {0}, next_sum[4] = {0};
        for (uint32_t j = 0; j < VECTORS; j++) {
          for (uint32_t e = 0; e < 4; e++) {
            sum[e] += row[j] * pixels[first + e][j];
            next_sum[e] += row[VECTORS + j] * pixels[first + e][j];
          }
        }
        for (uint32_t e = 0; e < 4; e++) {
          float value = total(sum[e]) + biases[h], next_value = total(next_sum[e]) + biases[h + 1];
          active[(first + e) * hidden + h] = value > 0 ? value : 0;
          active[(first + e) * hidden + h + 1] = next_value > 0 ? next_value : 0;
        }
      }
    }
    for (uint32_t e = 0; e < here; e++) {
      uint32_t label = next[e * RECORD], best = 0;
      if (label >= LABELS) refuse("bad label");
      float outs[LABELS], most = -INFINITY;
      for (uint32_t o = 0; o < LABELS; o++) {
        const vec *row = (const vec *)(second + o * hidden), *units = (const vec *)(active + e * hidden);
        vec lanes = {0};
        for (uint32_t h = 0; h < hidden / 4; h++) lanes += row[h] * units[h];
        float sum = total(lanes) + second_biases[o];
        outs[o] = sum;
        if (sum > most) most = sum, best = o;
      }
      right += best == label;
      double sum = 0, own = (double)outs[label] - most, shares[LABELS];
      for (uint32_t o = 0; o < LABELS; o++) sum += shares[o] = exponential(fmax((double)outs[o] - most, -600));
      for (uint32_t o = 0; o < LABELS; o++) {
        double share = shares[o] / sum;
        outs[o] = (float)(o == label ? share - 1 : share);
      }
      double lost = fmin(logarithm(sum) - own, 1000000);
      loss += (uint64_t)rint(fmax(lost, 0) * 4294967296.0);
      for (uint32_t h = 0; h < hidden / 4; h++) {
        vec value = ((const vec *)(active + e * hidden))[h], sum_back = {0};
        for (uint32_t o = 0; o < LABELS; o++) {
          vec delta = {outs[o], outs[o], outs[o], outs[o]};
          sum_back += delta * ((const vec *)(second + o * hidden))[h];
          ((vec *)(second_gradient + o * hidden))[h] += delta * value;
        }
        for (uint32_t i = 0; i < 4; i++) back[e * hidden + 4 * h + i] = value[i] > 0 ? sum_back[i] : 0;
      }
      for (uint32_t o = 0; o < LABELS; o++) second_bias_gradient[o] += outs[o];
    }
    for (uint32_t h = 0; h < hidden; h++) {
      vec *row = (vec *)(gradient + h * PIXELS), delta[BLOCK];
      for (uint32_t e = 0; e < BLOCK; e++) {
        float d = back[e * hidden + h];
        delta[e] = (vec){d, d, d, d};
      }
      for (uint32_t j = 0; j < VECTORS; j++) {
        vec sum = delta[0] * pixels[0][j];
        for (uint32_t e = 1; e < BLOCK; e++) sum += delta[e] * pixels[e][j];
        row[j] += sum;
      }
      float sum = back[h];
      for (uint32_t e = 1; e < BLOCK; e++) sum += back[e * hidden + h];
      bias_gradient[h] += sum;
    }
    next += here * RECORD;
    left -= here;
  }
  put_u64(examples);
  put_f64((double)right / (double)examples);
  put_f64((double)loss / 4294967296.0 / (double)examples);
  put_u64(right);
  put_u64(loss);
  put_u32(count * 8);
  for (uint32_t i = 0; i < count; i++) {
    int64_t whole = (int64_t)rint((double)gradient[i] * 16777216.0);
    put_bytes(&whole, 8);
  }
}
