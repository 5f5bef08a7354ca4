"""Reads `.h5` files of Keras 2 without TensorFlow: the layers that MobileNets have, and no others."""

import json
from collections.abc import Callable
from dataclasses import replace

import h5py
import numpy as np

from network import Add, BatchNorm, Conv, Dense, GlobalMean, Network, Node, Operation, Relu

Weights = dict[str, np.ndarray]
# Before and behind, of height and width.
Padding = tuple[tuple[int, int], tuple[int, int]]
# Layers that do nothing here: GlobalMean gives two dimensions already, and logits are measured before the softmax.
SILENT = {"Dropout", "Flatten", "Reshape", "Softmax"}


def read_network(path: str) -> Network:
    with h5py.File(path) as file:
        config = json.loads(file.attrs["model_config"])
        reader = _Reader(file["model_weights"])
        layers = config["config"]["layers"]
        for layer in layers:
            reader.take(layer["class_name"], layer["config"], layer["inbound_nodes"])
        return reader.network()


class _Reader:
    def __init__(self, weights: h5py.Group) -> None:
        self.weights = weights
        self.nodes: list[Node] = []
        self.input: tuple[str, tuple[int, int, int]] | None = None
        # Where the output of a layer that left no node of its own comes from.
        self.sources: dict[str, str] = {}
        # Padding that the convolution behind does.
        self.paddings: dict[str, Padding] = {}
        # Height and width of what each node makes.
        self.sizes: dict[str, tuple[int, int]] = {}

    def network(self) -> Network:
        name, shape = self.input
        return Network(name, shape, tuple(self.nodes))

    def take(self, kind: str, config: dict, inbound: list) -> None:
        name = config["name"]
        if kind == "InputLayer":
            _, height, width, channels = config["batch_input_shape"]
            self.input = (name, (channels, height, width))
            self.sources[name] = name
            self.sizes[name] = (height, width)
            return
        (call,) = inbound
        inputs = tuple(self.sources[reference[0]] for reference in call)
        padding = next((self.paddings[reference[0]] for reference in call if reference[0] in self.paddings), None)
        if padding is not None and kind not in ("Conv2D", "DepthwiseConv2D"):
            raise ValueError(f"{name}: {kind} behind a padding")
        if kind == "ZeroPadding2D":
            self.paddings[name] = tuple(tuple(pair) for pair in config["padding"])
        if kind in SILENT or kind == "ZeroPadding2D" or (kind == "Activation" and _is_silent(config)):
            (self.sources[name],) = inputs
            return
        self.add(name, inputs, self.operation(kind, config, inputs, padding))
        self.activate(name, config.get("activation", "linear"))

    def operation(self, kind: str, config: dict, inputs: tuple[str, ...], padding: Padding | None) -> Operation:
        makers: dict[str, Callable[[], Operation]] = {
            "Conv2D": lambda: self.conv(config, inputs[0], padding, depthwise=False),
            "DepthwiseConv2D": lambda: self.conv(config, inputs[0], padding, depthwise=True),
            "BatchNormalization": lambda: _batch_norm(config, self.weights_of(config["name"])),
            "ReLU": lambda: _relu(config),
            "Activation": lambda: _named_relu(config["activation"]),
            "Add": Add,
            "GlobalAveragePooling2D": GlobalMean,
            "AveragePooling2D": lambda: _mean_of_all(config, self.sizes[inputs[0]]),
            "Dense": lambda: _dense(self.weights_of(config["name"])),
        }
        if kind not in makers:
            raise ValueError(f"{config['name']}: {kind} is not read")
        return makers[kind]()

    def add(self, name: str, inputs: tuple[str, ...], operation: Operation) -> None:
        self.nodes.append(Node(name, inputs, operation))
        self.sources[name] = name
        self.sizes.setdefault(name, self.sizes[inputs[0]])

    def activate(self, name: str, activation: str) -> None:
        """An activation inside a layer becomes a node of its own."""
        if activation in ("linear", "softmax") or isinstance(self.nodes[-1].operation, Relu):
            return
        self.add(f"{name}_activation", (name,), _named_relu(activation))
        self.sources[name] = f"{name}_activation"

    def conv(self, config: dict, source: str, padding: Padding | None, *, depthwise: bool) -> Conv:
        weights = self.weights_of(config["name"])
        kernel = weights["depthwise_kernel" if depthwise else "kernel"]
        if tuple(config["dilation_rate"]) != (1, 1) or config["data_format"] != "channels_last":
            raise ValueError(f"{config['name']}: a dilation, or channels first")
        if depthwise:
            height, width, channels, multiplier = kernel.shape
            kernel = kernel.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
            groups = channels
        else:
            kernel = kernel.transpose(3, 2, 0, 1)
            groups = config.get("groups", 1)
        strides = tuple(config["strides"])
        size = self.sizes[source]
        pads = padding or ((0, 0), (0, 0))
        if config["padding"] == "same":
            if padding is not None:
                raise ValueError(f"{config['name']}: padded twice")
            pads = tuple(_same(*numbers) for numbers in zip(size, kernel.shape[2:], strides, strict=True))
        self.sizes[config["name"]] = tuple(
            (length + before + behind - window) // stride + 1
            for length, (before, behind), window, stride in zip(size, pads, kernel.shape[2:], strides, strict=True)
        )
        bias = weights.get("bias", np.zeros(kernel.shape[0], np.float32))
        return _with_even_padding(Conv(np.ascontiguousarray(kernel), bias, strides, (0, 0), groups), pads)

    def weights_of(self, layer: str) -> Weights:
        group = self.weights[layer]
        names = (name.decode() if isinstance(name, bytes) else name for name in group.attrs["weight_names"])
        return {name.split("/")[-1].split(":")[0]: np.asarray(group[name], np.float32) for name in names}


