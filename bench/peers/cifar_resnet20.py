"""A ResNet-20 on the part of CIFAR-10 that FOVEA_DATA holds, by Python's Keras: the recipe of tools/nightly/cifar-resnet20.ts.

    python cifar_resnet20.py [--seeds 42 43 44] [--epochs 15]

Shifts and mirror images are drawn for each picture, in numpy: Keras's RandomCrop draws once for a whole batch.
"""

import argparse
import gzip
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

BATCH, RATE, DECAY = 128, 0.1, 1e-4
MEAN = np.array([125.3, 123, 113.9], "float32")
DEVIATION = np.array([63, 62.1, 66.7], "float32")


def read(name):
    with gzip.open(os.path.join(os.environ["FOVEA_DATA"], "cifar10", name)) as file:
        records = np.frombuffer(file.read(), "uint8").reshape(-1, 3073)
    pictures = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).astype("float32")
    return (pictures - MEAN) / DEVIATION, records[:, 0].astype("int32")


def resnet20():
    decay = keras.regularizers.L2(DECAY / 2)

    def normed(x, filters, kernel, strides):
        x = layers.Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False,
                          kernel_initializer="he_normal", kernel_regularizer=decay)(x)
        return layers.BatchNormalization()(x)

    inputs = keras.Input((32, 32, 3))
    x = layers.ReLU()(normed(inputs, 16, 3, 1))
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(3):
            strides = 2 if stage > 0 and block == 0 else 1
            shortcut = x if strides == 1 else normed(x, filters, 1, 2)
            y = layers.ReLU()(normed(x, filters, 3, strides))
            x = layers.ReLU()(layers.Add()([normed(y, filters, 3, 1), shortcut]))
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(10, "softmax", kernel_initializer="he_normal", kernel_regularizer=decay)(x)
    return keras.Model(inputs, outputs)


class Shifted(keras.utils.PyDataset):
    """Batches of one epoch: mixed, each picture shifted by up to 4 and mirrored or not."""

    def __init__(self, x, y, seed):
        super().__init__()
        self.x, self.y, self.random = np.pad(x, ((0, 0), (4, 4), (4, 4), (0, 0))), y, np.random.default_rng(seed)
        self.on_epoch_end()

    def on_epoch_end(self):
        self.order = self.random.permutation(len(self.y))

    def __len__(self):
        return -(-len(self.y) // BATCH)

    def __getitem__(self, index):
        rows = self.order[index * BATCH:(index + 1) * BATCH]
        places = self.random.integers(0, 9, (len(rows), 2))
        mirrored = self.random.random(len(rows)) < 0.5
        x = np.stack([self.x[row, top:top + 32, left:left + 32] for row, (top, left) in zip(rows, places)])
        x[mirrored] = x[mirrored, :, ::-1]
        return x, self.y[rows]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    parser.add_argument("--epochs", type=int, default=15)
    options = parser.parse_args()
    (x, y), (test_x, test_y) = read("train_6000.bin.gz"), read("test_4000.bin.gz")
    scores = []
    for seed in options.seeds:
        keras.utils.set_random_seed(seed)
        model = resnet20()
        batches = Shifted(x, y, seed)
        rate = keras.optimizers.schedules.CosineDecay(RATE, options.epochs * len(batches))
        model.compile(keras.optimizers.SGD(rate, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(batches, epochs=options.epochs, verbose=2)
        scores.append(model.evaluate(test_x, test_y, batch_size=BATCH, verbose=0)[1])
        print(f"seed {seed}: test accuracy {scores[-1]:.4f} ({model.count_params()} parameters)", flush=True)
    print(f"mean {np.mean(scores):.4f}")


main()
