"""python3 test/kernels/oracles/mlp_train.py: the same network in NumPy.

Once in float64, by matrices, to say that the gradient is right; once in float32, each addition in the kernel's order, to
say what its bits must be. Logarithm and exponential are those of the C library, whose last bits do not matter here.
"""
import base64
import math
import struct
import numpy as np
from common import case, write

F = np.float32


def split(weights, hidden):
    sizes = [hidden * 784, hidden, 10 * hidden, 10]
    w1, b1, w2, b2 = np.split(weights, np.cumsum(sizes)[:-1])
    return w1.reshape(hidden, 784), b1, w2.reshape(10, hidden), b2


def exact(weights, hidden, labels, pixels):
    w1, b1, w2, b2 = [part.astype(float) for part in split(weights, hidden)]
    x = pixels / 255.
    a = np.maximum(x @ w1.T + b1, 0)
    z = a @ w2.T + b2
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    loss = -np.log(p[np.arange(len(labels)), labels]).sum()
    p[np.arange(len(labels)), labels] -= 1
    back = (p @ w2) * (a > 0)
    return loss, np.concatenate([(back.T @ x).ravel(), back.sum(0), (p.T @ a).ravel(), p.sum(0)])


def in_order(terms):
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def output(weights, hidden, labels, pixels):
    w1, b1, w2, b2 = split(weights, hidden)
    g1, gb1, g2, gb2 = [np.zeros_like(part) for part in (w1, b1, w2, b2)]
    right = loss = 0
    for start in range(0, len(labels), 8):
        x = np.zeros((8, 784), F)
        some = pixels[start:start + 8].astype(F) * (F(1) / F(255))
        x[:len(some)] = some
        back = np.zeros((8, hidden), F)
        a = np.zeros((8, hidden), F)
        for e in range(len(some)):
            products = (w1 * x[e]).reshape(hidden, 196, 4)
            lanes = in_order([np.zeros((hidden, 4), F)] + [products[:, j] for j in range(196)])
            a[e] = np.maximum((lanes[:, 0] + lanes[:, 1]) + (lanes[:, 2] + lanes[:, 3]) + b1, F(0))
            lanes = in_order([np.zeros((10, 4), F)] + [w2[:, h:h + 4] * a[e, h:h + 4] for h in range(0, hidden, 4)])
            z = (lanes[:, 0] + lanes[:, 1]) + (lanes[:, 2] + lanes[:, 3]) + b2
            label, most = labels[start + e], z.max()
            right += int(z.argmax() == label)
            shares = [math.exp(max(float(value) - float(most), -600)) for value in z]
            total = in_order([0.] + shares)
            loss += round(min(math.log(total) - (float(z[label]) - float(most)), 1e6) * 2.0 ** 32)
            delta = np.array([F(share / total - (o == label)) for o, share in enumerate(shares)], F)
            back[e] = np.where(a[e] > 0, in_order([np.zeros(hidden, F)] + [delta[o] * w2[o] for o in range(10)]), F(0))
            g2 += delta[:, None] * a[e][None]
            gb2 += delta
        g1 += in_order([back[e][:, None] * x[e][None] for e in range(8)])
        gb1 += in_order([back[e] for e in range(8)])
    gradient = np.concatenate([part.ravel() for part in (g1, gb1, g2, gb2)])
    exact_loss, exact_gradient = exact(weights, hidden, labels, pixels)
    assert abs(loss / 2 ** 32 - exact_loss) < 1e-4 * len(labels)
    assert np.abs(gradient - exact_gradient).max() < 1e-4 * len(labels)
    n = len(labels)
    whole = np.rint(gradient.astype(float) * 2.0 ** 24).astype('<i8')
    return struct.pack('<QddQQI', n, right / n, loss / 2 ** 32 / n, right, loss, 8 * len(gradient)) + whole.tobytes()


rng = np.random.default_rng(785)


def made(name, hidden, count, scale=1.):
    weights = (rng.normal(0, .06 * scale, hidden * 785 + 10 * (hidden + 1))).astype('<f4')
    labels = rng.integers(0, 10, count)
    # Something like strokes: most of a picture is empty, as those of digits are.
    pixels = (rng.integers(0, 256, (count, 784)) * (rng.random((count, 784)) < .2)).astype(np.uint8)
    records = b''.join(bytes([label]) + row.tobytes() for label, row in zip(labels, pixels))
    data = struct.pack('<I', 4 * len(weights)) + weights.tobytes() + records
    return case(name, {'hidden': hidden}, {'base64': base64.b64encode(data).decode()},
                f'NumPy {np.__version__}, test/kernels/oracles/mlp_train.py', output(weights, hidden, labels, pixels), False)


write('mlp-train', [
    made('four hidden units, one example', 4, 1),
    made('eight examples, a whole block', 4, 8),
    made('nine examples, a block and one more', 8, 9),
    made('large weights, sure of what is wrong', 4, 20, 20.),
])
