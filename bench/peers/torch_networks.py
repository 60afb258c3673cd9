"""Whole networks in PyTorch, built of its usual modules from a description (networks.py)."""

import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from networks import Network, flattened_first


def filters(kernel):
    return torch.from_numpy(kernel).permute(3, 2, 0, 1)


def activation(name):
    return {"linear": lambda x: x, "relu": F.relu, "silu": F.silu, "swish": F.silu, "sigmoid": torch.sigmoid}[name]


class Module(nn.Module):
    """Runs the nodes in their order; a tensor goes when its last reader has run."""

    def __init__(self, network):
        super().__init__()
        self.parts = nn.ModuleList()
        self.steps = []
        for node in network.nodes:
            if network.is_folded(node):
                continue
            source, sides = None, None
            if node.kind in ("Conv2D", "DepthwiseConv2D", "MaxPooling2D", "AveragePooling2D"):
                source, sides = network.padded(node)
            run = self.build(node, network, sides)
            self.steps.append((run, node.inputs if source is None else [source], node.output))
        last = {tensor: i for i, (_, inputs, _) in enumerate(self.steps) for tensor in inputs}
        self.steps = [
            (run, inputs, output, [each for each in set(inputs) if last[each] == i])
            for i, (run, inputs, output) in enumerate(self.steps)
        ]
        self.output = network.output

    def keep(self, part):
        self.parts.append(part)
        return part

    def build(self, node, network, sides):
        kind, config = node.kind, node.config
        if kind in ("Conv2D", "DepthwiseConv2D", "Conv2DTranspose"):
            return self.convolution(node, network, sides)
        if kind == "Dense":
            kernel = node.weight("kernel")
            before = next(each for each in network.nodes if each.output == node.inputs[0])
            if before.kind == "Flatten":
                kernel = flattened_first(kernel, network.shapes[before.inputs[0]])
            part = self.keep(nn.Linear(*kernel.shape))
            with torch.no_grad():
                part.weight.copy_(torch.from_numpy(kernel).T)
                part.bias.copy_(torch.from_numpy(node.weight("bias")))
            act = activation(config["activation"])
            return lambda x: act(part(x))
        if kind == "BatchNormalization":
            # Keras's momentum is the share that stays.
            part = self.keep(nn.BatchNorm2d(node.shape[-1], eps=config["epsilon"], momentum=1 - config["momentum"]))
            with torch.no_grad():
                for role, own in [("gamma", part.weight), ("beta", part.bias)]:
                    if node.weight(role) is not None:
                        own.copy_(torch.from_numpy(node.weight(role)))
                part.running_mean.copy_(torch.from_numpy(node.weight("moving_mean")))
                part.running_var.copy_(torch.from_numpy(node.weight("moving_variance")))
            if node.weight("gamma") is None:
                part.weight.requires_grad_(False)
            return part
        if kind == "Normalization":
            mean, variance = (torch.from_numpy(node.weight(role)).view(-1, 1, 1) for role in ("mean", "variance"))
            return lambda x: (x - mean) / torch.sqrt(variance)
        if kind == "ZeroPadding2D":
            (top, bottom), (left, right) = config["padding"]
            return lambda x: F.pad(x, (left, right, top, bottom))
        if kind == "MaxPooling2D":
            pad = symmetric(sides)
            if pad is None:
                raise ValueError("an uneven padding of a pooling")
            return lambda x: F.max_pool2d(x, config["pool_size"], config["strides"], pad)
        if kind == "AveragePooling2D":
            pad = symmetric(sides)
            return lambda x: F.avg_pool2d(x, config["pool_size"], config["strides"], pad, count_include_pad=False)
        if kind == "Rescaling":
            return lambda x: x * config["scale"] + config["offset"]
        if kind == "Reshape":
            height, width, channels = config["target_shape"]
            return lambda x: x.view(-1, channels, height, width)
        simple = {
            "ReLU": lambda x: F.relu6(x) if config.get("max_value") == 6 else F.relu(x),
            "Activation": activation(config.get("activation", "linear")),
            "Flatten": lambda x: torch.flatten(x.contiguous(), 1),
            "GlobalAveragePooling2D": lambda x: x.mean((2, 3)),
            "Add": lambda x, y: x + y,
            "Multiply": lambda x, y: x * y,
            "Concatenate": lambda *each: torch.cat(each, 1),
        }
        return simple[kind]

    def convolution(self, node, network, sides):
        config, bias = node.config, node.weight("bias")
        kernel = node.weight("depthwise_kernel" if node.kind == "DepthwiseConv2D" else "kernel")
        pad = (0, 0) if sides is None else symmetric(sides)
        strides, act = config["strides"], activation(config["activation"])
        if node.kind == "Conv2DTranspose":
            weight = torch.from_numpy(kernel).permute(3, 2, 0, 1)
            part = nn.ConvTranspose2d(weight.shape[0], weight.shape[1], kernel.shape[:2], strides)
        elif node.kind == "DepthwiseConv2D":
            channels = kernel.shape[2]
            weight = torch.from_numpy(kernel).permute(2, 3, 0, 1)
            part = nn.Conv2d(channels, channels, kernel.shape[:2], strides, pad or 0, groups=channels, bias=bias is not None)
        else:
            weight = filters(kernel)
            part = nn.Conv2d(*reversed(weight.shape[:2]), kernel.shape[:2], strides, pad or 0, bias=bias is not None)
        self.keep(part)
        with torch.no_grad():
            part.weight.copy_(weight)
            if bias is not None:
                part.bias.copy_(torch.from_numpy(bias))
        if pad is not None:
            return lambda x: act(part(x))
        (top, bottom), (left, right) = sides
        return lambda x: act(part(F.pad(x, (left, right, top, bottom))))

    def forward(self, x):
        tensors = {0: x}
        for run, inputs, output, finished in self.steps:
            tensors[output] = run(*[tensors[each] for each in inputs])
            for each in finished:
                del tensors[each]
        return tensors[self.output]


