"""A network as a list of nodes, between the Keras file and the frameworks of the peers.

Kernels are laid out as PyTorch and ONNX have them, [out, in / groups, height, width], and paddings are the same on both
sides. Where Keras pads more at the end than at the beginning (`same` with strides), the kernel starts with rows and
columns of zeros instead, which computes the same and which all peers take for an ordinary convolution.
"""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Conv:
    kernel: np.ndarray
    bias: np.ndarray
    strides: tuple[int, int]
    padding: tuple[int, int]
    groups: int


@dataclass(frozen=True)
class BatchNorm:
    gamma: np.ndarray
    beta: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float


@dataclass(frozen=True)
class Relu:
    # 6 or None
    maximum: float | None


@dataclass(frozen=True)
class Add:
    pass


@dataclass(frozen=True)
class GlobalMean:
    """[samples, channels, height, width] to [samples, channels]."""


@dataclass(frozen=True)
class Dense:
    """The kernel is [out, in]."""

    kernel: np.ndarray
    bias: np.ndarray


Operation = Conv | BatchNorm | Relu | Add | GlobalMean | Dense


@dataclass(frozen=True)
class Node:
    name: str
    inputs: tuple[str, ...]
    operation: Operation


@dataclass(frozen=True)
class Network:
    """The output of the last node is the network's: logits, without the softmax behind them."""

    input_name: str
    # [channels, height, width]
    input_shape: tuple[int, int, int]
    nodes: tuple[Node, ...]

    def with_operations(self, operations: dict[str, Operation]) -> "Network":
        """A copy with other operations for the nodes of these names."""
        nodes = (replace(node, operation=operations.get(node.name, node.operation)) for node in self.nodes)
        return replace(self, nodes=tuple(nodes))


def with_unbounded_relus(network: Network) -> Network:
    """ReLU for ReLU6."""
    bounded = (node.name for node in network.nodes if isinstance(node.operation, Relu))
    return network.with_operations({name: Relu(None) for name in bounded})


def fold(network: Network) -> Network:
    """Folds each batch norm into the convolution before it."""
    producers = {node.name: node for node in network.nodes}
    folded: dict[str, Operation] = {}
    renamed: dict[str, str] = {}
    for node in network.nodes:
        if isinstance(node.operation, BatchNorm):
            (before,) = node.inputs
            if sum(before in other.inputs for other in network.nodes) > 1:
                raise ValueError(f"{node.name}: something else reads {before} too")
            folded[before] = _folded(producers[before], node.operation)
            renamed[node.name] = before
    kept = (node for node in network.nodes if node.name not in renamed)
    nodes = tuple(
        Node(node.name, tuple(renamed.get(name, name) for name in node.inputs), folded.get(node.name, node.operation))
        for node in kept
    )
    return replace(network, nodes=nodes)


def _folded(conv: Node, norm: BatchNorm) -> Conv:
    if not isinstance(conv.operation, Conv):
        raise ValueError(f"{conv.name}: a batch norm follows, and it is no convolution")
    factor = np.float64(norm.gamma) / np.sqrt(np.float64(norm.variance) + norm.epsilon)
    bias = (np.float64(conv.operation.bias) - norm.mean) * factor + norm.beta
    kernel = conv.operation.kernel * factor[:, None, None, None]
    return replace(conv.operation, kernel=np.float32(kernel), bias=np.float32(bias))
