"""A network as ../networks.ts describes it: nodes with Keras's settings, weights by the rule of its `valuesOf`."""

import json
from pathlib import Path

import numpy as np

from data import numbers


class Node:
    """One call of a layer; tensors are numbers, shapes [height, width, channels]."""

    def __init__(self, kind, config, inputs, output, shape, weights):
        self.kind, self.config, self.inputs, self.output, self.shape = kind, config, inputs, output, shape
        self.weights = {each["role"]: each for each in weights}

    def weight(self, role):
        each = self.weights.get(role)
        return None if each is None else values(role, each["shape"], each["seed"])

    def weight_list(self):
        """In Keras's order."""
        return [self.weight(role) for role in self.weights]


class Network:
    def __init__(self, folder, name):
        found = json.loads((Path(folder) / f"{name}.json").read_text())
        self.name, self.input, self.target = name, found["input"], found["target"]
        self.scale, self.learning_rate = found["scale"], found["learningRate"]
        self.nodes = [Node(**node) for node in found["nodes"]]
        self.shapes = {0: self.input, **{node.output: node.shape for node in self.nodes}}
        self.output = self.nodes[-1].output

    def pictures(self, batch):
        return numbers(1, (batch, *self.input)) * np.float32(self.scale)

    def labels(self, batch):
        if self.target == "class":
            return np.arange(batch) * 37 % 1000
        return (numbers(2, (batch, *self.shapes[self.output])) > 0).astype(np.float32)

    def users(self, tensor):
        return [node for node in self.nodes if tensor in node.inputs]

    def padded(self, node):
        """The tensor that a convolution or pooling reads, and ((top, bottom), (left, right)) around it."""
        kernel = node.config.get("kernel_size") or node.config["pool_size"]
        source, sides = node.inputs[0], [[0, 0], [0, 0]]
        before = next((each for each in self.nodes if each.output == source and each.kind == "ZeroPadding2D"), None)
        if before is not None and len(self.users(source)) == 1:
            source, sides = before.inputs[0], before.config["padding"]
        if node.config["padding"] == "same":
            for axis in (0, 1):
                stride, size = node.config["strides"][axis], self.shapes[source][axis]
                total = max(0, (-(-size // stride) - 1) * stride + kernel[axis] - size)
                sides[axis] = [total // 2, total - total // 2]
        return source, sides

    def is_folded(self, node):
        """A padding that the one who reads it does itself."""
        readers = self.users(node.output)
        return node.kind == "ZeroPadding2D" and len(readers) == 1 and "padding" in readers[0].config


def values(role, shape, seed):
    drawn = numbers(seed, shape)
    if role in ("kernel", "depthwise_kernel"):
        inputs = shape[:2] if role == "depthwise_kernel" else shape[:-1]
        return drawn * np.float32(np.sqrt(6 / np.prod(inputs)))
    if role == "gamma":
        return 1 + np.float32(0.125) * drawn
    if role.endswith("variance"):
        return 1 + np.float32(0.5) * drawn
    return drawn * np.float32(0) if role == "count" else np.float32(0.125) * drawn


def flattened_first(kernel, shape):
    """A dense layer's weights for maps that were flattened channels first."""
    return kernel.reshape(*shape, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
