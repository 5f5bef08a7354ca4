"""Opening models with the Keras of this environment, and their outputs."""

import json
import os
import sys

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import h5py
import keras
import numpy as np
import tensorflow as tf

FIXTURES = os.path.join(os.path.dirname(__file__), "..", "fixtures", "formats")
sys.path.append(FIXTURES)
import make_models  # noqa: E402  registers the custom layer of the fixtures

OWN_CLASSES = {"Trainer": make_models.Trainer, "Stack": make_models.Stack}
if not keras.__version__.startswith("2.12"):
    from keras.src.applications import convnext, inception_resnet_v2

    # Keras has these in its applications, and Keras 2 finds them under no name.
    OWN_CLASSES.update(
        LayerScale=convnext.LayerScale,
        StochasticDepth=convnext.StochasticDepth,
        CustomScaleLayer=inception_resnet_v2.CustomScaleLayer,
    )

SEED = 20240611
BATCH = 2


def open_model(path):
    """The model at `path`; its lambdas are our own fixtures'."""
    keras.backend.clear_session()
    if path.endswith(".keras") or keras.__version__.startswith("3"):
        return keras.models.load_model(path, OWN_CLASSES, compile=False, safe_mode=False)
    return keras.models.load_model(path, OWN_CLASSES, compile=False)


def seeded_inputs(model, largest=1):
    """A batch for every input of `model`, from -largest to largest."""
    rng = np.random.default_rng(SEED)
    return [rng.uniform(-largest, largest, (BATCH, *tensor.shape[1:])).astype("float32") for tensor in model.inputs]


def outputs_of(model, inputs):
    """Outputs of `model` in inference mode, as a list of arrays."""

    def call(*tensors):
        outputs = model(list(tensors) if len(tensors) > 1 else tensors[0], training=False)
        return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]

    tensors = [tf.constant(x) for x in inputs]
    try:
        outputs = call(*tensors)
    except tf.errors.OpError:
        # TensorFlow has grouped convolutions on a CPU only when it compiles them.
        outputs = tf.function(call, jit_compile=True)(*tensors)
    return [np.asarray(output) for output in outputs]


def relative_difference(actual, wanted):
    """Largest difference relative to the largest value of `wanted`; infinite where shapes differ or a NaN is met."""
    if actual.shape != wanted.shape or not np.all(np.isfinite(actual)):
        return np.inf
    difference, largest = np.max(np.abs(actual - wanted)), np.max(np.abs(wanted))
    return difference / largest if largest > 0 else float(difference > 0)


def save_reference(path, inputs, outputs):
    """Writes what `load_reference` reads."""
    arrays = {f"x_{i}": x for i, x in enumerate(inputs)}
    arrays.update({f"y_original_{i}": y for i, y in enumerate(outputs)})
    os.makedirs(os.path.dirname(path), exist_ok=True)
    np.savez(path, **arrays)


def load_reference(path):
    """(inputs, outputs) of the original: ours (.npz), the golden data's (.h5) or the fixtures' (.json)."""
    if path.endswith(".json"):
        with open(path) as file:
            expected = json.load(file)
        return [
            [np.array(array["data"], "float32").reshape(array["shape"]) for array in expected[key]]
            for key in ("inputs", "outputs")
        ]
    with h5py.File(path, "r") if path.endswith(".h5") else np.load(path) as file:
        return [numbered(file, "x_"), numbered(file, "y_original_")]


def numbered(file, prefix):
    names = [name for name in file.keys() if name.startswith(prefix)]
    return [np.asarray(file[f"{prefix}{i}"]) for i in range(len(names))]
