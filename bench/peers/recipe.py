"""What is done to a network by a peer before its kernels are quantized."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import nn

from network import Network

# Crops of the bench, or noise of the same range.
Calibration = Literal["crops", "noise"]


@dataclass(frozen=True)
class Recipe:
    name: str
    # From the network with batch norms and ReLU6 to one without batch norms, all weights in float.
    prepare: Callable[[Network], nn.Module]
    # Edits the prepared model in place, from inputs [samples, channels, height, width].
    calibrate: Callable[[nn.Module, np.ndarray], None] | None = None
    # Corrects biases in place for kernels of so many bits, from inputs as well.
    correct: Callable[[nn.Module, int, np.ndarray], None] | None = None
    calibration: Calibration = "crops"


# From inputs [samples, channels, height, width] to logits.
Run = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class IntegerRecipe:
    """How a peer quantizes kernels and activations."""

    name: str
    # From the network as it is, inputs to calibrate on, and `per_channel`: whether kernels have a range an output channel.
    quantize: Callable[..., Run]
