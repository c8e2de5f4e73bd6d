/**
 * Logarithm and exponential of two f64 at a time, as polynomials: + - × ÷ and bits only, so that every engine gives the
 * same result to the last bit. Both are right to about 10^-15 of the result.
 */

/** Added to a whole number below 2^51 it puts it into the low bits. */
const TO_BITS: f64 = 6755399441055744;
const LN_2: f64 = 0.6931471805599453;
/** Upper half of ln 2, so that a whole number times it is exact, and the rest. */
const LN_2_HIGH: f64 = 0.6931471803691238;
const LN_2_LOW: f64 = 1.9082149292705877e-10;
/** Bits of √½: mantissas are taken from √½ to √2. */
const ROOT_HALF_BITS: i64 = 0x3fe6a09e667f3bcd;

/** Of positive, finite numbers: by m = x / 2^k from √½ to √2 and the series of the inverse hyperbolic tangent. */
export function logarithm(x: v128): v128 {
  // k + 1023 in the bits above the mantissa.
  const shifted = i64x2.add(i64x2.sub(x, i64x2.splat(ROOT_HALF_BITS)), i64x2.splat(0x3ff0000000000000));
  const exponent = f64x2.sub(
    v128.or(i64x2.shr_u(shifted, 52), i64x2.splat(0x4330000000000000)),
    f64x2.splat(4503599627370496 + 1023),
  );
  const mantissa = i64x2.add(v128.and(shifted, i64x2.splat(0xfffffffffffff)), i64x2.splat(ROOT_HALF_BITS));
  const one = f64x2.splat(1);
  const s = f64x2.div(f64x2.sub(mantissa, one), f64x2.add(mantissa, one));
  const z = f64x2.mul(s, s);
  let p = f64x2.splat(1.0 / 21);
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(1.0 / 19));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(1.0 / 17));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(1.0 / 15));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(1.0 / 13));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(1.0 / 11));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(1.0 / 9));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(1.0 / 7));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(1.0 / 5));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(1.0 / 3));
  p = f64x2.add(f64x2.mul(p, z), one);
  return f64x2.add(f64x2.mul(exponent, f64x2.splat(LN_2)), f64x2.mul(f64x2.add(s, s), p));
}

/** Of numbers from -700 to 700. */
export function exponential(x: v128): v128 {
  const toBits = f64x2.splat(TO_BITS);
  const shifted = f64x2.add(f64x2.mul(x, f64x2.splat(1 / LN_2)), toBits);
  const k = f64x2.sub(shifted, toBits);
  const r = f64x2.sub(f64x2.sub(x, f64x2.mul(k, f64x2.splat(LN_2_HIGH))), f64x2.mul(k, f64x2.splat(LN_2_LOW)));
  let p = f64x2.splat(1.0 / 6227020800);
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1.0 / 479001600));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1.0 / 39916800));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1.0 / 3628800));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1.0 / 362880));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1.0 / 40320));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1.0 / 5040));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1.0 / 720));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1.0 / 120));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1.0 / 24));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1.0 / 6));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(0.5));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1));
  // 2^k: k stands in the low bits of what was rounded.
  return f64x2.mul(p, i64x2.shl(i64x2.add(shifted, i64x2.splat(1023)), 52));
}
