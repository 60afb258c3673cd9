"""Whole networks in Keras, built of its layers from a description (networks.py)."""

import time

import keras
import numpy as np

from networks import Network


def build(network):
    tensors = {0: keras.Input(network.input)}
    made = {}
    for node in network.nodes:
        layer = keras.layers.deserialize({
            "module": "keras.layers", "class_name": node.kind, "config": node.config, "registered_name": None,
        })  # fmt: skip
        inputs = [tensors[each] for each in node.inputs]
        tensors[node.output] = layer(inputs if len(inputs) > 1 else inputs[0])
        made[node.config["name"]] = layer, node
    for layer, node in made.values():
        if node.weights:
            layer.set_weights(node.weight_list())
            if node.kind == "Normalization":
                layer.finalize_state()
    return keras.Model(tensors[0], tensors[network.output])


class Whole:
    """One network that trains."""

    def __init__(self, variant, work):
        network = Network(work["folder"], work["network"])
        self.model = build(network)
        losses = keras.losses
        loss = losses.SparseCategoricalCrossentropy if network.target == "class" else losses.BinaryCrossentropy
        optimizer = keras.optimizers.SGD(network.learning_rate, momentum=0.9)
        self.model.compile(optimizer, loss(from_logits=True), jit_compile=variant == "jit_compile")
        self.x, self.y = network.pictures(work["batch"]), network.labels(work["batch"])
        self.checked = work["checkedSteps"]

    def results(self):
        losses = []
        for _ in range(self.checked):
            losses.append(float(self.model.train_on_batch(self.x, self.y)))
            self.model.reset_metrics()
        return [np.array(losses)]

    def time(self, steps):
        batch = len(self.x)
        x, y = (np.concatenate([each] * steps) for each in (self.x, self.y))
        start = time.perf_counter()
        self.model.fit(x, y, batch_size=batch, shuffle=False, verbose=0)
        return time.perf_counter() - start
