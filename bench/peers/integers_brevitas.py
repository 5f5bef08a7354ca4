"""Brevitas as its ImageNet example has it: graph equalization, activation equalization, quantization, bias correction."""

from functools import partial

import numpy as np
import torch
from brevitas.graph.calibrate import bias_correction_mode, calibration_mode
from brevitas_examples.imagenet_classification.ptq.ptq_common import quantize_model

from network import Network
from recipe import IntegerRecipe, Run
from torch_network import run
from with_brevitas import PACKAGES, equalize, equalize_activations

# The defaults of the example.
OPTIONS = {
    "backend": "fx",
    "weight_bit_width": 8,
    "act_bit_width": 8,
    "bias_bit_width": 32,
    "act_quant_percentile": 99.999,
    "act_quant_type": "sym",
    "scale_factor_type": "float_scale",
    "quant_format": "int",
}


def _quantize(
    network: Network,
    calibration: np.ndarray,
    *,
    per_channel: bool,
    swap_relu6: bool,
    activations: bool = False,
    correct: bool = True,
) -> Run:
    model = equalize(network, swap_relu6=swap_relu6)
    if activations:
        equalize_activations(model, calibration)
    granularity = "per_channel" if per_channel else "per_tensor"
    quantized = quantize_model(model, weight_quant_granularity=granularity, **OPTIONS)
    with torch.no_grad(), calibration_mode(quantized):
        run(quantized, calibration)
    if correct:
        with torch.no_grad(), bias_correction_mode(quantized):
            run(quantized, calibration)
    return partial(run, quantized)


RECIPES = [
    IntegerRecipe("its default", partial(_quantize, swap_relu6=True)),
    IntegerRecipe("the same, no bias correction", partial(_quantize, swap_relu6=True, correct=False)),
    IntegerRecipe("ReLU6 kept", partial(_quantize, swap_relu6=False)),
    IntegerRecipe("ReLU6 kept, activation equalization", partial(_quantize, swap_relu6=False, activations=True)),
    IntegerRecipe("its default, activation equalization", partial(_quantize, swap_relu6=True, activations=True)),
]
