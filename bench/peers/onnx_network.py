"""Networks as ONNX models, which AIMET and PPQ take, and back."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from network import Add, BatchNorm, Conv, Dense, GlobalMean, Network, Node, Operation, Relu

# Old enough for PPQ 0.6.6, whose onnx is 1.14.
OPSET = 13
IR_VERSION = 8


def to_onnx(network: Network) -> onnx.ModelProto:
    """Nodes, and the values that they make, have the names of the network's nodes."""
    nodes: list[onnx.NodeProto] = []
    initializers: list[onnx.TensorProto] = []
    for node in network.nodes:
        made, arrays = _onnx_nodes(node)
        nodes += made
        initializers += [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    inputs = [helper.make_tensor_value_info(network.input_name, TensorProto.FLOAT, ["N", *network.input_shape])]
    last = network.nodes[-1]
    outputs = [helper.make_tensor_value_info(last.name, TensorProto.FLOAT, ["N", len(last.operation.bias)])]
    graph = helper.make_graph(nodes, "network", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model


def _onnx_nodes(node: Node) -> tuple[list[onnx.NodeProto], dict[str, np.ndarray]]:
    name = node.name

    def one(kind: str, arrays: dict[str, np.ndarray], **attributes: object) -> tuple:
        named = {f"{name}.{key}": np.asarray(values, np.float32) for key, values in arrays.items()}
        return [helper.make_node(kind, [*node.inputs, *named], [name], name, **attributes)], named

    match node.operation:
        case Conv(kernel, bias, strides, padding, groups):
            attributes = {"kernel_shape": kernel.shape[2:], "strides": strides, "pads": [*padding, *padding]}
            return one("Conv", {"weight": kernel, "bias": bias}, group=groups, dilations=[1, 1], **attributes)
        case BatchNorm(gamma, beta, mean, variance, epsilon):
            arrays = {"gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
            return one("BatchNormalization", arrays, epsilon=epsilon)
        case Relu(maximum):
            return one("Relu", {}) if maximum is None else (_clip(node, maximum), {})
        case Add():
            return one("Add", {})
        case GlobalMean():
            pooled = f"{name}_pooled"
            pool = helper.make_node("GlobalAveragePool", list(node.inputs), [pooled], pooled)
            return [pool, helper.make_node("Flatten", [pooled], [name], name, axis=1)], {}
        case Dense(kernel, bias):
            return one("Gemm", {"weight": kernel, "bias": bias}, transB=1)
    raise TypeError(f"{node}")


def _clip(node: Node, maximum: float) -> list[onnx.NodeProto]:
    """The bounds are nodes, as PyTorch's exporter writes them: AIMET 2.42.0 knows no ReLU6 by initializers."""
    bounds = {f"{node.name}.min": 0.0, f"{node.name}.max": maximum}
    constants = [
        helper.make_node("Constant", [], [name], name, value=numpy_helper.from_array(np.array(bound, np.float32)))
        for name, bound in bounds.items()
    ]
    return [*constants, helper.make_node("Clip", [*node.inputs, *bounds], [node.name], node.name)]


def with_relus_of(network: Network, model: onnx.ModelProto) -> Network:
    """ReLU for each ReLU6 that is no longer in `model`."""
    clips = {node.name for node in model.graph.node if node.op_type == "Clip"}
    relus = (node.name for node in network.nodes if isinstance(node.operation, Relu))
    return network.with_operations({name: Relu(None) for name in relus if name not in clips})


def with_weights(network: Network, weights_of: Callable[[str], tuple[np.ndarray, np.ndarray]]) -> Network:
    """The network with the kernels and biases that a peer left in its graph, by the names of the nodes."""
    operations: dict[str, Operation] = {}
    for node in network.nodes:
        if isinstance(node.operation, (Conv, Dense)):
            kernel, bias = weights_of(node.name)
            if kernel.shape != node.operation.kernel.shape or bias.shape != node.operation.bias.shape:
                raise ValueError(f"{node.name}: {kernel.shape} and {bias.shape} are other shapes than before")
            operations[node.name] = replace(node.operation, kernel=kernel, bias=bias)
    return network.with_operations(operations)


def weights_in(model: onnx.ModelProto) -> Callable[[str], tuple[np.ndarray, np.ndarray]]:
    """Finds kernels and biases by the names of their nodes."""
    arrays = {array.name: array for array in model.graph.initializer}
    inputs = {node.name: list(node.input) for node in model.graph.node}

    def weights_of(name: str) -> tuple[np.ndarray, np.ndarray]:
        _, kernel, bias = inputs[name]
        return numpy_helper.to_array(arrays[kernel]), numpy_helper.to_array(arrays[bias])

    return weights_of
