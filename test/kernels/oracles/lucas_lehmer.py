"""python3 test/kernels/oracles/lucas_lehmer.py: the test by Python's whole numbers, verdicts held against OEIS A000043."""
import struct
from common import case, write

# OEIS A000043, exponents of Mersenne primes.
PUBLISHED = [2, 3, 5, 7, 13, 17, 19, 31, 61, 89, 107, 127, 521, 607, 1279, 2203, 2281, 3217, 4253, 4423, 9689, 9941, 11213]


def is_prime(n):
    return n > 1 and all(n % d for d in range(2, int(n ** 0.5) + 1))


def residue(p):
    modulus = (1 << p) - 1
    s = 4 % modulus
    for _ in range(p - 2):
        s = s * s - 2
        s = (s & modulus) + (s >> p)
        s %= modulus
    return s


def rows(start, end):
    output = b''
    for p in filter(is_prime, range(start, end)):
        s = residue(p)
        prime = p == 2 or s == 0
        assert prime == (p in PUBLISHED), p
        output += struct.pack('<IIQ', p, prime, s & (2 ** 64 - 1))
    return output


def made(name, start, end):
    source = 'verdicts: OEIS A000043; residues: whole numbers of Python 3, test/kernels/oracles/lucas_lehmer.py'
    return case(name, {'to': 600000}, {'u64': [str(start), str(end)]}, source, rows(start, end), end - start < 300)


write('lucas-lehmer', [
    made('exponents below 128', 0, 128),
    made('exponents from 500 to 620', 500, 620),
    made('exponents from 1200 to 1300', 1200, 1300),
    made('no prime exponent at all', 24, 29),
    made('M(2203) and its neighbour', 2203, 2208),
    made('M(4423)', 4423, 4424),
    made('digits of all sizes: 8 to 4096 digits', 32, 500),
    made('just below a longer transform: 9973 in 512 digits', 9967, 9974),
    made('just above it: 10007 in 1024 digits', 10007, 10008),
    made('M(11213)', 11213, 11214),
])
