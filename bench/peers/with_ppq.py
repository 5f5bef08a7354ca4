"""PPQ: its layer-wise equalization pass, on the graph that its own loader makes of an ONNX file."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
from ppq.api import load_onnx_graph
from ppq.quantization.optim import LayerwiseEqualizationPass
from torch import nn

from network import Network, fold, with_unbounded_relus
from onnx_network import to_onnx, with_weights
from recipe import Recipe
from torch_network import run, to_torch

PACKAGES = ("ppq", "onnx", "torch")


def _equalize(network: Network, *, iterations: int = 10, threshold: float = 0.5, level: int = 1) -> nn.Module:
    """Folds batch norms while it loads; the numbers are the defaults of `EqualizationSetting`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        onnx.save(to_onnx(network), path)
        graph = load_onnx_graph(str(path))
    equalization = LayerwiseEqualizationPass(iterations, threshold, optimize_level=level)
    equalization.optimize(graph, dataloader=None, executor=None, collate_fn=None)

    def weights_of(name: str) -> tuple[np.ndarray, np.ndarray]:
        _, kernel, bias = graph.operations[name].inputs
        return kernel.value.numpy(), bias.value.numpy()

    return _checked(to_torch(with_weights(fold(network), weights_of)), network)


def _checked(equalized: nn.Module, network: Network) -> nn.Module:
    noise = np.random.default_rng(1).uniform(-1, 1, (2, *network.input_shape)).astype(np.float32)
    expected = run(to_torch(network), noise)
    difference = np.abs(run(equalized, noise) - expected).max() / np.abs(expected).max()
    # A NaN passes: it is PPQ's, and is measured as such.
    if difference > 1e-3:
        raise ValueError(f"equalized, the network differs by {difference} from what it was")
    return equalized


def _swapped(network: Network) -> nn.Module:
    return _equalize(with_unbounded_relus(network))


def _swapped_across_additions(network: Network) -> nn.Module:
    return _equalize(with_unbounded_relus(network), level=2)


def _swapped_as_far_as_it_goes(network: Network) -> nn.Module:
    return _equalize(with_unbounded_relus(network), iterations=100, threshold=0, level=2)


RECIPES = [
    Recipe("ReLU6 kept", _equalize),
    Recipe("ReLU for ReLU6", _swapped),
    Recipe("ReLU for ReLU6, across additions", _swapped_across_additions),
    Recipe("ReLU for ReLU6, across additions, 100 rounds, no threshold", _swapped_as_far_as_it_goes),
]
