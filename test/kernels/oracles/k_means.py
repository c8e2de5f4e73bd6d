"""python3 test/kernels/oracles/k_means.py: the same sums by SciPy's vector quantisation and whole numbers of NumPy."""
import base64
import struct
import numpy as np
import scipy
from scipy.cluster.vq import vq
from common import case, write


def output(centroids, points):
    scaled = points.astype(np.int64) * 8
    nearest, _ = vq(scaled.astype(float), centroids.astype(float))
    squares = ((scaled - centroids[nearest].astype(np.int64)) ** 2).sum(1)
    # SciPy does not say what it does with equal distances: the inputs here have none that matter, or this fails.
    every = ((scaled[:, None, :] - centroids[None].astype(np.int64)) ** 2).sum(2)
    assert (every.argmin(1) == nearest).all()
    rows = b''
    for cluster in range(len(centroids)):
        mine = nearest == cluster
        count, square = int(mine.sum()), int(squares[mine].sum())
        sums = points[mine].astype(np.int64).sum(0)
        rows += struct.pack('<IQdQI', cluster, count, square / 64 / count if count else 0., square, 8 * points.shape[1])
        rows += sums.astype('<u8').tobytes()
    return rows


def made(name, centroids, points):
    head = centroids.astype('<u2').tobytes()
    data = struct.pack('<I', len(head)) + head + points.tobytes()
    k, dimensions = centroids.shape
    return case(name, {'clusters': k, 'dimensions': dimensions}, {'base64': base64.b64encode(data).decode()},
                f'SciPy {scipy.__version__}, scipy.cluster.vq, test/kernels/oracles/k_means.py', output(centroids, points), k * dimensions < 100)


rng = np.random.default_rng(5)
points = lambda n, d: rng.integers(0, 256, (n, d), dtype=np.uint8)
centroids = lambda k, d: rng.integers(0, 2041, (k, d))

write('k-means', [
    made('colours', centroids(4, 3), points(200, 3)),
    made('one cluster, one dimension', np.array([[801]]), points(9, 1)),
    made('clusters without points', np.array([[0, 0], [2040, 2040], [4, 4]]), np.array([[1, 1], [3, 0], [2, 2]], np.uint8)),
    made('eight dimensions, one whole vector', centroids(7, 8), points(60, 8)),
    made('nine dimensions, a vector that is not full', centroids(7, 9), points(60, 9)),
    made('2048 dimensions as far apart as can be', np.array([[0] * 2048, [2040] * 2048]),
         np.array([[255] * 2047 + [0], [0] * 2048, [255] * 2048], np.uint8)),
    made('300 dimensions, 20 clusters', centroids(20, 300), points(50, 300)),
])
