"""Makes networks of keras.applications and of fair_networks.py, and records what originals compute.

    python make_originals.py FOLDER [NAME ...] < record.json

Writes NAME.h5 and NAME.keras of these networks into FOLDER.  record.json is a list
of {"model": path, "reference": path, "range": number, "withoutRelu6": path}: each
model (those of FOLDER among them) is opened, and seeded inputs from -range to range
(1 where it is left out) with its outputs go to the reference, an .npz.  Where there
is a withoutRelu6, the outputs with ReLU for ReLU6 go there; the others must differ.
"""

import json
import os
import sys

from fair_networks import CLASSES, NETWORKS
from keras_models import (
    keras,
    open_model,
    outputs_of,
    relative_difference,
    save_reference,
    seeded_inputs,
)
from seeding import seeded

SIZE = 64
# Differences of a wrong maximum must show in a check, whose tolerance is 1e-4.
REACHED = 1e-3


def application(name):
    make = getattr(keras.applications, name)
    return make(weights=None, input_shape=(SIZE, SIZE, 3), classes=CLASSES, classifier_activation=None)


def main():
    folder, *names = sys.argv[1:]
    for name in names:
        model = seeded(*NETWORKS.get(name, [lambda: application(name)]))
        model.save(os.path.join(folder, f"{name}.h5"))
        model.save(os.path.join(folder, f"{name}.keras"))
    for job in json.load(sys.stdin):
        try:
            record(job)
        except Exception as error:  # the other originals are still of use
            print(f"FAIL          {job['model']} cannot be recorded: {' '.join(str(error).split())[:300]}")


def record(job):
    model = open_model(job["model"])
    inputs = seeded_inputs(model, job.get("range", 1))
    outputs = outputs_of(model, inputs)
    save_reference(job["reference"], inputs, outputs)
    if "withoutRelu6" not in job:
        return
    others = outputs_of(without_relu6(model), inputs)
    if max(map(relative_difference, others, outputs)) < REACHED:
        raise ValueError("no activation goes beyond the 6 of a ReLU6")
    save_reference(job["withoutRelu6"], inputs, others)


def without_relu6(model):
    """The model with ReLU for every ReLU6."""
    made = type(model).from_config(relu_for_relu6(model.get_config()))
    made.set_weights(model.get_weights())
    return made


def relu_for_relu6(config):
    if isinstance(config, (list, tuple)):
        return [relu_for_relu6(one) for one in config]
    if not isinstance(config, dict):
        return config
    config = {key: relu_for_relu6(value) for key, value in config.items()}
    if config.get("class_name") == "ReLU" and config["config"].get("max_value") == 6:
        config["config"]["max_value"] = None
    if config.get("activation") == "relu6":
        config["activation"] = "relu"
    return config


if __name__ == "__main__":
    main()
