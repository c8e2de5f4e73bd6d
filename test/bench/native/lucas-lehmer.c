/* kernels/lucas-lehmer in C: the same transform, weights and carries. */
#include "fft.h"
#include "task.h"

#define PLAIN_MAX 31
#define DIGIT_BITS_MAX 19.5
#define ROUNDER 6755399441055744.0

typedef struct {
  unsigned log_count;
  uint32_t count;
  fft transform;
  double *digits, *weights, *unweights, *bases, *inverse_bases;
  double worst_error;
} test;

static int is_prime(uint32_t n) {
  if (n < 4) return n > 1;
  if (n % 2 == 0) return 0;
  for (uint32_t d = 3; d * d <= n; d += 2) {
    if (n % d == 0) return 0;
  }
  return 1;
}

static uint64_t plain_residue(uint32_t p) {
  uint64_t modulus = ((uint64_t)1 << p) - 1, s = 4 % modulus;
  for (uint32_t i = 2; i < p; i++) s = (s * s + modulus - 2) % modulus;
  return s;
}

static void begin(test *t, uint32_t p) {
  unsigned log = 3;
  while (p > DIGIT_BITS_MAX * ((uint32_t)1 << log)) log++;
  uint32_t n = (uint32_t)1 << log;
  if (log != t->log_count) {
    t->log_count = log;
    t->count = n;
    t->transform = prepare_fft(log - 1);
    t->digits = take(n * sizeof(double));
    t->weights = take(n * sizeof(double));
    t->unweights = take(n * sizeof(double));
    t->bases = take(n * sizeof(double));
    t->inverse_bases = take(n * sizeof(double));
  }
  double *powers = t->digits, root = 2;
  powers[0] = 1;
  for (uint32_t bit = n >> 1; bit > 0; bit >>= 1) powers[bit] = root = sqrt(root);
  for (uint32_t bit = 1; bit < n; bit <<= 1) {
    for (uint32_t i = 1; i < bit; i++) powers[bit + i] = powers[bit] * powers[i];
  }
  double scale = 1.0 / (n >> 1);
  uint64_t bits_before = 0;
  for (uint32_t j = 0; j < n; j++) {
    uint32_t remainder = (uint64_t)p * j & (n - 1);
    t->weights[j] = powers[(n - remainder) & (n - 1)];
    t->unweights[j] = scale / t->weights[j];
    uint64_t bits = ((uint64_t)p * (j + 1) + n - 1) >> log;
    t->bases[j] = (double)((uint64_t)1 << (bits - bits_before));
    t->inverse_bases[j] = 1 / t->bases[j];
    bits_before = bits;
  }
  memset(t->digits, 0, n * sizeof(double));
  t->digits[0] = 4;
}

static inline void square_pair(point *p, point *q, point root) {
  point a = *p, b = *q, difference = minus(a, conjugate(b));
  point square = times(difference, difference);
  point extra = times(plus((point){1, 0}, root), (point){square.re * -0.25, square.im * -0.25});
  *p = plus(times(a, a), extra);
  *q = plus(times(b, b), conjugate(extra));
}

static void square_points(const test *t, point *x) {
  double imaginary = x[0].im;
  x[0] = plus(times(x[0], x[0]), (point){2 * imaginary * imaginary, 0});
  x[1] = times(x[1], x[1]);
  size_t points = t->count >> 1;
  for (size_t low = 2; low < points; low <<= 1) {
    size_t p = low, q = 2 * low - 1, b = low >> 1;
    for (; p < q; p += 2, q -= 2, b++) {
      point root = t->transform.roots[b];
      square_pair(&x[p], &x[q], root);
      if (p + 1 < q - 1) square_pair(&x[p + 1], &x[q - 1], (point){-root.re, -root.im});
    }
  }
}

static inline double rounded(double value) { return value + ROUNDER - ROUNDER; }

static void carry(test *t) {
  uint32_t n = t->count;
  double *restrict digits = t->digits;
  const double *restrict weights = t->weights, *restrict unweights = t->unweights;
  const double *restrict bases = t->bases, *restrict inverse_bases = t->inverse_bases;
  double error = t->worst_error, first[2], second[2], rest = 0;
  for (int i = 0; i < 2; i++) {
    uint32_t j = n - 2 + i;
    double value = rounded(digits[j] * unweights[j]);
    first[i] = rounded(value * inverse_bases[j]);
    rest = value - first[i] * bases[j] + first[0];
    second[i] = rounded(rest * inverse_bases[j]);
  }
  double before0 = first[1], before1 = second[1], two = 2;
  for (uint32_t j = 0; j < n; j++) {
    double value = digits[j] * unweights[j], whole = rounded(value), off = fabs(value - whole);
    error = off > error ? off : error;
    whole -= two;
    two = 0;
    double carry0 = rounded(whole * inverse_bases[j]);
    rest = whole - carry0 * bases[j] + before0;
    double carry1 = rounded(rest * inverse_bases[j]);
    rest = rest - carry1 * bases[j] + before1;
    digits[j] = rest * weights[j];
    before0 = carry0;
    before1 = carry1;
  }
  t->worst_error = error;
}

static void put_row(uint32_t p, int is_zero, uint64_t residue) {
  put_u32(p);
  put_u32(p == 2 || is_zero);
  put_u64(residue);
}

static void put_residue(const test *t, uint32_t p) {
  uint32_t n = t->count;
  int64_t *whole = take(n * sizeof(int64_t)), carried = 0;
  unsigned char *bits = take(n);
  for (uint32_t j = 0; j < n; j++) {
    whole[j] = (int64_t)rint(t->digits[j] / t->weights[j]);
    uint64_t base = (uint64_t)t->bases[j];
    while (base >> bits[j] > 1) bits[j]++;
  }
  do {
    for (uint32_t j = 0; j < n; j++) {
      int64_t value = whole[j] + carried;
      carried = value >> bits[j];
      whole[j] = value & (((int64_t)1 << bits[j]) - 1);
    }
  } while (carried != 0);
  int zeros = 1, ones = 1;
  uint64_t low = 0, position = 0;
  for (uint32_t j = 0; j < n; j++) {
    zeros &= whole[j] == 0;
    ones &= whole[j] == ((int64_t)1 << bits[j]) - 1;
    if (position < 64) low |= (uint64_t)whole[j] << position;
    position += bits[j];
  }
  put_row(p, zeros || ones, ones ? 0 : low);
}

void run_task(const uint8_t *parameters, size_t parameters_size, const uint8_t *input, size_t input_size) {
  (void)parameters;
  if (parameters_size != 0 || input_size != 16) refuse("bad input");
  uint64_t from = READ(uint64_t, input), to = READ(uint64_t, input);
  test t = {0};
  for (uint32_t p = (uint32_t)from; p < to; p++) {
    if (!is_prime(p)) continue;
    if (p <= PLAIN_MAX) {
      uint64_t s = plain_residue(p);
      put_row(p, s == 0, s);
      continue;
    }
    begin(&t, p);
    for (uint32_t i = 2; i < p; i++) {
      forward_fft(&t.transform, (point *)t.digits);
      square_points(&t, (point *)t.digits);
      inverse_fft(&t.transform, (point *)t.digits);
      carry(&t);
    }
    if (!(t.worst_error < 0.4)) refuse("inexact");
    put_residue(&t, p);
  }
}
