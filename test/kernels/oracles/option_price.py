"""python3 test/kernels/oracles/option_price.py: the definition in the head of kernels/option-price/index.ts, in Python.

The generator is held against the known answers published with Random123 (Salmon, Moraes, Dror, Shaw), the polynomials
against the C library's functions, and the prices against the formula of Black and Scholes by way of math.erf.
"""
import math
import struct
from common import case, write

MASK = 0xffffffff


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = c[0] * 0xd2511f53, c[2] * 0xcd9e8d57
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & MASK, (p0 >> 32) ^ c[3] ^ k[1], p0 & MASK]
        k = [(k[0] + 0x9e3779b9) & MASK, (k[1] + 0xbb67ae85) & MASK]
    return c


# kat_vectors of Random123, philox4x32 10.
assert philox([0] * 4, [0] * 2) == [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]
assert philox([MASK] * 4, [MASK] * 2) == [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]
assert philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]) == [
    0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]


def bits(x):
    return struct.unpack('<Q', struct.pack('<d', x))[0]


def of_bits(n):
    return struct.unpack('<d', struct.pack('<Q', n & (2 ** 64 - 1)))[0]


LN_2, PI_HALF, TO_BITS = 0.6931471805599453, 1.5707963267948966, 6755399441055744.0
ROOT_HALF = 0x3fe6a09e667f3bcd


def horner(coefficients, x):
    value = coefficients[0]
    for c in coefficients[1:]:
        value = value * x + c
    return value


def logarithm(x):
    shifted = bits(x) - ROOT_HALF + 0x3ff0000000000000
    exponent = of_bits(shifted >> 52 | 0x4330000000000000) - (4503599627370496.0 + 1023)
    mantissa = of_bits((shifted & 0xfffffffffffff) + ROOT_HALF)
    s = (mantissa - 1) / (mantissa + 1)
    return exponent * LN_2 + (s + s) * horner([1.0 / n for n in range(21, 0, -2)], s * s)


def exponential(x):
    shifted = x * (1 / LN_2) + TO_BITS
    k = shifted - TO_BITS
    r = x - k * 0.6931471803691238 - k * 1.9082149292705877e-10
    return horner([1.0 / math.factorial(n) for n in range(13, -1, -1)], r) * of_bits((bits(shifted) + 1023) << 52)


def turn(t):
    tt = t * t
    sine = horner([(-1.0) ** n / math.factorial(2 * n + 1) for n in range(7, 0, -1)], tt) * tt * t + t
    cosine = horner([(-1.0) ** n / math.factorial(2 * n) for n in range(8, -1, -1)], tt)
    for _ in range(2):
        sine, cosine = (sine + sine) * cosine, -2 * sine * sine + 1
    return sine, cosine


for i in range(1, 2000):
    x = i * 0.37 + 1e-3
    assert abs(logarithm(x) - math.log(x)) < 1e-14 and abs(exponential(x / 40) / math.exp(x / 40) - 1) < 1e-14
    t = (i / 1000 - 1) * math.pi / 4
    assert max(abs(turn(t)[0] - math.sin(4 * t)), abs(turn(t)[1] - math.cos(4 * t))) < 2e-15


def price(start, end, spot=100., strike=100., rate=.05, dividends=0., volatility=.2, years=1., kind=0, dates=12, seed=1):
    if kind < 2:
        dates = 1
    dt = years / dates
    first = logarithm(spot / strike)
    drift, deviation = (rate - dividends - volatility * volatility / 2) * dt, volatility * math.sqrt(dt)
    discount, sign = exponential(-rate * years), -1 if kind & 1 else 1
    total = squares = 0
    for path in range(start, end):
        block, i = path >> 2, path & 3
        log_price, prices = first, 0.
        for date in range(dates):
            words = philox([block & MASK, block >> 32, date, 0], [seed & MASK, seed >> 32])
            radius = math.sqrt(-2 * (logarithm(words[2 * (i & 1)] + 0.5) - 32 * LN_2))
            angle = words[2 * (i & 1) + 1]
            angle -= (angle >> 31) << 32
            normal = turn((angle + 0.5) * (PI_HALF / 4294967296))[0 if i & 2 else 1]
            log_price = log_price + (drift + radius * deviation * normal)
            prices += exponential(log_price)
        payoff = max((prices * (1 / dates) - 1) * sign, 0.)
        total += round(payoff * 2.0 ** 36)
        squares += round(payoff * payoff * 2.0 ** 24)
    n = end - start
    join = lambda whole: float(whole >> 64) * 18446744073709551616.0 + float(whole & (2 ** 64 - 1))
    mean, mean_square = join(total) / 2.0 ** 36 / n, join(squares) / 2.0 ** 24 / n
    variance = max(0., mean_square - mean * mean) / (n - 1) if n > 1 else 0.
    value, error = strike * discount * mean, strike * discount * math.sqrt(variance)
    low = 2 ** 64 - 1
    return struct.pack('<Qdd4Q', n, value, error, total & low, total >> 64, squares & low, squares >> 64), value, error


def black_scholes(spot, strike, rate, dividends, volatility, years, kind):
    normal = lambda x: (1 + math.erf(x / math.sqrt(2))) / 2
    d1 = (math.log(spot / strike) + (rate - dividends + volatility ** 2 / 2) * years) / (volatility * math.sqrt(years))
    d2 = d1 - volatility * math.sqrt(years)
    s, k, sign = spot * math.exp(-dividends * years), strike * math.exp(-rate * years), -1 if kind & 1 else 1
    return sign * (s * normal(sign * d1) - k * normal(sign * d2))


def made(name, start, end, **given):
    output, value, error = price(start, end, **given)
    if given.get('kind', 0) < 2 and end - start > 1000:
        exact = black_scholes(*[given.get(key, default) for key, default in [
            ('spot', 100.), ('strike', 100.), ('rate', .05), ('dividends', 0.), ('volatility', .2), ('years', 1.), ('kind', 0)]])
        assert abs(value - exact) < 4 * error, (name, value, exact, error)
    source = ('Python 3, test/kernels/oracles/option_price.py: generator held against the known answers of Random123, '
              'prices against Black and Scholes')
    arguments = {key: str(item) if key == 'seed' else item for key, item in given.items()}
    return case(name, arguments, {'u64': [str(start), str(end)]}, source, output)


write('option-price', [
    made('a European call', 0, 20000),
    made('Hull, Options, Futures and Other Derivatives: a call worth 4.76', 0, 20000,
         spot=42., strike=40., rate=.1, volatility=.2, years=.5),
    made('Hull, the put worth 0.81', 0, 20000, spot=42., strike=40., rate=.1, volatility=.2, years=.5, kind=1),
    made('with dividends, and a negative rate', 0, 5000, rate=-.01, dividends=.03, years=2., volatility=.45),
    made('an Asian call over 12 dates', 0, 3000, kind=2),
    made('an Asian put over 5 dates', 0, 3000, kind=3, dates=5, strike=110.),
    made('a range that begins and ends inside a block', 1001, 1006, kind=2, dates=3),
    made('one path', 7, 8),
    made('paths beyond 2^34, another seed', 2 ** 35 + 1, 2 ** 35 + 30, seed=2 ** 64 - 3),
])
