/* kernels/option-price in C: the same generator, polynomials and whole-number sums, four paths at a time. */
#include "polynomials.h"
#include "task.h"
#include <math.h>

#define TO_BITS_I64 0x4338000000000000
#define PAYOFF_UNITS 68719476736.0
#define SQUARE_UNITS 16777216.0
#define PI_HALF 1.5707963267948966

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
