"""AIMET for ONNX: `equalize_model`, and its scaling alone where ReLU6 is kept."""

import numpy as np
import onnx
from aimet_onnx.batch_norm_fold import fold_all_batch_norms_to_weight
from aimet_onnx.cross_layer_equalization import CrossLayerScaling, equalize_model
from onnxruntime import InferenceSession, SessionOptions
from torch import nn

from network import Network, fold, with_unbounded_relus
from onnx_network import to_onnx, weights_in, with_relus_of, with_weights
from recipe import Recipe
from torch_network import run, to_torch

PACKAGES = ("aimet-onnx", "onnx", "onnxruntime", "torch")
ONLY_ERRORS = 3


def _equalize(network: Network) -> nn.Module:
    """Folds batch norms, replaces each ReLU6 between two convolutions by ReLU, scales, absorbs high biases."""
    model = to_onnx(network)
    equalize_model(model)
    return _checked(model, network)


def _keep_relu6(network: Network) -> nn.Module:
    model = to_onnx(network)
    fold_all_batch_norms_to_weight(model)
    CrossLayerScaling(model).scale_model()
    return _checked(model, network)


def _checked(model: onnx.ModelProto, network: Network) -> nn.Module:
    """The network with AIMET's weights, which computes what AIMET's model computes."""
    equalized = to_torch(with_weights(fold(with_relus_of(network, model)), weights_in(model)))
    noise = np.random.default_rng(1).uniform(-1, 1, (2, *network.input_shape)).astype(np.float32)
    options = SessionOptions()
    options.log_severity_level = ONLY_ERRORS
    session = InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {network.input_name: noise})
    difference = np.abs(run(equalized, noise) - expected).max() / np.abs(expected).max()
    if difference > 1e-4:
        raise ValueError(f"read back, the network differs by {difference} from AIMET's")
    return equalized


RECIPES = [
    Recipe("ReLU6 kept, scaling alone", _keep_relu6),
    Recipe("equalize_model (ReLU for ReLU6 between convolutions)", _equalize),
    Recipe("equalize_model, ReLU for every ReLU6", lambda network: _equalize(with_unbounded_relus(network))),
]
