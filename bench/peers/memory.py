"""Trains three steps of a network and prints how far the resident set rose above that of the idle process, in MiB.

    python memory.py torch|tensorflow VARIANT lecture|vgg16 BATCH THREADS
    python memory.py torch|tensorflow VARIANT NETWORK BATCH THREADS FOLDER

The second form trains a network described in the folder (networks.py). ../memory-program.ts is the twin.
"""

import json
import sys

from memory_status import status


def train_torch(variant, network, batch, threads):
    import torch
    from torch import nn
    from torch.nn import functional as F

    import torch_works

    torch.set_num_threads(threads)
    (torch.ones(100, 100) @ torch.ones(100, 100)).sum().item()

    def vgg16():
        made, inputs = [], 3
        for filters, count in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]:
            for _ in range(count):
                made += [nn.Conv2d(inputs, filters, 3, padding=1), nn.ReLU()]
                inputs = filters
            made.append(nn.MaxPool2d(2))
        dense = [nn.Flatten(), nn.Linear(25088, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000)]
        return nn.Sequential(*made, *dense)

    def train():
        layout = torch_works.layout_of(variant)
        is_vgg = network == "vgg16"
        model = (vgg16() if is_vgg else torch_works.network(0.5)).to(memory_format=layout)
        optimizer = (
            torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
            if is_vgg
            else torch.optim.NAdam(model.parameters(), lr=1e-3)
        )
        x = torch.full((batch, 3, 224, 224) if is_vgg else (batch, 1, 28, 28), 0.5).contiguous(memory_format=layout)
        y = torch.arange(batch) % 10
        for _ in range(3):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()

    return train


def train_tensorflow(variant, network, batch, threads):
    import tensorflow_works

    tensorflow_works.start(threads)
    import numpy as np
    import tensorflow as tf
    from tensorflow_works import keras

    layers = keras.layers
    tf.reduce_sum(tf.ones((100, 100)) @ tf.ones((100, 100))).numpy()

    def vgg16():
        made = [keras.Input((224, 224, 3))]
        for filters, count in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]:
            made += [layers.Conv2D(filters, 3, padding="same", activation="relu") for _ in range(count)]
            made.append(layers.MaxPooling2D())
        dense = [layers.Flatten(), layers.Dense(4096, "relu"), layers.Dense(4096, "relu"), layers.Dense(1000, "softmax")]
        return keras.Sequential(made + dense)

    def train():
        is_vgg = network == "vgg16"
        model = vgg16() if is_vgg else tensorflow_works.network(0.5)
        optimizer = keras.optimizers.SGD(1e-4, momentum=0.9) if is_vgg else "nadam"
        model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=variant == "jit_compile")
        x = np.full((batch, 224, 224, 3) if is_vgg else (batch, 28, 28, 1), 0.5, np.float32)
        y = np.arange(batch) % 10
        for _ in range(3):
            model.train_on_batch(x, y)

    return train


def train_whole(framework, variant, network, batch, threads, folder):
    """A described network; the pool of its numbers counts as idle."""
    import importlib

    import data

    importlib.import_module(f"{framework}_works").start(threads)
    networks = importlib.import_module(f"{framework}_networks")
    data.pool()
    work = {"folder": folder, "network": network, "batch": batch, "isTraining": True, "checkedSteps": 3}
    return lambda: networks.Whole(variant, work).results()


def main(framework, variant, network, batch, threads, folder=""):
    if folder:
        train = train_whole(framework, variant, network, int(batch), int(threads), folder)
    else:
        make = train_torch if framework == "torch" else train_tensorflow
        train = make(variant, network, int(batch), int(threads))
    idle = status("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # Sets the peak back.
    train()
    print(json.dumps({"mebibytes": (status("VmHWM") - idle) / 1024}))


main(*sys.argv[1:])
