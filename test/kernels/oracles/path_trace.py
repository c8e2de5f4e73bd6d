"""python3 test/kernels/oracles/path_trace.py: the arithmetic of kernels/path-trace in NumPy's float32, one rounding an operation."""
import struct
import numpy as np
from common import case, write

F = np.float32
M = 2 ** 64 - 1
CLAY, METAL, GLASS, LAMP = range(4)


def mix(value):
    z = (value + 0x9e3779b97f4a7c15) & M
    z = ((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9) & M
    z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) & M
    return z ^ (z >> 31)


# First output of SplitMix64 started at 0, as published with it.
assert mix(0) == 0xe220a8397b1dcdaf


class Random:
    def __init__(self, state):
        self.state = state

    def uniform(self):
        old = self.state
        self.state = (old * 6364136223846793005 + 1442695040888963407) & M
        mixed, turn = (((old >> 18) ^ old) >> 27) & 0xffffffff, old >> 59
        return F((((mixed >> turn) | (mixed << (-turn & 31))) & 0xffffffff) >> 8) / F(16777216)

    def in_ball(self):
        while True:
            x, y, z = [self.uniform() * F(2) - F(1) for _ in range(3)]
            square = x * x + y * y + z * z
            if F(0.0001) <= square <= F(1):
                return x, y, z, square


def scene_of(number):
    spheres = [(0, 1, 0, 1, GLASS, 1, 1, 1, 0), (-4, 1, 0, 1, CLAY, .6, .2, .1, 0), (4, 1, 0, 1, METAL, .8, .7, .5, 0),
               (2, 6, 5, 1.5, LAMP, 9, 8, 6, 0)]
    rng = Random(mix(number))
    for a in range(-5, 6):
        for b in range(-5, 6):
            kind = rng.uniform()
            x = F(a) + F(.8) * rng.uniform()
            z = F(b) + F(.8) * rng.uniform()
            red, green, blue = [rng.uniform() for _ in range(3)]
            if F(-1.3) < z < F(1.3) and any(F(low) < x < F(high) for low, high in [(-5.3, -2.7), (-1.3, 1.3), (2.7, 5.3)]):
                continue
            if kind < F(.7):
                spheres.append((x, .2, z, .2, CLAY, red * red, green * green, blue * blue, 0))
            elif kind < F(.9):
                spheres.append((x, .2, z, .2, METAL, F(.5) + F(.5) * red, F(.5) + F(.5) * green, F(.5) + F(.5) * blue, F(.3) * kind))
            else:
                spheres.append((x, .2, z, .2, GLASS, 1, 1, 1, 0))
    columns = [np.array(column, F) for column in zip(*spheres)]
    return columns


