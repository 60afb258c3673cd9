"""Makes sequence-layers.json: what Keras 3 gives for layers of sequences, with inputs and weights that follow a formula.

Run it with Keras on TensorFlow: python tests/nn/figures/sequence-layers.py
"""
import json
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import tensorflow as tf

L = keras.layers
cases = []


def ramp(shape, phase, step=0.37, scale=1.0):
    size = int(np.prod(shape))
    return (scale * np.sin(phase + np.arange(size) * step)).astype("float32").reshape(shape)


def numbers(x):
    return [float(f"{v:.7g}") for v in np.asarray(x, "float64").ravel()]


def case(name, layer, *shapes, call=None, training=None, listed=False, **more):
    """`shapes`: of the inputs. `call`: names for inputs one by one. `more`: masks, states (by shape) and flags of the call."""
    inputs = [tf.constant(ramp(s, i + 1)) for i, s in enumerate(shapes)]
    kwargs, stored = {}, {}
    for key, value in more.items():
        if isinstance(value, bool):
            kwargs[key] = stored[key] = value
        elif key == "initial_state":
            kwargs[key] = [tf.constant(ramp(s, 11 + i)) for i, s in enumerate(value)]
            stored[key] = [{"shape": list(s), "phase": 11 + i} for i, s in enumerate(value)]
        else:
            masks = value if isinstance(value, list) and isinstance(value[0], (np.ndarray, type(None))) else [value]
            made = [None if m is None else tf.constant(np.asarray(m, bool)) for m in masks]
            kwargs[key] = made if len(made) > 1 else made[0]
            stored[key] = [None if m is None else np.asarray(m).astype(int).tolist() for m in masks]
    given = [inputs] if listed else inputs
    if training is not None:
        kwargs["training"] = training
    layer(*given, **kwargs)
    for i, w in enumerate(layer.weights):
        scaled = ramp(w.shape, 21 + i, 0.91, 0.5)
        w.assign(scaled + 1 if "variance" in w.name else scaled)
    before = [w.numpy() for w in layer.weights]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(*given, **kwargs)
        outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        total = sum(tf.reduce_sum(o * ramp(o.shape, 31 + i)) for i, o in enumerate(outputs))
    slopes = tape.gradient(total, inputs + [w.value for w in layer.trainable_weights], unconnected_gradients="zero")
    cases.append(
        {
            "name": name,
            "class": keras.saving.serialize_keras_object(layer)["class_name"],
            "config": json.loads(json.dumps(keras.saving.serialize_keras_object(layer)["config"])),
            "inputs": [list(s) for s in shapes],
            "listed": listed,
            "arguments": stored,
            "training": bool(training),
            "weights": [{"path": w.path.split("/", 1)[1], "shape": list(w.shape), "trainable": w.trainable} for w in layer.weights],
            "outputs": [{"shape": list(o.shape), "values": numbers(o)} for o in outputs],
            "gradients": [numbers(s) for s in slopes],
            "updated": {
                str(i): numbers(w.numpy()) for i, w in enumerate(layer.weights) if not np.array_equal(w.numpy(), before[i])
            },
        }
    )


steps = np.array([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0]])
x = (2, 5, 3)
case("lstm-mask", L.LSTM(2, return_sequences=True, return_state=True), x, mask=steps)
case("lstm-mask-zero-backwards", L.LSTM(2, return_sequences=True, zero_output_for_mask=True, go_backwards=True), x, mask=steps)
case("lstm-mask-last", L.LSTM(2, zero_output_for_mask=True), x, mask=steps)
case("lstm-no-bias", L.LSTM(2, use_bias=False, activation="relu", recurrent_activation="hard_sigmoid"), x)
case("lstm-state-mask", L.LSTM(2, return_sequences=True), x, initial_state=[(2, 2), (2, 2)], mask=steps)
case("gru-state", L.GRU(2, return_state=True), x, initial_state=[(2, 2)])
case("gru-mask", L.GRU(2, return_sequences=True), x, mask=steps)
case("gru-before-mask", L.GRU(2, reset_after=False, use_bias=False), x, mask=steps)
case("simple-mask", L.SimpleRNN(2), x, mask=steps)
case("simple-backwards", L.SimpleRNN(2, go_backwards=True, return_state=True, activation="sigmoid"), x)
case("rnn-cell", L.RNN(L.SimpleRNNCell(2), return_sequences=True), x)
case(
    "rnn-stacked",
    L.RNN(L.StackedRNNCells([L.GRUCell(3), L.LSTMCell(2)]), return_sequences=True),
    x,
    mask=steps,
)
for mode in ["concat", "sum", "mul", "ave"]:
    case(f"bidirectional-{mode}", L.Bidirectional(L.LSTM(2, return_sequences=True), merge_mode=mode), x)
