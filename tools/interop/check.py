"""Opens files in Keras and in ONNX Runtime, predicts, and prints how far that is from what was predicted there.

The argument is a JSON list of {model, kind, path, config, inputs, outputs}; arrays are {path, shape, dtype} of raw elements.
One JSON line is printed for each entry: {model, kind, difference, largest} or {model, kind, error}.
"""
import json
import os
import sys

os.environ.setdefault('KERAS_BACKEND', 'tensorflow')
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
os.environ.setdefault('CUDA_VISIBLE_DEVICES', '-1')
import numpy as np


def read(entry):
    return np.fromfile(entry['path'], dtype=entry['dtype']).reshape(entry['shape'])


def predict_onnx(entry, inputs):
    import onnx
    import onnxruntime

    onnx.checker.check_model(entry['path'], full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(entry['path'], options, providers=['CPUExecutionProvider'])
    return session.run(None, dict(zip([each.name for each in session.get_inputs()], inputs)))


# The model of the .keras file that was opened last: building a large one takes longer than its weights do.
opened = {}


def open_keras(path):
    import keras

    if path not in opened:
        opened.clear()
        keras.backend.clear_session()
        opened[path] = keras.models.load_model(path)
    return opened[path]


def predict_keras(entry, inputs):
    import keras

    if entry['kind'] == '.weights.h5':
        model = open_keras(entry['config'])
        for weight in model.weights:
            weight.assign(weight * 0)
        model.load_weights(entry['path'])
    elif entry['kind'] == '.keras':
        model = open_keras(entry['path'])
    else:
        model = keras.models.load_model(entry['path'])
    outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return [np.asarray(each) for each in outputs]


def check(entry):
    inputs = [read(each) for each in entry['inputs']]
    wanted = [read(each) for each in entry['outputs']]
    found = (predict_onnx if entry['kind'] == '.onnx' else predict_keras)(entry, inputs)
    if [each.shape for each in found] != [each.shape for each in wanted]:
        raise ValueError(f'shapes {[each.shape for each in found]} instead of {[each.shape for each in wanted]}')
    difference = max(float(np.max(np.abs(a - b))) for a, b in zip(found, wanted))
    largest = max(float(np.max(np.abs(each))) for each in wanted)
    return {'difference': difference, 'largest': largest}


for entry in json.load(open(sys.argv[1])):
    result = {'model': entry['model'], 'kind': entry['kind']}
    try:
        result.update(check(entry))
    except Exception as error:  # Whatever it is, the others go on.
        result['error'] = f'{type(error).__name__}: {str(error)[:500]}'
    print(json.dumps(result), flush=True)
