"""Keras loads a model and makes a prediction: python load.py FILE THREADS. ../load-program.ts is the twin."""

import json
import sys
import time

import tensorflow_works
from memory_status import status

path, threads = sys.argv[1:]
tensorflow_works.start(int(threads))

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

tf.reduce_sum(tf.ones((100, 100)) @ tf.ones((100, 100))).numpy()
idle = status("VmRSS")
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # Sets the peak back.
begin = time.perf_counter()
model = tensorflow_works.keras.models.load_model(path, compile=False)
x = np.full((1, *model.input_shape[1:]), 0.5, np.float32)
y = np.asarray(model(x, training=False))
milliseconds = (time.perf_counter() - begin) * 1e3
found = {"milliseconds": milliseconds, "mebibytes": (status("VmHWM") - idle) / 1024}
print(json.dumps({**found, "prediction": y.ravel().astype(float).tolist()}))
