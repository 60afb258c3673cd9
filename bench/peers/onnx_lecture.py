"""Writes the lecture's network with fovea's weights as an ONNX file: python onnx_lecture.py FOLDER -> FOLDER/lecture.onnx"""

import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

from data import channels_first, lecture


def main(folder):
    weights, _, _ = lecture(folder)
    nodes, initializers = [], []
    last = "x"

    def stored(name, value):
        initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(kind, *inputs, **attributes):
        nonlocal last
        made = f"{kind.lower()}_{len(nodes)}"
        nodes.append(helper.make_node(kind, [last, *inputs], [made], **attributes))
        last = made

    for i in range(0, len(weights), 2):
        kernel, bias = weights[i], stored(f"bias_{i}", weights[i + 1])
        if kernel.ndim == 4:
            pad = kernel.shape[0] // 2
            node("Conv", stored(f"filter_{i}", kernel.transpose(3, 2, 0, 1)), bias, pads=[pad] * 4)
            node("Relu")
            if i in (0, 4, 8):
                node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
        else:
            if len(kernel) == 2304:
                node("Flatten", axis=1)
                kernel = channels_first(kernel)
            node("Gemm", stored(f"weight_{i}", kernel), bias)
            node("Softmax" if i + 2 == len(weights) else "Relu")
    graph = helper.make_graph(
        nodes,
        "lecture",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 28, 28])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, ["n", 10])],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    save(model, Path(folder) / "lecture.onnx")


if __name__ == "__main__":
    main(sys.argv[1])
