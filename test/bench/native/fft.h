/* The transform of kernels/sdk/fft.ts: radix 4, natural order in, bit-reversed order out, and back. */
#ifndef SHOAL_FFT_H
#define SHOAL_FFT_H

#include "task.h"
#include <math.h>

typedef struct {
  double re, im;
} point;

static inline point times(point a, point b) {
  return (point){b.re * a.re + b.im * -a.im, b.im * a.re + b.re * a.im};
}
static inline point plus(point a, point b) { return (point){a.re + b.re, a.im + b.im}; }
static inline point minus(point a, point b) { return (point){a.re - b.re, a.im - b.im}; }
static inline point conjugate(point a) { return (point){a.re, -a.im}; }
static inline point times_i(point a) { return (point){-a.im, a.re}; }

typedef struct {
  unsigned log_points;
  point *roots, *products;
} fft;

static fft prepare_fft(unsigned log_points) {
  size_t half = (size_t)1 << (log_points - 1);
  fft made = {log_points, take(half * sizeof(point)), take(half / 2 * sizeof(point))};
  made.roots[0] = (point){1, 0};
  double cosine = 0, sine = 1;
  for (size_t bit = 1; bit < half; bit <<= 1) {
    for (size_t b = 0; b < bit; b++) {
      point r = made.roots[b];
      made.roots[b + bit] = (point){r.re * cosine - r.im * sine, r.re * sine + r.im * cosine};
    }
    double halved = sqrt((1 + cosine) / 2);
    sine = sine / (2 * halved);
    cosine = halved;
  }
  for (size_t b = 0; b < half / 2; b++) made.products[b] = times(made.roots[b], made.roots[2 * b]);
  return made;
}

static inline void forward_block(point *x, size_t quarter, point t1, point t2, point t3) {
  point *x1 = x + quarter, *x2 = x1 + quarter, *x3 = x2 + quarter;
  for (size_t i = 0; i < quarter; i++) {
    point a0 = x[i], a1 = times(t1, x1[i]), a2 = times(t2, x2[i]), a3 = times(t3, x3[i]);
    point low = plus(a0, a2), high = minus(a0, a2), sum = plus(a1, a3), difference = times_i(minus(a1, a3));
    x[i] = plus(low, sum);
    x1[i] = minus(low, sum);
    x2[i] = plus(high, difference);
    x3[i] = minus(high, difference);
  }
}

static inline void forward_plain(point *x, size_t quarter) {
  point *x1 = x + quarter, *x2 = x1 + quarter, *x3 = x2 + quarter;
  for (size_t i = 0; i < quarter; i++) {
    point low = plus(x[i], x2[i]), high = minus(x[i], x2[i]);
    point sum = plus(x1[i], x3[i]), difference = times_i(minus(x1[i], x3[i]));
    x[i] = plus(low, sum);
    x1[i] = minus(low, sum);
    x2[i] = plus(high, difference);
    x3[i] = minus(high, difference);
  }
}

static inline void pairs(point *x, size_t half) {
  for (size_t i = 0; i < half; i++) {
    point a = x[i], b = x[half + i];
    x[i] = plus(a, b);
    x[half + i] = minus(a, b);
  }
}

static void forward_fft(const fft *of, point *x) {
  size_t size = (size_t)1 << of->log_points, step = size;
  const point *roots = of->roots, *products = of->products;
  if (of->log_points & 1) {
    step >>= 1;
    pairs(x, step);
  }
  for (; step > 1; step >>= 2) {
    forward_plain(x, step >> 2);
    for (size_t b = 1; b * step < size; b++) {
      forward_block(x + b * step, step >> 2, roots[2 * b], roots[b], products[b]);
    }
  }
}

static inline void back_block(point *x, size_t quarter, point t1, point t2, point t3) {
  point *x1 = x + quarter, *x2 = x1 + quarter, *x3 = x2 + quarter;
  for (size_t i = 0; i < quarter; i++) {
    point low = plus(x[i], x1[i]), high = plus(x2[i], x3[i]);
    point sum = minus(x[i], x1[i]), difference = times_i(minus(x2[i], x3[i]));
    x[i] = plus(low, high);
    x1[i] = times(t1, minus(sum, difference));
    x2[i] = times(t2, minus(low, high));
    x3[i] = times(t3, plus(sum, difference));
  }
}

static inline void back_plain(point *x, size_t quarter) {
  point *x1 = x + quarter, *x2 = x1 + quarter, *x3 = x2 + quarter;
  for (size_t i = 0; i < quarter; i++) {
    point low = plus(x[i], x1[i]), high = plus(x2[i], x3[i]);
    point sum = minus(x[i], x1[i]), difference = times_i(minus(x2[i], x3[i]));
    x[i] = plus(low, high);
    x1[i] = minus(sum, difference);
    x2[i] = minus(low, high);
    x3[i] = plus(sum, difference);
  }
}

static inline void inverse_fft(const fft *of, point *x) {
  size_t size = (size_t)1 << of->log_points, last = of->log_points & 1 ? size >> 1 : size;
  const point *roots = of->roots, *products = of->products;
  for (size_t step = 4; step <= last; step <<= 2) {
    back_plain(x, step >> 2);
    for (size_t b = 1; b * step < size; b++) {
      back_block(x + b * step, step >> 2, conjugate(roots[2 * b]), conjugate(roots[b]), conjugate(products[b]));
    }
  }
  if (of->log_points & 1) pairs(x, last);
}

#endif
