"""What all frameworks are given: numbers by a rule (the twin of ../numbers.ts), and the lecture's weights and pictures."""

from functools import cache
from pathlib import Path

import numpy as np

# Far from a power of two, so that no row of a matrix repeats another.
POOL = 4_000_037
# Weights as fovea gives them: convolutions [height, width, in, out], dense layers [in, out].
SHAPES = [
    (7, 7, 1, 64), (64,),
    (3, 3, 64, 128), (128,), (3, 3, 128, 128), (128,),
    (3, 3, 128, 256), (256,), (3, 3, 256, 256), (256,),
    (2304, 128), (128,), (128, 64), (64,), (64, 10), (10,),
]  # fmt: skip


@cache
def pool():
    h = np.arange(POOL, dtype=np.uint32) * np.uint32(2654435761)
    h ^= h >> np.uint32(16)
    h *= np.uint32(2246822519)
    h ^= h >> np.uint32(13)
    h *= np.uint32(3266489917)
    h ^= h >> np.uint32(16)
    return (h >> np.uint32(8)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)


def numbers(seed, shape):
    """Float32 in [-1, 1), the same everywhere."""
    size = int(np.prod(shape))
    start = seed * 1_000_003 % POOL
    if start + size <= POOL:
        return pool()[start : start + size].reshape(shape).copy()
    return np.resize(np.roll(pool(), -start), size).reshape(shape)


def lecture(folder):
    """Weights, x [n, 28, 28, 1] and y [n]."""
    folder = Path(folder)
    weights = [np.fromfile(folder / f"weight-{i}.f32", "<f4").reshape(shape) for i, shape in enumerate(SHAPES)]
    x = np.fromfile(folder / "x.f32", "<f4").reshape(-1, 28, 28, 1)
    y = np.fromfile(folder / "y.i32", "<i4").astype(np.int64)
    return weights, x, y


def channels_first(dense):
    """The first dense layer's weights [2304, 128] for pictures that were flattened channels first."""
    return dense.reshape(3, 3, 256, 128).transpose(2, 0, 1, 3).reshape(2304, 128)
