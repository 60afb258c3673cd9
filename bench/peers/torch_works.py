"""PyTorch's side: variants are 'nchw' and 'channels_last', each also 'compiled'."""

import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import torch_networks
import torch_pointwise
from data import channels_first, lecture, numbers

version = torch.__version__.split("+")[0]
aten = torch.ops.aten


def start(threads):
    torch.set_num_threads(threads)
    # Every work of one kind is the same function to the compiler.
    torch._dynamo.config.recompile_limit = 256


def make(variant, work):
    kinds = {"conv": Conv, "matmul": Matmul, "pointwise": Pointwise, "train": Train, "predict": Predict}
    kinds["network"] = torch_networks.Whole
    return kinds[work["kind"]](variant, work)


def layout_of(variant):
    return torch.channels_last if "channels_last" in variant else torch.contiguous_format


def compiled(variant, function):
    return torch.compile(function, dynamic=False) if "compiled" in variant else function


def picture(array, layout):
    """[n, h, w, c] as a tensor of PyTorch's shape in the layout asked for."""
    tensor = torch.from_numpy(array)
    return tensor.permute(0, 3, 1, 2).contiguous(memory_format=layout) if tensor.ndim == 4 else tensor.contiguous()


def array(tensor):
    tensor = tensor.detach()
    return (tensor.permute(0, 2, 3, 1) if tensor.ndim == 4 else tensor).numpy()


class Work:
    def time(self, steps):
        with torch.inference_mode():
            start = time.perf_counter()
            for _ in range(steps):
                self.run()
            return time.perf_counter() - start

    def results(self):
        with torch.inference_mode():
            return [array(self.run())]


