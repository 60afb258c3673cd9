"""Writes a described network as an ONNX file: python onnx_network.py FOLDER NAME -> FOLDER/NAME.onnx"""

import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

from networks import Network, flattened_first

ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid"}


class Writer:
    def __init__(self, network):
        self.network = network
        self.nodes, self.initializers = [], []

    def stored(self, value):
        name = f"w{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind, inputs, output=None, **attributes):
        output = output or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def activated(self, name, x, output):
        """x under a function; a plain one renames."""
        if name in ("silu", "swish"):
            return self.add("Mul", [x, self.add("Sigmoid", [x])], output)
        return self.add(ACTIVATIONS[name], [x], output)

    def weighted(self, kind, node, inputs, output, **attributes):
        name = node.config.get("activation", "linear")
        if name == "linear":
            return self.add(kind, inputs, output, **attributes)
        return self.activated(name, self.add(kind, inputs, **attributes), output)

    def write(self, node):
        network, kind, config = self.network, node.kind, node.config
        inputs, output = [f"t{each}" for each in node.inputs], f"t{node.output}"
        if kind in ("Conv2D", "DepthwiseConv2D", "MaxPooling2D", "AveragePooling2D"):
            source, ((top, bottom), (left, right)) = network.padded(node)
            inputs = [f"t{source}"]
            window = {"strides": config["strides"], "pads": [top, left, bottom, right]}
        bias = [] if node.weight("bias") is None else [self.stored(node.weight("bias"))]
        if kind == "Conv2D":
            kernel = self.stored(node.weight("kernel").transpose(3, 2, 0, 1))
            return self.weighted("Conv", node, [*inputs, kernel, *bias], output, **window)
        if kind == "DepthwiseConv2D":
            kernel = node.weight("depthwise_kernel").transpose(2, 3, 0, 1)
            window["group"] = len(kernel)
            return self.weighted("Conv", node, [*inputs, self.stored(kernel), *bias], output, **window)
        if kind == "Conv2DTranspose":
            kernel = self.stored(node.weight("kernel").transpose(3, 2, 0, 1))
            return self.weighted("ConvTranspose", node, [*inputs, kernel, *bias], output, strides=config["strides"])
        if kind == "MaxPooling2D":
            return self.add("MaxPool", inputs, output, kernel_shape=config["pool_size"], **window)
        if kind == "AveragePooling2D":
            return self.add("AveragePool", inputs, output, kernel_shape=config["pool_size"], **window)
        if kind == "Dense":
            kernel = node.weight("kernel")
            before = next(each for each in network.nodes if each.output == node.inputs[0])
            if before.kind == "Flatten":
                kernel = flattened_first(kernel, network.shapes[before.inputs[0]])
            return self.weighted("Gemm", node, [*inputs, self.stored(kernel), *bias], output)
        if kind == "BatchNormalization":
            gamma = node.weight("gamma")
            gamma = np.ones(node.shape[-1], np.float32) if gamma is None else gamma
            rest = [gamma, *(node.weight(role) for role in ("beta", "moving_mean", "moving_variance"))]
            parts = [*inputs, *map(self.stored, rest)]
            return self.add("BatchNormalization", parts, output, epsilon=config["epsilon"])
        if kind == "Normalization":
            mean, variance = (node.weight(role).reshape(-1, 1, 1) for role in ("mean", "variance"))
            centred = self.add("Sub", [*inputs, self.stored(mean)])
            return self.add("Mul", [centred, self.stored(1 / np.sqrt(variance))], output)
        if kind == "Rescaling":
            assert config["offset"] == 0
            return self.add("Mul", [*inputs, self.stored(np.float32(config["scale"]))], output)
        if kind == "ReLU" and config.get("max_value") == 6:
            return self.add("Clip", [*inputs, *(self.stored(np.float32(each)) for each in (0, 6))], output)
        if kind == "Activation":
            return self.activated(config["activation"], *inputs, output)
        if kind == "Reshape":
            height, width, channels = config["target_shape"]
            return self.add("Reshape", [*inputs, self.stored(np.array([-1, channels, height, width]))], output)
        if kind == "GlobalAveragePooling2D":
            return self.add("Flatten", [self.add("GlobalAveragePool", inputs)], output)
        simple = {"ReLU": "Relu", "Add": "Add", "Multiply": "Mul", "Flatten": "Flatten"}
        if kind == "Concatenate":
            return self.add("Concat", inputs, output, axis=1)
        return self.add(simple[kind], inputs, output)


def main(folder, name):
    network = Network(folder, name)
    writer = Writer(network)
    for node in network.nodes:
        if not network.is_folded(node):
            writer.write(node)

    def info(tensor):
        *sizes, channels = network.shapes[tensor]
        return helper.make_tensor_value_info(f"t{tensor}", TensorProto.FLOAT, ["n", channels, *sizes])

    graph = helper.make_graph(writer.nodes, name, [info(0)], [info(network.output)], writer.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    save(model, Path(folder) / f"{name}.onnx")


if __name__ == "__main__":
    main(*sys.argv[1:])