def _same(length: int, window: int, stride: int) -> tuple[int, int]:
    """What Keras pads before and behind for `same`."""
    total = max((-(-length // stride) - 1) * stride + window - length, 0)
    return total // 2, total - total // 2


def _with_even_padding(conv: Conv, pads: Padding) -> Conv:
    if any(before > behind for before, behind in pads):
        raise ValueError("more padding before than behind")
    grown = np.pad(conv.kernel, ((0, 0), (0, 0), *((behind - before, 0) for before, behind in pads)))
    return replace(conv, kernel=grown, padding=tuple(behind for _, behind in pads))


def _batch_norm(config: dict, weights: Weights) -> BatchNorm:
    mean = weights["moving_mean"]
    gamma = weights.get("gamma", np.ones_like(mean))
    beta = weights.get("beta", np.zeros_like(mean))
    return BatchNorm(gamma, beta, mean, weights["moving_variance"], config["epsilon"])


def _mean_of_all(config: dict, size: tuple[int, int]) -> GlobalMean:
    if tuple(config["pool_size"]) != size or config["padding"] != "valid":
        raise ValueError(f"{config['name']}: pools {config['pool_size']} of {size}, and only all of it is read")
    return GlobalMean()


def _relu(config: dict) -> Relu:
    if config.get("negative_slope") or config.get("threshold"):
        raise ValueError(f"{config['name']}: a slope or a threshold")
    maximum = config.get("max_value")
    if maximum not in (None, 6):
        raise ValueError(f"{config['name']}: a maximum of {maximum}")
    return Relu(maximum)


def _named_relu(activation: str) -> Relu:
    if activation not in ("relu", "relu6"):
        raise ValueError(f"the activation {activation} is not read")
    return Relu(6 if activation == "relu6" else None)


def _is_silent(config: dict) -> bool:
    return config["activation"] in ("linear", "softmax")


def _dense(weights: Weights) -> Dense:
    kernel = np.ascontiguousarray(weights["kernel"].T)
    return Dense(kernel, weights.get("bias", np.zeros(len(kernel), np.float32)))
