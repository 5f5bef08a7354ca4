"""The quantizer that all rows share, Crosslayer's `int8-per-tensor`: one asymmetric range for each kernel."""

import numpy as np
import torch
from torch import nn

# The layers with kernels.
KERNELS = (nn.Conv2d, nn.Linear)


def fake_quantized(weights: np.ndarray, bits: int) -> np.ndarray:
    """From the smallest weight to the largest, with 0 on the grid, halves away from zero; in float64, rounded once."""
    low, high = min(0.0, float(weights.min())), max(0.0, float(weights.max()))
    steps = 2**bits - 1
    scale = (high - low) / steps
    if scale == 0:
        return weights
    lowest = max(-steps, _half_away(np.float64(low / scale)))
    return np.float32(np.clip(_half_away(np.float64(weights) / scale), lowest, lowest + steps) * scale)


def _half_away(values: np.ndarray) -> np.ndarray:
    return np.sign(values) * np.floor(np.abs(values) + 0.5)


def quantize_kernels(model: nn.Module, bits: int) -> None:
    """In place; biases and activations stay in float."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            raise TypeError("a batch norm is left, which is to be folded before kernels are quantized")
        if isinstance(module, KERNELS):
            module.weight.data = torch.from_numpy(fake_quantized(module.weight.detach().numpy(), bits))
