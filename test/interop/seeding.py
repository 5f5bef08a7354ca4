"""Seeded weights for networks, with batch norms as training leaves them: none is an identity."""

from keras_models import SEED, keras, make_models, np

CALIBRATION_BATCH = 8


def seeded(make, largest=1):
    """The model that `make` makes, with seeded weights that suit inputs from -largest to largest."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(SEED)
    model = make()
    seed_weights(model, largest)
    return model


def seed_weights(model, largest):
    rng = np.random.default_rng(SEED)
    layers = [layer for _, layer in make_models.own_layers(model)]
    # Of a wrapper too, which knows the length of the steps alone.
    inner = [getattr(layer, "layer", layer) for layer in layers]
    batch_norms = [layer for layer in inner if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in inner:
        if not layer.get_weights():
            continue
        if isinstance(layer, keras.layers.Normalization):
            mean, variance, count = layer.get_weights()
            layer.set_weights([rng.normal(0, 0.1, mean.shape), rng.uniform(0.5, 1.5, variance.shape), count])
            layer.finalize_state()
        elif layer in batch_norms:
            *_, mean, variance = affine(layer)
            sign = np.where(rng.random(mean.shape) < 0.1, -1, 1)
            gamma, beta = sign * rng.uniform(0.3, 1, mean.shape), rng.normal(0.5, 0.3, mean.shape)
            set_affine(layer, gamma, beta, mean, variance)
        elif getattr(layer, "use_bias", False):
            *kernels, bias = layer.get_weights()
            layer.set_weights([*kernels, rng.normal(0, 0.1, bias.shape)])
        elif type(layer).__name__ == "LayerScale":
            # It begins so near to zero that its branch would do nothing.
            (gamma,) = layer.get_weights()
            layer.set_weights([rng.uniform(0.3, 1, gamma.shape)])
    calibrate(model, batch_norms, rng, largest)


def calibrate(model, batch_norms, rng, largest):
    """Moving statistics near those of a random batch, so that no activation dies or explodes."""
    momentum = [layer.momentum for layer in batch_norms]
    for layer in batch_norms:
        layer.momentum = 0.0
    shapes = [(CALIBRATION_BATCH, *tensor.shape[1:]) for tensor in model.inputs]
    batch = [rng.uniform(-largest, largest, shape).astype("float32") for shape in shapes]
    if batch_norms:
        model(batch if len(batch) > 1 else batch[0], training=True)
    for layer, value in zip(batch_norms, momentum):
        layer.momentum = value
        gamma, beta, mean, variance = affine(layer)
        mean = mean + 0.1 * np.sqrt(variance) * rng.normal(size=mean.shape)
        set_affine(layer, gamma, beta, mean, variance * rng.uniform(0.7, 1.4, mean.shape))


def affine(layer):
    """gamma, beta, mean and variance; None for what the batch norm is without."""
    *own, mean, variance = layer.get_weights()
    gamma = own.pop(0) if layer.scale else None
    return gamma, own.pop(0) if layer.center else None, mean, variance


def set_affine(layer, gamma, beta, mean, variance):
    layer.set_weights([*([gamma] if layer.scale else []), *([beta] if layer.center else []), mean, variance])