def symmetric(sides):
    """(rows, columns) where both sides have as much."""
    (top, bottom), (left, right) = sides
    return (top, left) if top == bottom and left == right else None


def plain(tensor):
    """As fovea orders it: channels last."""
    tensor = tensor.detach()
    return (tensor.permute(0, 2, 3, 1) if tensor.ndim == 4 else tensor).numpy()


class Whole:
    """One network, to predict or to train."""

    def __init__(self, variant, work):
        network = Network(work["folder"], work["network"])
        layout = torch.channels_last if "channels_last" in variant else torch.contiguous_format
        self.module = Module(network).to(memory_format=layout)
        batch = work["batch"]
        self.x = torch.from_numpy(network.pictures(batch)).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        self.is_training, self.checked = work["isTraining"], work["checkedSteps"]
        self.module.train(self.is_training)
        forward = torch.compile(self.module, dynamic=False) if "compiled" in variant else self.module
        if not self.is_training:
            self.run = lambda: forward(self.x)
            return
        labels = torch.from_numpy(network.labels(batch))
        if network.target == "mask":
            labels = labels.permute(0, 3, 1, 2).contiguous()
        loss_of = F.cross_entropy if network.target == "class" else F.binary_cross_entropy_with_logits
        trained = [each for each in self.module.parameters() if each.requires_grad]
        optimizer = torch.optim.SGD(trained, lr=network.learning_rate, momentum=0.9)

        def step():
            optimizer.zero_grad()
            loss = loss_of(forward(self.x), labels)
            loss.backward()
            optimizer.step()
            return loss.detach()

        self.run = step

    def results(self):
        if self.is_training:
            return [np.array([self.run().item() for _ in range(self.checked)])]
        with torch.inference_mode():
            return [plain(self.run())]

    def time(self, steps):
        with torch.inference_mode(not self.is_training):
            start = time.perf_counter()
            for _ in range(steps):
                self.run()
            return time.perf_counter() - start
