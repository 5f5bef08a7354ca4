"""ESP-PPQ: `espdl_quantize_onnx` for chips by its own settings, with and without its layer-wise equalization pass."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from esp_ppq.api import QuantizationSettingFactory
from esp_ppq.api.espdl_interface import espdl_quantize_onnx
from esp_ppq.executor import TorchExecutor

from network import Network, with_unbounded_relus
from onnx_network import to_onnx
from recipe import IntegerRecipe, Run

# The P4 has a range for each output channel, the S3 one a kernel; steps are powers of two on both.
CHIPS = {False: "esp32s3", True: "esp32p4"}


def _quantize(network: Network, calibration: np.ndarray, *, per_channel: bool, equalize: bool = False) -> Run:
    setting = QuantizationSettingFactory.espdl_setting()
    setting.equalization = equalize
    # The tool takes batches of one.
    samples = list(torch.from_numpy(calibration).split(1))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "network.onnx"
        onnx.save(to_onnx(network), source)
        graph = espdl_quantize_onnx(
            str(source),
            str(Path(folder) / "network.espdl"),
            samples,
            len(samples),
            [1, *network.input_shape],
            target=CHIPS[per_channel],
            setting=setting,
            error_report=False,
            skip_export=True,
        )
    executor = TorchExecutor(graph, device="cpu")

    def run(inputs: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            parts = [executor.forward([sample])[0].numpy() for sample in torch.from_numpy(inputs).split(1)]
        return np.concatenate(parts)

    return run


def _swapped(network: Network, calibration: np.ndarray, *, per_channel: bool) -> Run:
    return _quantize(with_unbounded_relus(network), calibration, per_channel=per_channel, equalize=True)


RECIPES = [
    IntegerRecipe("its default", _quantize),
    IntegerRecipe("equalization, ReLU for ReLU6", _swapped),
]
