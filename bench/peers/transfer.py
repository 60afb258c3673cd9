"""Transfer learning by Python's Keras, on the pictures, base and first classifier that ../transfer.ts wrote into a folder.

    python transfer.py FOLDER

The recipe is recipe.json's: features of the frozen base once, the classifier on them, then the later layers of the base too, their
batch norms in inference mode. Batches come in the files' order. Prints one JSON object: accuracies and seconds.
"""

import json
import os
import sys
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers


class InInference(layers.Layer):
    """A base whose batch norms keep their statistics: fit overrides a plain `base(x, training=False)`."""

    def __init__(self, base):
        super().__init__()
        self.base = base

    def call(self, x):
        return self.base(x, training=False)


def main(folder):
    with open(f"{folder}/recipe.json") as file:
        recipe = json.load(file)
    size, batch = recipe["size"], recipe["batchSize"]

    def part(name):
        x = np.fromfile(f"{folder}/{name}.x", "uint8").reshape(-1, size, size, 3)
        return x, np.fromfile(f"{folder}/{name}.y", "<i4")

    train, validation, test = part("train"), part("validation"), part("test")
    base = keras.models.load_model(f"{folder}/base.keras", compile=False)
    head = keras.models.load_model(f"{folder}/head.keras", compile=False)

    started = time.perf_counter()
    base.trainable = False
    inputs = keras.Input((size, size, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    features = layers.GlobalAveragePooling2D()(InInference(base)(x))
    extractor = keras.Model(inputs, features)
    seen = [extractor.predict(each[0], batch_size=batch, verbose=0) for each in (train, validation)]
    loss = "sparse_categorical_crossentropy"
    head.compile(keras.optimizers.Adam(recipe["headRate"]), loss, metrics=["accuracy"])
    middle = time.perf_counter()
    head.fit(seen[0], train[1], batch_size=batch, epochs=recipe["headEpochs"], shuffle=False, verbose=0,
             validation_data=(seen[1], validation[1]))
    classifier = head.layers[-1]
    model = keras.Model(inputs, classifier(features))
    model.compile("sgd", loss, metrics=["accuracy"])
    before = model.evaluate(*test, batch_size=batch, verbose=0)[1]
    trained = time.perf_counter()

    base.trainable = True
    for layer in base.layers[:recipe["unfreezeFrom"]]:
        layer.trainable = False
    model.compile(keras.optimizers.Adam(recipe["rate"]), loss, metrics=["accuracy"])
    model.fit(*train, batch_size=batch, epochs=recipe["epochs"], shuffle=False, verbose=0, validation_data=validation)
    after = model.evaluate(*test, batch_size=batch, verbose=0)[1]
    ended = time.perf_counter()
    print(json.dumps({
        "before": before, "after": after,
        "validation": model.evaluate(*validation, batch_size=batch, verbose=0)[1],
        "trainable": int(sum(np.prod(weight.shape) for weight in model.trainable_weights)),
        "seconds": {"features": middle - started, "head": trained - middle, "base": ended - trained, "all": ended - started},
    }))


main(sys.argv[1])
