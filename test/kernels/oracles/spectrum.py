"""python3 test/kernels/oracles/spectrum.py: the definition in the head of kernels/spectrum/index.ts, by NumPy's transform."""
import base64
import struct
import numpy as np
from common import case, write


def hits(samples, offset, rate, drifts, threshold, top):
    size = 4096
    while size < len(samples):
        size *= 2
    x = np.zeros(size, complex)
    x[:len(samples)] = samples
    n = np.arange(size, dtype=object)
    power = float(np.sum(np.abs(samples) ** 2).round())
    best, drift_of = np.zeros(size), np.zeros(size, int)
    for drift in range(-drifts, drifts + 1):
        phase = np.array((drift * n * n * 4096 * 2 + 2 * size * size) // (4 * size * size) % 4096, dtype=float)
        strength = np.abs(np.fft.fft(x * np.exp(-2j * np.pi * phase / 4096))) ** 2
        for bin in np.nonzero(strength >= power * threshold)[0]:
            middle = (2 * int(bin) + drift) // 2 % size
            if strength[bin] > best[middle]:
                best[middle], drift_of[middle] = strength[bin], drift
    rows = []
    for bin in np.nonzero(best)[0]:
        others = [(bin + apart) % size for apart in range(-8, 9) if apart != 0]
        if all(best[bin] > best[other] or (best[bin] == best[other] and bin < other) for other in others):
            per_bin = rate / size
            frequency = (float(bin) if bin < size // 2 else float(bin) - size) * per_bin
            rows.append((-round(best[bin] / power * 1024) / 1024, (offset // 2) / rate, frequency,
                         float(drift_of[bin]) * (per_bin * per_bin)))
    return [(time, frequency, slope, -strength) for strength, time, frequency, slope in sorted(rows)[:top]]


def radio(count, tones, seed):
    rng = np.random.default_rng(seed)
    n = np.arange(count)
    x = rng.normal(0, 20, count) + 1j * rng.normal(0, 20, count)
    for bin, drift, amplitude in tones:
        x += amplitude * np.exp(2j * np.pi * (bin * n / count + drift * n * n / (2 * count * count)))
    parts = np.clip(np.round(np.stack([x.real, x.imag], 1)), -128, 127).astype(np.int8)
    return parts[:, 0].astype(float) + 1j * parts[:, 1], parts.tobytes()


def made(name, count, tones, seed=7, offset=0, rate=1e6, drifts=8, threshold=20., top=50, expect=None):
    samples, data = radio(count, tones, seed)
    found = hits(samples, offset, rate, drifts, threshold, top)
    print(name, found)
    assert expect is None or len(found) == expect, found
    arguments = {'sampleRate': rate, 'drifts': drifts, 'threshold': threshold, 'top': top}
    return case(name, arguments, {'base64': base64.b64encode(struct.pack('<Q', offset) + data).decode()},
                f'NumPy {np.__version__}, numpy.fft, test/kernels/oracles/spectrum.py',
                b''.join(struct.pack('<4d', *row) for row in found))


write('spectrum', [
    made('a steady tone in 4096 samples', 4096, [(700, 0, 4)], drifts=0, expect=1),
    made('a tone between two bins, below zero', 4096, [(-300.5, 0, 6)], drifts=4, expect=1),
    made('a drifting tone', 4096, [(100, 6, 4)], expect=1),
    made('three tones, drifting up, down and not at all', 4096, [(1000, -5, 5), (-1500, 7, 4.5), (40, 0, 6)], expect=3),
    made('the two strongest of three', 4096, [(1000, -5, 5), (-1500, 7, 4.5), (40, 0, 6)], top=2, expect=2),
    made('samples that do not fill the transform, later in the file', 3000, [(500, 3, 5)], offset=131072, rate=2.4e6, expect=1),
    made('8192 samples, a transform of an odd power of 2', 8192, [(3000, -8, 3.2)], expect=1),
    made('noise below a high threshold', 4096, [], threshold=24., expect=0),
    made('noise above a low threshold', 4096, [], threshold=9., drifts=2),
])