case("bidirectional-none", L.Bidirectional(L.GRU(2, return_state=True), merge_mode=None), x)
case("bidirectional-mask", L.Bidirectional(L.GRU(2, return_sequences=True)), x, mask=steps)
case("bidirectional-last-mask", L.Bidirectional(L.LSTM(2)), x, mask=steps)
case("bidirectional-state", L.Bidirectional(L.GRU(2)), x, initial_state=[(2, 2), (2, 2)])
case(
    "bidirectional-backward-layer",
    L.Bidirectional(L.LSTM(2), backward_layer=L.GRU(2, go_backwards=True), merge_mode="sum"),
    x,
)
case("conv-lstm-1d", L.ConvLSTM1D(2, 3, return_sequences=True), (1, 2, 5, 2))
case("conv-lstm-1d-causal-free", L.ConvLSTM1D(2, 2, strides=2, padding="same", return_state=True), (1, 2, 5, 2))
case("conv-lstm-2d", L.ConvLSTM2D(2, (2, 3), padding="same", unit_forget_bias=False), (1, 2, 3, 3, 1))
case("conv-lstm-2d-dilated-mask", L.ConvLSTM2D(1, 2, dilation_rate=2, return_sequences=True), (2, 3, 4, 4, 1), mask=np.array([[1, 0, 1], [0, 1, 1]]))
case("conv-lstm-3d", L.ConvLSTM3D(1, 2, padding="same"), (1, 2, 2, 2, 2, 1))
case("time-distributed-dense", L.TimeDistributed(L.Dense(2, activation="tanh")), (2, 3, 4))
case("time-distributed-conv", L.TimeDistributed(L.Conv2D(2, 2)), (1, 2, 3, 3, 1))
case("time-distributed-norm", L.TimeDistributed(L.BatchNormalization(momentum=0.8)), (3, 2, 2), training=True)

pairs = np.array([[[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]]])
q, v, k = (1, 4, 5), (1, 3, 4), (1, 3, 2)
case("mha-cross", L.MultiHeadAttention(2, 3, value_dim=2, output_shape=6), q, v, k)
case("mha-causal", L.MultiHeadAttention(2, 2), q, q, use_causal_mask=True)
case("mha-mask", L.MultiHeadAttention(2, 2, use_bias=False), q, v, attention_mask=pairs)
case("mha-mask-scores", L.MultiHeadAttention(2, 2), q, v, attention_mask=pairs, return_attention_scores=True)
case("mha-value-mask", L.MultiHeadAttention(1, 2), q, v, value_mask=np.array([[1, 0, 1]]))
case("mha-query-mask", L.MultiHeadAttention(1, 2), q, v, query_mask=np.array([[1, 0, 1, 1]]))
case("mha-axes", L.MultiHeadAttention(2, 2, attention_axes=(2,)), (1, 2, 3, 4), (1, 2, 3, 4))
case("mha-two-axes", L.MultiHeadAttention(1, 2), (1, 2, 2, 3), (1, 2, 2, 3))
case("mha-gate-window", L.MultiHeadAttention(2, 2, use_gate=True, sliding_window=2, dropout=0.3), q, q, use_causal_mask=True)
case("mha-shape", L.MultiHeadAttention(2, 2, output_shape=(2, 3)), q, v)
case("gqa", L.GroupQueryAttention(2, 4, 2), q, v)
case("gqa-causal-scores", L.GroupQueryAttention(2, 2, 1, use_gate=True), q, q, use_causal_mask=True, return_attention_scores=True)
case("gqa-masks", L.GroupQueryAttention(2, 2, 2, sliding_window=3), q, v, query_mask=np.array([[1, 0, 1, 1]]), value_mask=np.array([[0, 1, 1]]))
a, b = (1, 4, 3), (1, 3, 3)
case("attention", L.Attention(), a, b, b, listed=True)
case("attention-scale-causal", L.Attention(use_scale=True), a, b, listed=True, use_causal_mask=True, return_attention_scores=True)
case("attention-concat-masks", L.Attention(score_mode="concat", use_scale=True), a, b, listed=True, mask=[np.array([[1, 1, 0, 1]]), np.array([[1, 0, 1]])])
case("attention-value-mask-causal", L.Attention(), a, b, listed=True, mask=[None, np.array([[1, 0, 1]])], use_causal_mask=True)
case("additive", L.AdditiveAttention(), a, b, b, listed=True, return_attention_scores=True)
case("additive-no-scale", L.AdditiveAttention(use_scale=False), a, b, listed=True, mask=[None, np.array([[0, 1, 1]])])

