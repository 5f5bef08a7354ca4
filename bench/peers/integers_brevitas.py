"""Brevitas as its ImageNet example has it: equalization of the graph and of activations, quantization, bias correction."""

from functools import partial

import numpy as np
import torch
from brevitas.graph.calibrate import bias_correction_mode, calibration_mode
from brevitas.nn.quant_layer import QuantWeightBiasInputOutputLayer as QuantWBIOL
from brevitas_examples.imagenet_classification.ptq.ptq_common import quantize_model

from network import Network
from quantizer import KERNELS
from recipe import IntegerRecipe, Run
from torch_network import run
from with_brevitas import equalize, equalize_activations

# The defaults of the example.
OPTIONS = {
    "weight_bit_width": 8,
    "act_bit_width": 8,
    "bias_bit_width": 32,
    "act_quant_percentile": 99.999,
    "act_quant_type": "sym",
    "scale_factor_type": "float_scale",
    "quant_format": "int",
}


def _quantize(
    network: Network, calibration: np.ndarray, *, per_channel: bool, swap_relu6: bool, activations: bool = False
) -> Run:
    model = equalize(network, swap_relu6=swap_relu6)
    if activations:
        equalize_activations(model, calibration)
    granularity = "per_channel" if per_channel else "per_tensor"
    # Backend fx, its default, passes over the layers that activation equalization wraps, and leaves them in float.
    backend = "layerwise" if activations else "fx"
    quantized = quantize_model(model, backend=backend, weight_quant_granularity=granularity, **OPTIONS)
    for name, module in quantized.named_modules():
        if isinstance(module, KERNELS) and not isinstance(module, QuantWBIOL):
            raise TypeError(f"{name}: left in float")
    with torch.no_grad(), calibration_mode(quantized):
        run(quantized, calibration)
    with torch.no_grad(), bias_correction_mode(quantized):
        run(quantized, calibration)
    return partial(run, quantized)


RECIPES = [
    IntegerRecipe("its default (ReLU for ReLU6)", partial(_quantize, swap_relu6=True)),
    IntegerRecipe("ReLU6 kept", partial(_quantize, swap_relu6=False)),
    IntegerRecipe("ReLU6 kept, activation equalization", partial(_quantize, swap_relu6=False, activations=True)),
]
