"""The functions of ../suites/pointwise.ts in PyTorch; pictures come [n, c, h, w]."""

import torch
from torch.nn import functional as F

FUNCTIONS = {
    "add": lambda x, y: x + y,
    "multiply add relu": lambda x, y, z: torch.relu(x * y + z),
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "exp": torch.exp,
    "gelu": F.gelu,
    "silu": F.silu,
    "softmax": lambda x: torch.softmax(x, -1),
    "log softmax": lambda x: torch.log_softmax(x, -1),
    "layer norm": lambda x, gamma, beta: F.layer_norm(x, x.shape[-1:], gamma, beta, 1e-3),
    "batch norm": lambda x, gamma, beta: F.batch_norm(x, None, None, gamma, beta, True, 0.1, 1e-3),
    "batch norm relu": lambda x, gamma, beta: torch.relu(F.batch_norm(x, None, None, gamma, beta, True, 0.1, 1e-3)),
    "max pool 2": lambda x: F.max_pool2d(x, 2),
    "max pool 3/2": lambda x: F.max_pool2d(x, 3, 2, 1),
    "average pool 2": lambda x: F.avg_pool2d(x, 2),
    "global average pool": lambda x: x.mean((2, 3)),
    "sum": lambda x: x.sum(),
    "sum over rows": lambda x: x.sum(0),
    "sum over columns": lambda x: x.sum(1),
    "mean of channels": lambda x: x.mean((0, 2, 3)),
    "max over columns": lambda x: x.amax(1),
    "arg max": lambda x: x.argmax(1),
}
