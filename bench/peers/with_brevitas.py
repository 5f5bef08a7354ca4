"""Brevitas: `preprocess_for_quantize`, as its own ImageNet example calls it, and its bias correction."""

import copy

import numpy as np
import torch
from brevitas import nn as quantized_nn
from brevitas.graph.calibrate import bias_correction_mode
from brevitas.graph.equalize import activation_equalization_mode
from brevitas.graph.quantize import layerwise_quantize, preprocess_for_quantize
from brevitas.quant import ShiftedUint8WeightPerTensorFloat
from torch import nn

from network import Network
from quantizer import KERNELS
from recipe import Recipe
from torch_network import run, to_torch

PACKAGES = ("brevitas", "torch")
# The default of `--graph-eq-iterations` of the example that Brevitas comes with.
ITERATIONS = 20


def equalize(network: Network, *, swap_relu6: bool = True, merge_bias: bool = True) -> nn.Module:
    """Folds batch norms, and scales regions until no factor is further than 5 % from 1 or 20 rounds are over."""
    return preprocess_for_quantize(
        to_torch(network),
        relu6_to_relu=swap_relu6,
        equalize_iters=ITERATIONS,
        equalize_merge_bias=merge_bias,
    )


def _keep_relu6(network: Network) -> nn.Module:
    return equalize(network, swap_relu6=False)


def equalize_activations(model: nn.Module, inputs: np.ndarray) -> None:
    """Multiplies the inputs of each layer channel by channel, and divides its kernel, so that their ranges are equal.

    This is `--act-equalization layerwise` of Brevitas' example; the multiplications stay in the model.
    """
    with torch.no_grad(), activation_equalization_mode(model, alpha=0.5, layerwise=True, add_mul_node=True):
        run(model, inputs)


def _correct_biases(model: nn.Module, bits: int, inputs: np.ndarray) -> None:
    """Adds what Brevitas' own quantizer, which is that of quantizer.py, takes from the means of outputs on `inputs`."""
    quantizer = {"weight_quant": ShiftedUint8WeightPerTensorFloat, "weight_bit_width": bits}
    layers = {nn.Conv2d: (quantized_nn.QuantConv2d, quantizer), nn.Linear: (quantized_nn.QuantLinear, quantizer)}
    quantized = layerwise_quantize(copy.deepcopy(model), compute_layer_map=layers)
    with torch.no_grad(), bias_correction_mode(quantized):
        run(quantized, inputs)
    corrected = dict(quantized.named_modules())
    for name, module in model.named_modules():
        if isinstance(module, KERNELS):
            module.bias.data = corrected[name].bias.detach().clone()


RECIPES = [
    Recipe("ReLU6 kept", _keep_relu6),
    Recipe("ReLU6 kept, bias correction on crops", _keep_relu6, correct=_correct_biases),
    Recipe("ReLU6 kept, activation equalization on crops", _keep_relu6, equalize_activations),
    Recipe(
        "ReLU6 kept, activation equalization, bias correction on crops",
        _keep_relu6,
        equalize_activations,
        _correct_biases,
    ),
    Recipe("ReLU for ReLU6", equalize),
    Recipe("ReLU for ReLU6, ranges without biases", lambda network: equalize(network, merge_bias=False)),
    Recipe("ReLU for ReLU6, bias correction on crops", equalize, correct=_correct_biases),
    Recipe("ReLU for ReLU6, bias correction on noise", equalize, correct=_correct_biases, calibration="noise"),
]
