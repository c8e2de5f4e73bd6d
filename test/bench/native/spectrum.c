/* kernels/spectrum in C: the same transform, table of phases and rule for peaks. */
#include "fft.h"
#include "task.h"

#define PHASE_BITS 12
#define APART 8
#define TOP_MAX 100

typedef struct {
  double time, frequency, slope, strength;
} hit;

static uint32_t reversed(uint32_t value, unsigned bits) {
  uint32_t result = 0;
  for (unsigned i = 0; i < bits; i++) result |= ((value >> i) & 1) << (bits - 1 - i);
  return result;
}

static int is_before(const hit *a, const hit *b) {
  if (a->strength != b->strength) return a->strength > b->strength;
  if (a->time != b->time) return a->time < b->time;
  return a->frequency < b->frequency;
}

void run_task(const uint8_t *parameters, size_t parameters_size, const uint8_t *input, size_t input_size) {
  if (parameters_size != 24 || input_size < 10) refuse("bad input");
  double rate = READ(double, parameters);
  int32_t drifts = READ(int32_t, parameters);
  double threshold = READ(double, parameters);
  uint32_t top = READ(uint32_t, parameters);
  uint64_t offset = READ(uint64_t, input);
  const int8_t *samples = (const int8_t *)input;
  uint32_t count = (uint32_t)((input_size - 8) / 2);
  unsigned log_length = 12;
  while (1u << log_length < count) log_length++;
  uint32_t length = 1u << log_length, mask = length - 1;
  uint64_t sum = 0;
  for (uint32_t i = 0; i < 2 * count; i++) sum += samples[i] * samples[i];
  double power = (double)sum, limit = power * threshold;
  fft transform = prepare_fft(log_length);
  point *points = take(length * sizeof(point)), *phases = take((sizeof(point)) << PHASE_BITS);
  double *best = take(length * sizeof(double));
  int32_t *best_drift = take(length * sizeof(int32_t));
  for (uint32_t j = 0; j < 1u << (PHASE_BITS - 1); j++) {
    point root = transform.roots[reversed(j, PHASE_BITS - 1)];
    phases[j] = (point){root.re, -root.im};
    phases[j + (1 << (PHASE_BITS - 1))] = (point){-root.re, root.im};
  }
  for (int32_t drift = -drifts; drift <= drifts; drift++) {
    uint64_t unit = (uint64_t)(int64_t)drift << (63 - 2 * log_length);
    uint64_t phase = (uint64_t)1 << (63 - PHASE_BITS), difference = unit;
    for (uint32_t n = 0; n < count; n++) {
      point root = phases[phase >> (64 - PHASE_BITS)];
      double re = samples[2 * n], im = samples[2 * n + 1];
      points[n] = (point){re * root.re - im * root.im, re * root.im + im * root.re};
      phase += difference;
      difference += 2 * unit;
    }
    memset(points + count, 0, (length - count) * sizeof(point));
    forward_fft(&transform, points);
    for (uint32_t i = 0; i < length; i++) {
      double peak = points[i].re * points[i].re + points[i].im * points[i].im;
      if (peak < limit || peak == 0) continue;
      uint32_t bin = (length - reversed(i, log_length)) & mask;
      uint32_t middle = (uint32_t)((2 * (int32_t)bin + drift) >> 1) & mask;
      if (peak <= best[middle]) continue;
      best[middle] = peak;
      best_drift[middle] = drift;
    }
  }
  hit hits[TOP_MAX + 1];
  uint32_t hit_count = 0;
  for (uint32_t bin = 0; bin < length; bin++) {
    double peak = best[bin];
    int is_largest = peak != 0;
    for (int apart = -APART; apart <= APART && is_largest; apart++) {
      uint32_t neighbour = (bin + (uint32_t)apart) & mask;
      if (apart != 0) is_largest = peak > best[neighbour] || (peak == best[neighbour] && bin < neighbour);
    }
    if (!is_largest) continue;
    double place = bin < length >> 1 ? bin : (double)bin - length, per_bin = rate / length;
    hit found = {(double)(offset >> 1) / rate, place * per_bin, best_drift[bin] * (per_bin * per_bin),
                 rint(peak / power * 1024) / 1024};
    uint32_t at = hit_count;
    while (at > 0 && is_before(&found, &hits[at - 1])) at--;
    if (at == top) continue;
    memmove(&hits[at + 1], &hits[at], (hit_count - at) * sizeof(hit));
    hits[at] = found;
    if (hit_count < top) hit_count++;
  }
  put_bytes(hits, hit_count * sizeof(hit));
}
