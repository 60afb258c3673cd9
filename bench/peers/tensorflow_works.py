"""TensorFlow's side through Keras: variants are 'graph' and 'jit_compile'."""

import os
import time

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers

import tensorflow_networks
from data import lecture

version = f"{tf.__version__}, Keras {keras.__version__}"


def start(threads):
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def make(variant, work):
    if work["kind"] == "network":
        return tensorflow_networks.Whole(variant, work)
    return {"train": Train, "predict": Predict}[work["kind"]](variant == "jit_compile", work)


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
        layers.Dense(10, activation="softmax", dtype="float32"),
    ])  # fmt: skip


class Lecture:
    def __init__(self, is_jit, work):
        self.is_jit, self.batch = is_jit, work["batch"]
        self.policy = "mixed_bfloat16" if work["dtype"] == "bfloat16" else "float32"
        self.weights, self.x, self.y = lecture(work["folder"])

    def model(self, dropout):
        keras.config.set_dtype_policy(self.policy)
        model = network(dropout)
        keras.config.set_dtype_policy("float32")
        model.set_weights(self.weights)
        model.compile("nadam", "sparse_categorical_crossentropy", jit_compile=self.is_jit)
        return model


class Train(Lecture):
    """Results are the losses of the first steps without dropout."""

    def __init__(self, is_jit, work):
        super().__init__(is_jit, work)
        self.checked = work["checkedSteps"]
        self.trained = self.model(0.5)

    def results(self):
        model = self.model(0.0)
        losses = []
        for _ in range(self.checked):
            losses.append(float(model.train_on_batch(self.x[: self.batch], self.y[: self.batch])))
            model.reset_metrics()
        return [np.array(losses)]

    def time(self, steps):
        count = steps * self.batch
        x, y = (np.resize(each, (count, *each.shape[1:])) for each in (self.x, self.y))
        start = time.perf_counter()
        self.trained.fit(x, y, batch_size=self.batch, shuffle=False, verbose=0)
        return time.perf_counter() - start


class Predict(Lecture):
    def __init__(self, is_jit, work):
        super().__init__(is_jit, work)
        model = self.model(0.0)
        self.input = tf.constant(self.x[: self.batch])
        self.run = tf.function(lambda x: model(x, training=False), jit_compile=is_jit)

    def results(self):
        return [self.run(self.input).numpy()]

    def time(self, steps):
        start = time.perf_counter()
        for _ in range(steps):
            self.run(self.input).numpy()
        return time.perf_counter() - start
