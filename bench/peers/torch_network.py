"""Networks as graphs of torch.fx, which Brevitas takes and on which everything is measured."""

import operator

import numpy as np
import torch
from torch import fx, nn

from network import Add, BatchNorm, Conv, Dense, GlobalMean, Network, Operation, Relu

BATCH = 8


def to_torch(network: Network) -> fx.GraphModule:
    """Modules are named after the nodes: fx allows only letters, digits and `_`, which all layers here have."""
    graph = fx.Graph()
    values = {network.input_name: graph.placeholder(network.input_name)}
    modules: dict[str, nn.Module] = {}
    for node in network.nodes:
        inputs = tuple(values[name] for name in node.inputs)
        if isinstance(node.operation, Add):
            values[node.name] = graph.call_function(operator.add, inputs)
            continue
        modules[node.name] = _module(node.operation)
        values[node.name] = graph.call_module(node.name, inputs)
        if isinstance(node.operation, GlobalMean):
            values[node.name] = graph.call_function(torch.flatten, (values[node.name], 1))
    graph.output(values[network.nodes[-1].name])
    return fx.GraphModule(modules, graph).eval()


def _module(operation: Operation) -> nn.Module:
    match operation:
        case Conv(kernel, bias, strides, padding, groups):
            out, per_group, *window = kernel.shape
            conv = nn.Conv2d(per_group * groups, out, window, strides, padding, groups=groups)
            return _filled(conv, weight=kernel, bias=bias)
        case BatchNorm(gamma, beta, mean, variance, epsilon):
            norm = nn.BatchNorm2d(len(gamma), epsilon)
            return _filled(norm, weight=gamma, bias=beta, running_mean=mean, running_var=variance)
        case Relu(maximum):
            return nn.ReLU() if maximum is None else nn.ReLU6()
        case GlobalMean():
            return nn.AdaptiveAvgPool2d(1)
        case Dense(kernel, bias):
            out, inputs = kernel.shape
            return _filled(nn.Linear(inputs, out), weight=kernel, bias=bias)
    raise TypeError(f"{operation}")


def _filled(module: nn.Module, **arrays: np.ndarray) -> nn.Module:
    for name, values in arrays.items():
        getattr(module, name).data = torch.from_numpy(np.array(values, np.float32))
    return module


@torch.no_grad()
def run(model: nn.Module, inputs: np.ndarray, batch: int = BATCH) -> np.ndarray:
    """Runs inputs [samples, channels, height, width] in batches."""
    parts = (model(torch.from_numpy(inputs[start : start + batch])) for start in range(0, len(inputs), batch))
    return torch.cat(list(parts)).numpy()
