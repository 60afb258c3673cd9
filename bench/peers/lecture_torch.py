"""The lecture's network in PyTorch: eager in either memory layout, or compiled."""

import time

import torch
from torch import nn

from lecture_data import read


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


def torch_layout(weights):
    """Convolutions [out, in, height, width]; linear layers [out, in], the first one's inputs channels first."""
    for value in map(torch.from_numpy, weights):
        if value.ndim == 4:
            yield value.permute(3, 2, 0, 1)
        elif value.shape[0] == 2304:
            yield value.reshape(3, 3, 256, 128).permute(3, 2, 0, 1).reshape(128, 2304)
        else:
            yield value.T if value.ndim == 2 else value


class Lecture:
    version = torch.__version__.split("+")[0]

    def __init__(self, variant, threads, folder, batch):
        torch.set_num_threads(threads)
        self.batch = batch
        self.is_compiled = variant == "compiled"
        self.layout = torch.contiguous_format if variant == "nchw" else torch.channels_last
        self.weights, x, y = read(folder)
        x = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous()
        # Each batch lies in memory as the network wants it.
        self.batches = [
            (part.to(memory_format=self.layout), labels)
            for part, labels in zip(x.split(batch), torch.from_numpy(y).split(batch))
        ]
        self.model, self.optimizer = self.make(0.5)
        self.step = self.compiled(self.forward_backward)
        self.predictor = self.compiled(self.model)

    def compiled(self, function):
        return torch.compile(function) if self.is_compiled else function

    def make(self, dropout):
        model = network(dropout)
        with torch.no_grad():
            for parameter, value in zip(model.parameters(), torch_layout(self.weights), strict=True):
                parameter.copy_(value)
        model = model.to(memory_format=self.layout)
        # Keras's nadam lets beta1 warm up with 0.96^t; PyTorch's decay of 0.004 would be another method.
        optimizer = torch.optim.NAdam(model.parameters(), lr=1e-3, eps=1e-7, momentum_decay=1.0)
        return model, optimizer

    def forward_backward(self, x, y):
        loss = nn.functional.cross_entropy(self.model(x), y)
        loss.backward()
        return loss.detach()

    def losses(self, steps):
        model, optimizer = self.make(0.0)
        x, y = self.batches[0]
        losses = []
        for _ in range(steps):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return {"losses": losses}

    def train(self, steps):
        self.model.train()
        start = time.perf_counter()
        for i in range(steps):
            self.optimizer.zero_grad()
            loss = self.step(*self.batches[i % len(self.batches)])
            self.optimizer.step()
        loss.item()
        return {"seconds": time.perf_counter() - start}

    def predict(self, steps, batch):
        self.model.eval()
        x = self.batches[0][0][:batch].to(memory_format=self.layout)
        with torch.inference_mode():
            start = time.perf_counter()
            for _ in range(steps):
                torch.softmax(self.predictor(x), 1)
            return {"seconds": time.perf_counter() - start}