def path(columns, o, d, rng):
    cx, cy, cz, radius, matter_of, reds, greens, blues, roughs = columns
    square = radius * radius
    r = g = b = F(1)
    for _ in range(12):
        x, y, z = cx - o[0], cy - o[1], cz - o[2]
        along = x * d[0] + y * d[1] + z * d[2]
        inside = along * along - (x * x + y * y + z * z - square)
        half = np.sqrt(np.maximum(inside, F(0)))
        first = along - half
        at = np.where(first > F(.001), first, along + half)
        at = np.where((inside > 0) & (at > F(.001)) & (at < F(1e30)), at, F(1e30))
        index = int(np.argmin(at))
        distance = at[index]
        to_floor = -o[1] / d[1] if d[1] < 0 else F(1e30)
        is_floor = F(.001) < to_floor < distance
        if is_floor:
            distance = to_floor
        elif distance == F(1e30):
            t = (d[1] + F(1)) * F(.5)
            return r * (F(1) - t + t * F(.5)), g * (F(1) - t + t * F(.7)), b
        o = [o[i] + d[i] * distance for i in range(3)]
        n, matter, rough = [F(0), F(1), F(0)], CLAY, F(0)
        if is_floor:
            tone = F(.7) if (int(np.floor(o[0])) ^ int(np.floor(o[2]))) & 1 else F(.25)
            r, g, b = r * tone, g * tone, b * tone
        else:
            size = np.sqrt(square[index])
            n = [(o[0] - cx[index]) / size, (o[1] - cy[index]) / size, (o[2] - cz[index]) / size]
            r, g, b = r * reds[index], g * greens[index], b * blues[index]
            matter, rough = matter_of[index], roughs[index]
        if matter == LAMP:
            return r, g, b
        against = d[0] * n[0] + d[1] * n[1] + d[2] * n[2]
        if matter == CLAY:
            *ball, s = rng.in_ball()
            s = np.sqrt(s)
            d = [n[i] + ball[i] / s for i in range(3)]
        elif matter == METAL:
            *ball, s = rng.in_ball()
            d = [d[i] - F(2) * against * n[i] + rough * ball[i] for i in range(3)]
        else:
            leaving = against > 0
            ratio, cosine = (F(1.5), against) if leaving else (F(1) / F(1.5), -against)
            sine2 = ratio * ratio * (F(1) - cosine * cosine)
            bent = np.sqrt(F(1) - sine2) if sine2 < 1 else F(0)
            x = F(1) - (bent if leaving else cosine)
            reflected = F(.04) + F(.96) * (x * x * (x * x) * x)
            if sine2 >= 1 or rng.uniform() < reflected:
                d = [d[i] - F(2) * against * n[i] for i in range(3)]
            else:
                side = ratio * cosine - bent
                turn = -side if leaving else side
                d = [ratio * d[i] + turn * n[i] for i in range(3)]
        length = np.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
        if length < F(.0001) or (matter == METAL and d[0] * n[0] + d[1] * n[1] + d[2] * n[2] <= 0):
            break
        d = [part / length for part in d]
    return F(0), F(0), F(0)


def tile(width, height, samples, scene, seed, x0, y0, w, h):
    columns = scene_of(scene)
    view, eye = F(.18), [F(13), F(2), F(3)]
    f = [F(-13), F(.4) - F(2), F(-3)]
    length = np.sqrt(f[0] * f[0] + f[1] * f[1] + f[2] * f[2])
    f = [part / length for part in f]
    across = np.sqrt(f[0] * f[0] + f[2] * f[2])
    rx, rz, aspect = -f[2] / across, f[0] / across, F(width) / F(height)
    up = [-(rz * f[1]) * view, (rz * f[0] - rx * f[2]) * view, rx * f[1] * view]
    right = [rx * view * aspect, rz * view * aspect]
    output = b''
    for py in range(y0, y0 + h):
        for px in range(x0, x0 + w):
            light = [F(0)] * 3
            for sample in range(samples):
                rng = Random(mix((mix(mix(seed) ^ (py << 32) ^ px) + sample) & M))
                u = ((F(px) + rng.uniform()) / F(width)) * F(2) - F(1)
                v = F(1) - ((F(py) + rng.uniform()) / F(height)) * F(2)
                d = [f[0] + right[0] * u + up[0] * v, f[1] + up[1] * v, f[2] + right[1] * u + up[2] * v]
                length = np.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
                light = [a + b for a, b in zip(light, path(columns, eye, [part / length for part in d], rng))]
            share = F(1) / F(samples)
            output += bytes(int(np.sqrt(min(part * share, F(1))) * F(255) + F(.5)) for part in light)
    return output


def made(name, width, height, samples, scene, seed, x, y, w, h):
    arguments = {'width': width, 'height': height, 'samples': samples, 'scene': scene, 'seed': str(seed)}
    return case(name, arguments, {'u32': [x, y, w, h]}, f'NumPy {np.__version__}, float32, test/kernels/oracles/path_trace.py',
                tile(width, height, samples, scene, seed, x, y, w, h))


write('path-trace', [
    made('a small picture of the whole scene', 32, 18, 2, 1, 1, 0, 0, 32, 18),
    made('a tile inside a larger one, another scene', 320, 180, 4, 7, 3, 150, 80, 9, 5),
    made('glass and metal from near', 1280, 720, 8, 1, 2 ** 63 + 5, 760, 260, 4, 4),
    made('one pixel of sky', 64, 36, 1, 1, 1, 5, 1, 1, 1),
    made('the corner at the end', 101, 67, 3, 4294967295, 0, 96, 64, 5, 3),
])
