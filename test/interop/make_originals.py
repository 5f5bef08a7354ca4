"""Makes networks of keras.applications, and records what originals compute.

    python make_originals.py FOLDER [NAME ...] < record.json

Writes NAME.h5 and NAME.keras of these networks into FOLDER.  record.json is a list
of {"model": path, "reference": path}: each model (those of FOLDER among them) is
opened, and seeded inputs with its outputs go to the reference, an .npz.
"""

import json
import os
import sys

from keras_models import SEED, keras, np, open_model, outputs_of, save_reference, seeded_inputs

SIZE = 64
CLASSES = 10
CALIBRATION_BATCH = 8


def application(name):
    """The network with seeded weights and batch norms as training leaves them: none is an identity."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(SEED)
    make = getattr(keras.applications, name)
    model = make(weights=None, input_shape=(SIZE, SIZE, 3), classes=CLASSES, classifier_activation=None)
    rng = np.random.default_rng(SEED)
    batch_norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            mean, variance, count = layer.get_weights()
            layer.set_weights([rng.normal(0, 0.1, mean.shape), rng.uniform(0.5, 1.5, variance.shape), count])
            layer.finalize_state()
        elif layer in batch_norms:
            gamma, _, mean, variance = layer.get_weights()
            sign = np.where(rng.random(gamma.shape) < 0.1, -1, 1)
            layer.set_weights([sign * rng.uniform(0.3, 1, gamma.shape), rng.normal(0.5, 0.3, gamma.shape), mean, variance])
        elif getattr(layer, "use_bias", False):
            *kernels, bias = layer.get_weights()
            layer.set_weights([*kernels, rng.normal(0, 0.1, bias.shape)])
    calibrate(model, batch_norms, rng)
    return model


def calibrate(model, batch_norms, rng):
    """Moving statistics near those of a random batch, so that no activation dies or explodes."""
    momentum = [layer.momentum for layer in batch_norms]
    for layer in batch_norms:
        layer.momentum = 0.0
    model(rng.uniform(-1, 1, (CALIBRATION_BATCH, SIZE, SIZE, 3)).astype("float32"), training=True)
    for layer, value in zip(batch_norms, momentum):
        layer.momentum = value
        gamma, beta, mean, variance = layer.get_weights()
        mean = mean + 0.1 * np.sqrt(variance) * rng.normal(size=mean.shape)
        layer.set_weights([gamma, beta, mean, variance * rng.uniform(0.7, 1.4, mean.shape)])


def main():
    folder, *names = sys.argv[1:]
    for name in names:
        model = application(name)
        model.save(os.path.join(folder, f"{name}.h5"))
        model.save(os.path.join(folder, f"{name}.keras"))
    for job in json.load(sys.stdin):
        try:
            record(job["model"], job["reference"])
        except Exception as error:  # the other originals are still of use
            print(f"FAIL          {job['model']} cannot be recorded: {' '.join(str(error).split())[:300]}")


def record(path, reference):
    model = open_model(path)
    inputs = seeded_inputs(model)
    save_reference(reference, inputs, outputs_of(model, inputs))


if __name__ == "__main__":
    main()
