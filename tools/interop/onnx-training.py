"""Exports a small ResNet with its batch norms unfolded, then trains it for ten steps of SGD, in float64 and in float32.

The argument is a folder: model.onnx, x.bin, y.bin and losses.json are written there.
"""
import copy
import json
import sys
import warnings

import torch
from torch import nn

warnings.filterwarnings('ignore')
folder = sys.argv[1]
torch.manual_seed(7)
torch.set_num_threads(2)


class Block(nn.Module):
    def __init__(self, inner, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inner, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.skip = nn.Identity()
        if stride != 1 or inner != channels:
            self.skip = nn.Sequential(nn.Conv2d(inner, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.skip(x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 7, 2, 3, bias=False)
        self.bn = nn.BatchNorm2d(16)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.blocks = nn.Sequential(Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2))
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        y = self.pool(torch.relu(self.bn(self.conv(x))))
        return self.fc(self.blocks(y).mean((2, 3)))


model = ResNet()
x = torch.randn(16, 3, 64, 64)
y = torch.randint(0, 10, (16,))
model.train()
torch.onnx.export(
    model,
    x[:2],
    f'{folder}/model.onnx',
    opset_version=17,
    dynamo=False,
    training=torch.onnx.TrainingMode.PRESERVE,
    do_constant_folding=False,
    input_names=['x'],
    output_names=['logits'],
    dynamic_axes={'x': {0: 'n'}},
)
# Exporting ran the model once: its statistics go back to what the file holds.
state = {name: value.clone() for name, value in ResNet().state_dict().items()}
for name, value in model.state_dict().items():
    if 'running' in name or 'tracked' in name:
        value.copy_(state[name])


def train(model, x):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# In float64 what the losses should be, in float32 how far roundings alone carry ten steps.
exact = train(copy.deepcopy(model).double(), x.double())
single = train(model, x)
noise = max(abs(a - b) / b for a, b in zip(single, exact))
x.numpy().tofile(f'{folder}/x.bin')
y.int().numpy().tofile(f'{folder}/y.bin')
json.dump({'losses': exact, 'noise': noise, 'shape': list(x.shape)}, open(f'{folder}/losses.json', 'w'))
