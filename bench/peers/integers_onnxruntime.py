"""ONNX Runtime: `quant_pre_process` and `quantize_static`, in the format QDQ that it recommends."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from network import Network
from onnx_network import to_onnx
from recipe import IntegerRecipe, Run

BATCH = 8
ONLY_ERRORS = 3


class _Batches(CalibrationDataReader):
    def __init__(self, name: str, inputs: np.ndarray) -> None:
        self.name = name
        self.batches = [inputs[start : start + BATCH] for start in range(0, len(inputs), BATCH)]
        self.set_range(0, len(self))

    def __len__(self) -> int:
        return len(self.batches)

    def set_range(self, start_index: int, end_index: int) -> None:
        self.waiting = iter(self.batches[start_index:end_index])

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self.waiting, None)
        return None if batch is None else {self.name: batch}


def _quantize(network: Network, calibration: np.ndarray, *, per_channel: bool, method: CalibrationMethod) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        source, prepared, quantized = (Path(folder) / name for name in ("float.onnx", "prepared.onnx", "int8.onnx"))
        onnx.save(to_onnx(network), source)
        quant_pre_process(source, prepared)
        quantize_static(
            prepared,
            quantized,
            _Batches(network.input_name, calibration),
            per_channel=per_channel,
            calibrate_method=method,
            # Histograms batch by batch: all tensors of all crops are too many for memory.
            extra_options={"CalibStridedMinMax": 1},
        )
        options = SessionOptions()
        options.log_severity_level = ONLY_ERRORS
        options.intra_op_num_threads = 1
        # What the file says, and not what kernels of one processor make of it.
        options.graph_optimization_level = GraphOptimizationLevel.ORT_DISABLE_ALL
        session = InferenceSession(quantized, options, providers=["CPUExecutionProvider"])

    def run(inputs: np.ndarray) -> np.ndarray:
        batches = (inputs[start : start + BATCH] for start in range(0, len(inputs), BATCH))
        return np.concatenate([session.run(None, {network.input_name: batch})[0] for batch in batches])

    return run


RECIPES = [
    IntegerRecipe("MinMax (its default)", partial(_quantize, method=CalibrationMethod.MinMax)),
    IntegerRecipe("Entropy", partial(_quantize, method=CalibrationMethod.Entropy)),
]