case("einsum-dense", L.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d", activation="relu"), (2, 3, 2))
case("einsum-dense-ellipsis", L.EinsumDense("...x,xy->...y", 3, bias_axes="y"), (2, 2, 2, 3))
case("einsum-dense-right", L.EinsumDense("ab...,bc->ac...", (3,), bias_axes="c"), (2, 2, 4))
case("einsum-dense-bias-middle", L.EinsumDense("abc,cde->abde", (3, 2, 3), bias_axes="be", activation="softmax"), (2, 3, 2))
case("einsum-dense-turned", L.EinsumDense("abc,bd->acd", (None, 3)), (2, 3, 2))
case("masking", L.Masking(0.5), (2, 3, 2))
case("spectral-dense", L.SpectralNormalization(L.Dense(3), power_iterations=2), (2, 4), training=True)
case("spectral-conv", L.SpectralNormalization(L.Conv2D(2, 2)), (1, 3, 3, 2), training=True)
case("spectral-inference", L.SpectralNormalization(L.Dense(3)), (2, 4))
case("batch-norm-mask", L.BatchNormalization(momentum=0.8), x, mask=steps, training=True)
case("pooling-mask", L.GlobalAveragePooling1D(), x, mask=steps)


def trained(sample_weight):
    """Loss and accuracy of a model whose embedding marks zeros as not counting, in fit's own step."""
    keras.utils.clear_session()
    model = keras.Sequential(
        [
            keras.Input((4,), dtype="int32"),
            L.Embedding(5, 3, mask_zero=True),
            L.LSTM(2, return_sequences=True),
            L.Dense(3, activation="softmax"),
        ]
    )
    for i, w in enumerate(model.weights):
        w.assign(ramp(w.shape, 21 + i, 0.91, 0.5))
    model.compile(optimizer=keras.optimizers.SGD(0.5), loss="sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"])
    tokens = np.array([[1, 2, 0, 0], [3, 0, 4, 1]])
    labels = np.array([[0, 1, 2, 0], [2, 2, 1, 0]])
    weight = None if sample_weight is None else np.array(sample_weight, "float32")
    logs = [model.train_on_batch(tokens, labels, sample_weight=weight, return_dict=True) for _ in range(2)]
    return [{key: float(value) for key, value in each.items()} for each in logs]


models = {"plain": trained(None), "weighted": trained([[0.5, 2.0, 1.0, 3.0], [1.5, 0.25, 0.5, 1.0]])}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sequence-layers.json")
with open(path, "w") as file:
    rows = ",\n".join("  " + json.dumps(each, separators=(",", ":")) for each in cases)
    file.write('{"models": ' + json.dumps(models) + ',\n"cases": [\n' + rows + "\n]}\n")
print(len(cases), os.path.getsize(path))
