"""What fovea wrote down: its initial weights in its own order and layout, and the pictures."""

from pathlib import Path

import numpy as np

SHAPES = [
    (7, 7, 1, 64), (64,),
    (3, 3, 64, 128), (128,), (3, 3, 128, 128), (128,),
    (3, 3, 128, 256), (256,), (3, 3, 256, 256), (256,),
    (2304, 128), (128,), (128, 64), (64,), (64, 10), (10,),
]  # fmt: skip


def read(folder):
    """Weights (convolutions [height, width, in, out]), x [n, 28, 28, 1] and y [n]."""
    folder = Path(folder)
    weights = [np.fromfile(folder / f"weight-{i}.f32", "<f4").reshape(shape) for i, shape in enumerate(SHAPES)]
    x = np.fromfile(folder / "x.f32", "<f4").reshape(-1, 28, 28, 1)
    y = np.fromfile(folder / "y.i32", "<i4").astype(np.int64)
    return weights, x, y
