/* Logarithm and exponential of kernels/sdk/math.ts, one value at a time. */
#ifndef SHOAL_POLYNOMIALS_H
#define SHOAL_POLYNOMIALS_H

#include <stdint.h>
#include <string.h>

#define TO_BITS 6755399441055744.0
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

#endif
