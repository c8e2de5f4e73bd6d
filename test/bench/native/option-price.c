/* kernels/option-price in C: the same generator, polynomials and whole-number sums, four paths at a time. */
#include "task.h"
#include <math.h>

#define TO_BITS 6755399441055744.0
#define TO_BITS_I64 0x4338000000000000
#define PAYOFF_UNITS 68719476736.0
#define SQUARE_UNITS 16777216.0
#define PI_HALF 1.5707963267948966
#define LN_2 0.6931471805599453
#define LN_2_HIGH 0.6931471803691238
#define LN_2_LOW 1.9082149292705877e-10
#define ROOT_HALF_BITS 0x3fe6a09e667f3bcdu

static inline uint64_t bits_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, 8);
  return bits;
}

static inline double of_bits(uint64_t bits) {
  double x;
  memcpy(&x, &bits, 8);
  return x;
}

static inline double logarithm(double x) {
  uint64_t shifted = bits_of(x) - ROOT_HALF_BITS + 0x3ff0000000000000u;
  double exponent = of_bits(shifted >> 52 | 0x4330000000000000u) - (4503599627370496.0 + 1023);
  double mantissa = of_bits((shifted & 0xfffffffffffffu) + ROOT_HALF_BITS);
  double s = (mantissa - 1) / (mantissa + 1), z = s * s, p = 1.0 / 21;
  p = p * z + 1.0 / 19;
  p = p * z + 1.0 / 17;
  p = p * z + 1.0 / 15;
  p = p * z + 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  p = p * z + 1;
  return exponent * LN_2 + (s + s) * p;
}

static inline double exponential(double x) {
  double shifted = x * (1 / LN_2) + TO_BITS, k = shifted - TO_BITS, r = x - k * LN_2_HIGH - k * LN_2_LOW;
  double p = 1.0 / 6227020800;
  p = p * r + 1.0 / 479001600;
  p = p * r + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r + 1;
  p = p * r + 1;
  return p * of_bits((bits_of(shifted) + 1023) << 52);
}

static inline void philox(uint64_t counter, uint32_t third, uint64_t key, uint32_t words[4]) {
  uint32_t c0 = (uint32_t)counter, c1 = (uint32_t)(counter >> 32), c2 = third, c3 = 0;
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++) {
    uint64_t product0 = (uint64_t)c0 * 0xd2511f53, product1 = (uint64_t)c2 * 0xcd9e8d57;
    c0 = (uint32_t)(product1 >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)product1;
    c2 = (uint32_t)(product0 >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)product0;
    k0 += 0x9e3779b9;
    k1 += 0xbb67ae85;
  }
  words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
}

void run_task(const uint8_t *parameters, size_t parameters_size, const uint8_t *input, size_t input_size) {
  if (parameters_size != 64 || input_size != 16) refuse("bad input");
  double spot = READ(double, parameters), strike = READ(double, parameters), rate = READ(double, parameters);
  double dividends = READ(double, parameters), volatility = READ(double, parameters);
  double years = READ(double, parameters);
  uint32_t kind = READ(uint32_t, parameters), dates = READ(uint32_t, parameters);
  uint64_t seed = READ(uint64_t, parameters);
  uint64_t from = READ(uint64_t, input), to = READ(uint64_t, input);
  if (kind < 2) dates = 1;
  double dt = years / dates, start = logarithm(spot / strike);
  double drift = (rate - dividends - volatility * volatility / 2) * dt, deviation = volatility * sqrt(dt);
  double discount = exponential(-rate * years), sign = kind & 1 ? -1 : 1, share = 1.0 / dates, largest = 0;
  unsigned __int128 sum = 0, squares = 0;
  for (uint64_t block = from >> 2; block < (to + 3) >> 2; block++) {
    double log_price[4] = {start, start, start, start}, total[4] = {0};
    for (uint32_t date = 0; date < dates; date++) {
      uint32_t words[4];
      philox(block, date, seed, words);
      for (int i = 0; i < 2; i++) {
        double radius = sqrt(-2 * (logarithm(words[2 * i] + 0.5) - 32 * LN_2));
        double t = ((int32_t)words[2 * i + 1] + 0.5) * (PI_HALF / 4294967296), tt = t * t;
        double sine = -1.0 / 1307674368000;
        sine = sine * tt + 1.0 / 6227020800;
        sine = sine * tt + -1.0 / 39916800;
        sine = sine * tt + 1.0 / 362880;
        sine = sine * tt + -1.0 / 5040;
        sine = sine * tt + 1.0 / 120;
        sine = sine * tt + -1.0 / 6;
        sine = sine * tt * t + t;
        double cosine = 1.0 / 20922789888000;
        cosine = cosine * tt + -1.0 / 87178291200;
        cosine = cosine * tt + 1.0 / 479001600;
        cosine = cosine * tt + -1.0 / 3628800;
        cosine = cosine * tt + 1.0 / 40320;
        cosine = cosine * tt + -1.0 / 720;
        cosine = cosine * tt + 1.0 / 24;
        cosine = cosine * tt + -0.5;
        cosine = cosine * tt + 1;
        double sine2 = (sine + sine) * cosine, cosine2 = -2 * sine * sine + 1;
        double sine4 = (sine2 + sine2) * cosine2, cosine4 = -2 * sine2 * sine2 + 1;
        double spread = radius * deviation;
        log_price[i] += drift + spread * cosine4;
        log_price[i + 2] += drift + spread * sine4;
      }
      for (int i = 0; i < 4; i++) total[i] += exponential(log_price[i]);
    }
    for (int i = 0; i < 4; i++) {
      double payoff = (total[i] * share - 1) * sign;
      payoff = payoff > 0 ? payoff : 0;
      largest = payoff > largest ? payoff : largest;
      uint64_t path = block * 4 + i;
      if (path < from || path >= to) continue;
      sum += bits_of(payoff * PAYOFF_UNITS + TO_BITS) - TO_BITS_I64;
      squares += bits_of(payoff * payoff * SQUARE_UNITS + TO_BITS) - TO_BITS_I64;
    }
  }
  if (!(largest <= 4096)) refuse("payoff too large");
  double n = (double)(to - from);
  double mean = ((double)(uint64_t)(sum >> 64) * 18446744073709551616.0 + (double)(uint64_t)sum) / PAYOFF_UNITS / n;
  double mean_square =
      ((double)(uint64_t)(squares >> 64) * 18446744073709551616.0 + (double)(uint64_t)squares) / SQUARE_UNITS / n;
  double variance = n > 1 ? fmax(0, mean_square - mean * mean) / (n - 1) : 0;
  put_u64(to - from);
  put_f64(strike * discount * mean);
  put_f64(strike * discount * sqrt(variance));
  put_u64((uint64_t)sum);
  put_u64((uint64_t)(sum >> 64));
  put_u64((uint64_t)squares);
  put_u64((uint64_t)(squares >> 64));
}