class Conv(Work):
    """One of a convolution's three products: y, dx or dFilter."""

    def __init__(self, variant, work):
        layout = layout_of(variant)
        n, h, w, cin, cout, kh, kw, groups = (work[k] for k in ("n", "h", "w", "cin", "cout", "kh", "kw", "groups"))
        stride, pad = [work["stride"]] * 2, [work["padH"], work["padW"]]
        size = [(h + 2 * pad[0] - kh) // stride[0] + 1, (w + 2 * pad[1] - kw) // stride[1] + 1]
        x = picture(numbers(1, (n, h, w, cin)), layout)
        kernel = torch.from_numpy(numbers(2, (kh, kw, cin // groups, cout))).permute(3, 2, 0, 1)
        kernel = kernel.contiguous(memory_format=layout)
        dy = picture(numbers(3, (n, *size, cout)), layout)
        self.product = work["product"]
        spare = [h - ((size[0] - 1) * stride[0] - 2 * pad[0] + kh), w - ((size[1] - 1) * stride[1] - 2 * pad[1] + kw)]

        def backward(mask):
            rest = (None, stride, pad, [1, 1], False, [0, 0], groups, mask)
            return aten.convolution_backward(dy, x, kernel, *rest)

        if self.product == "y":
            self.run = lambda: F.conv2d(x, kernel, None, stride, pad, 1, groups)
        elif self.product == "dFilter":
            self.run = lambda: backward([False, True, False])[1]
        elif work["isTransposed"]:
            self.run = lambda: F.conv_transpose2d(dy, kernel, None, stride, pad, spare, groups)
        else:
            self.run = lambda: backward([True, False, False])[0]

    def results(self):
        with torch.inference_mode():
            y = self.run()
        return [y.permute(2, 3, 1, 0).numpy() if self.product == "dFilter" else array(y)]


class Matmul(Work):
    def __init__(self, variant, work):
        m, n, k = work["m"], work["n"], work["k"]
        a = torch.from_numpy(numbers(1, (k, m) if work["transposeA"] else (m, k)))
        b = torch.from_numpy(numbers(2, (n, k) if work["transposeB"] else (k, n)))
        a, b = a.T if work["transposeA"] else a, b.T if work["transposeB"] else b
        self.run = lambda: torch.mm(a, b)


class Pointwise(Work):
    def __init__(self, variant, work):
        layout = layout_of(variant)
        self.inputs = [picture(numbers(i + 1, shape), layout) for i, shape in enumerate(work["inputs"])]
        self.function = compiled(variant, torch_pointwise.FUNCTIONS[work["name"]])
        self.is_training = work["isTraining"]
        if self.is_training:
            # Some have no gradient in their other inputs, or need none.
            self.wanted = [each.requires_grad_() for each in self.inputs[: work["gradients"]]]
            self.dy = picture(numbers(9, work["output"]), layout)

    def run(self):
        y = self.function(*self.inputs)
        return (y, *torch.autograd.grad(y, self.wanted, self.dy)) if self.is_training else (y,)

    def time(self, steps):
        with torch.inference_mode(not self.is_training):
            start = time.perf_counter()
            for _ in range(steps):
                self.run()
            return time.perf_counter() - start

    def results(self):
        with torch.inference_mode(not self.is_training):
            return [array(each).astype(np.float32) for each in self.run()]


def network(dropout):
    def conv(inputs, outputs, size=3):
        return [nn.Conv2d(inputs, outputs, size, padding="same"), nn.ReLU()]

    return nn.Sequential(
        *conv(1, 64, 7), nn.MaxPool2d(2),
        *conv(64, 128), *conv(128, 128), nn.MaxPool2d(2),
        *conv(128, 256), *conv(256, 256), nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2304, 128), nn.ReLU(), nn.Dropout(dropout),
        nn.Linear(128, 64), nn.ReLU(), nn.Dropout(dropout),
        nn.Linear(64, 10),
    )  # fmt: skip


def torch_weights(weights):
    """Convolutions [out, in, height, width]; linear layers [out, in]."""
    for value in weights:
        if value.ndim == 4:
            yield torch.from_numpy(value).permute(3, 2, 0, 1)
        elif value.ndim == 2:
            yield torch.from_numpy(channels_first(value) if len(value) == 2304 else value).T
        else:
            yield torch.from_numpy(value)


class Lecture:
    def __init__(self, variant, work):
        self.variant, self.batch = variant, work["batch"]
        self.layout = layout_of(variant)
        self.is_half = work["dtype"] == "bfloat16"
        self.weights, x, y = lecture(work["folder"])
        # Each batch lies in memory as the network wants it.
        self.batches = [
            (picture(x[i : i + self.batch], self.layout), torch.from_numpy(y[i : i + self.batch]))
            for i in range(0, len(x) - self.batch + 1, self.batch)
        ]

    def model(self, dropout):
        model = network(dropout)
        with torch.no_grad():
            for parameter, value in zip(model.parameters(), torch_weights(self.weights), strict=True):
                parameter.copy_(value)
        return model.to(memory_format=self.layout)

    def precision(self):
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.is_half)


class Train(Lecture):
    """Forward, backward, nadam; results are the losses of the first steps without dropout."""

    def __init__(self, variant, work):
        super().__init__(variant, work)
        self.checked = work["checkedSteps"]
        self.step = self.stepper(0.5, compiled(variant, self.loss))

    def loss(self, model, x, y):
        with self.precision():
            return F.cross_entropy(model(x).float(), y)

    def stepper(self, dropout, loss_of):
        model = self.model(dropout)
        # Keras's nadam lets beta1 warm up with 0.96^t; PyTorch's decay of 0.004 would be another method.
        optimizer = torch.optim.NAdam(model.parameters(), lr=1e-3, eps=1e-7, momentum_decay=1.0)

        def step(x, y):
            optimizer.zero_grad()
            loss = loss_of(model, x, y)
            loss.backward()
            optimizer.step()
            return loss.detach()

        return step

    def results(self):
        step = self.stepper(0.0, self.loss)
        return [np.array([step(*self.batches[0]).item() for _ in range(self.checked)])]

    def time(self, steps):
        start = time.perf_counter()
        for i in range(steps):
            loss = self.step(*self.batches[i % len(self.batches)])
        loss.item()
        return time.perf_counter() - start


class Predict(Lecture, Work):
    def __init__(self, variant, work):
        super().__init__(variant, work)
        model = self.model(0.5).eval()
        x = self.batches[0][0]
        forward = compiled(variant, lambda x: torch.softmax(model(x).float(), 1))

        def run():
            with self.precision():
                return forward(x)

        self.run = run
