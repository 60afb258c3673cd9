"""The lecture's network in Keras on TensorFlow, trained and asked step by step as `fit` does inside."""

import os
import time

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from lecture_data import read


def network(dropout):
    def conv(filters, size=3):
        return layers.Conv2D(filters, size, padding="same", activation="relu")

    return keras.Sequential([
        keras.Input((28, 28, 1)),
        conv(64, 7), layers.MaxPooling2D(),
        conv(128), conv(128), layers.MaxPooling2D(),
        conv(256), conv(256), layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(128, activation="relu"), layers.Dropout(dropout),
        layers.Dense(64, activation="relu"), layers.Dropout(dropout),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip


class Lecture:
    version = keras.__version__

    def __init__(self, variant, threads, folder, batch):
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        self.batch = batch
        self.weights, self.x, self.y = read(folder)
        self.model = self.make(0.5)
        self.predictor = tf.function(lambda x: self.model(x, training=False))

    def make(self, dropout):
        model = network(dropout)
        model.set_weights(self.weights)
        model.compile("nadam", "sparse_categorical_crossentropy")
        return model

    def losses(self, steps):
        model = self.make(0.0)
        x, y = self.x[: self.batch], self.y[: self.batch]
        losses = []
        for _ in range(steps):
            losses.append(float(model.train_on_batch(x, y)))
            model.reset_metrics()
        return {"losses": losses}

    def train(self, steps):
        count = steps * self.batch
        x, y = (np.resize(each, (count, *each.shape[1:])) for each in (self.x, self.y))
        start = time.perf_counter()
        self.model.fit(x, y, batch_size=self.batch, shuffle=False, verbose=0)
        return {"seconds": time.perf_counter() - start}

    def predict(self, steps, batch):
        x = tf.constant(self.x[:batch])
        start = time.perf_counter()
        for _ in range(steps):
            self.predictor(x).numpy()
        return {"seconds": time.perf_counter() - start}
