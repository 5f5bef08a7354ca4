"""Quantizes a float .tflite to int8 with ai-edge-quantizer, kernels with a range for each output channel or one.

    python with_ai_edge_quantizer.py FLOAT.tflite CALIBRATION.npy OUT.tflite [--per-tensor]
"""

import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import qtyping, quantizer, recipe

source, calibration, target, *options = sys.argv[1:]
chosen = recipe.static_wi8_ai8()
if "--per-tensor" in options:
    for rule in chosen:
        rule["op_config"]["weight_tensor_config"]["granularity"] = qtyping.QuantGranularity.TENSORWISE
((name, signature),) = Interpreter(source).get_signature_list().items()
(argument,) = signature["inputs"]
tool = quantizer.Quantizer(source, chosen)
statistics = tool.calibrate({name: [{argument: sample[None]} for sample in np.load(calibration)]})
tool.quantize(statistics, serialize_to_path=target)
