"""Records what models compute in float, on inputs that suit them.

    python quantized_originals.py < jobs.json

jobs.json is a list of {"model": path, "reference": path, "made": truth, "inputs": what}, where `what` is {"labelled": .npz
with "images" and "labels"}, {"photographs": folder, "divisor": number, "offset": number}, or {"mean": number, "deviation": number} of normal
numbers. A model that is "made" is that of tflite_operators.py, and is written first. Inputs and outputs go to the reference, an
.npz, labels too, and each input to reference.INDEX.npy, which the command takes.
"""

import json
import sys

from keras_models import SEED, np, open_model, outputs_of, save_reference
from tflite_images import crops, normalized, opened
from tflite_operators import operator_model

NORMAL_SAMPLES = 8
BATCH = 64


def inputs_of(model, what):
    """(inputs, labels or None) for `model`."""
    if "labelled" in what:
        with np.load(what["labelled"]) as file:
            return [normalized(file["images"])], file["labels"]
    rng = np.random.default_rng(SEED)
    if "photographs" in what:
        (_, size, _, channels) = model.inputs[0].shape
        pixels = crops(opened(what["photographs"]), size, rng).astype("float32")
        if channels == 1:
            pixels = pixels.mean(axis=-1, keepdims=True)
        return [(pixels / what["divisor"] + what["offset"]).astype("float32")], None
    shapes = [(NORMAL_SAMPLES, *tensor.shape[1:]) for tensor in model.inputs]
    return [rng.normal(what["mean"], what["deviation"], shape).astype("float32") for shape in shapes], None


def record(job):
    if job["made"]:
        operator_model().save(job["model"])
    model = open_model(job["model"])
    inputs, labels = inputs_of(model, job["inputs"])
    batches = [outputs_of(model, [x[at : at + BATCH] for x in inputs]) for at in range(0, len(inputs[0]), BATCH)]
    save_reference(job["reference"], inputs, [np.concatenate(parts) for parts in zip(*batches)])
    for index, x in enumerate(inputs):
        np.save(f"{job['reference']}.{index}.npy", x)
    if labels is not None:
        np.save(f"{job['reference']}.labels.npy", labels)


def main():
    for job in json.load(sys.stdin):
        record(job)


if __name__ == "__main__":
    main()
