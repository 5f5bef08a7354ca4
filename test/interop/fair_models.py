"""Makes models of the fair with the Keras of this environment, and records what they compute.

    python fair_models.py < jobs.json
    python fair_models.py --names [--all]       what there is to make, as JSON; all models of each family, or the smallest

jobs.json is a list of {"name": text, "network": text, "model": path, "reference": path}: `network` is a name of
fair_networks.py or of keras.applications, which is made as small as it can be. The model goes to `model`, inputs and outputs to
`reference`, and more of each input to reference.INDEX.npy. Prints a JSON object on a line for each: {"name", "largest", "parameters", "input": its sizes} or {"name", "error": text}.
"""

import json
import os
import re
import sys

from fair_networks import CLASSES, NETWORKS
from keras_models import OWN_CLASSES, SEED, convnext, keras, np, outputs_of, save_reference, seeded_inputs
from seeding import seeded

# The smallest of each family in keras.applications, as far as this Keras has it.
SMALLEST = """VGG16 ResNet50 ResNet50V2 ResNetRS50 InceptionV3 InceptionResNetV2 Xception MobileNet MobileNetV2 MobileNetV3Small
DenseNet121 NASNetMobile EfficientNetB0 EfficientNetV2B0 RegNetX002 RegNetY002 ConvNeXtTiny""".split()
# The smallest pictures that the architectures take; 32 for the others.
SIZES = {"InceptionV3": 75, "InceptionResNetV2": 75, "Xception": 71}
# Where the width can be chosen.
WIDTHS = {"MobileNet": 0.25, "MobileNetV2": 0.35}
# Of these a quarter of the filters is left, of which the network is made as it would be with all.
NARROWED = "VGG|ResNet|Inception|Xception|DenseNet"
PART = 4
SAMPLES = 8
# These have their preprocessing in them, and take pixels.
TAKE_PIXELS = "EfficientNet|MobileNetV3|RegNet|ResNetRS|ConvNeXt"


for sizes in convnext.MODEL_CONFIGS.values():
    sizes["projection_dims"] = [channels // PART for channels in sizes["projection_dims"]]


def names(has_all):
    """The networks of fair_networks.py, then those of keras.applications."""
    there = [name for name in dir(keras.applications) if name[0].isupper()]
    return [*NETWORKS, *(there if has_all else [name for name in SMALLEST if name in there])]


def application(name):
    size = SIZES.get(name, 32)
    options = {"alpha": WIDTHS[name]} if name in WIDTHS else {}
    make = getattr(keras.applications, name)
    model = make(weights=None, input_shape=(size, size, 3), classes=CLASSES, **options)
    if not re.match(NARROWED, name):
        return model
    config = narrowed(model.get_config())
    keras.backend.clear_session()
    return keras.Model.from_config(config, custom_objects=OWN_CLASSES)


def narrowed(config):
    """The configuration of a network with the PARTth part of the channels; of the classes all."""
    if isinstance(config, (list, tuple)):
        return type(config)(narrowed(one) for one in config)
    if not isinstance(config, dict):
        return config
    # The sizes that Keras 3 notes of each layer are others now.
    made = {key: narrowed(value) for key, value in config.items() if key != "build_config"}
    for key in ("filters", "units", "groups"):
        if config.get(key, CLASSES) != CLASSES:
            made[key] = max(1, config[key] // PART)
    if config.get("target_shape"):
        *sizes, channels = config["target_shape"]
        made["target_shape"] = (*sizes, channels // PART)
    return made


def record(job):
    name = job["network"]
    make, largest = NETWORKS.get(name) or (lambda: application(name), 255 if re.match(TAKE_PIXELS, name) else 1)
    model = seeded(make, largest)
    inputs = seeded_inputs(model, largest)
    save_reference(job["reference"], inputs, outputs_of(model, inputs))
    rng = np.random.default_rng(SEED)
    for index, tensor in enumerate(model.inputs):
        samples = rng.uniform(-largest, largest, (SAMPLES, *tensor.shape[1:])).astype("float32")
        np.save(f"{job['reference']}.{index}.npy", samples)
    os.makedirs(os.path.dirname(job["model"]), exist_ok=True)
    model.save(job["model"])
    return {"largest": largest, "parameters": model.count_params(), "input": [list(tensor.shape[1:]) for tensor in model.inputs]}


def main():
    if "--names" in sys.argv:
        print(json.dumps(names("--all" in sys.argv)))
        return
    for job in json.load(sys.stdin):
        try:
            result = record(job)
        except Exception as error:  # the others can be made all the same
            result = {"error": " ".join(f"{type(error).__name__}: {error}".split())[:300]}
        print(json.dumps({"name": job["name"], **result}), flush=True)


if __name__ == "__main__":
    main()
