"""Top-1 accuracy of Fashion-MNIST models in float and with 8-, 6- and 4-bit kernels.

    python measure_fashion.py MODEL.keras [MODEL2.keras ...] [--full DATA_DIR]

Batch norms that directly follow a convolution are first folded into it (plain
folding; the float line is the folded model's). Then the kernel of every
convolution, depthwise convolution and dense layer is rounded with one scale for
the whole kernel: asymmetric from its minimum to its maximum, the range always
holding zero and zero an exact code, halves rounded to even. Biases and
activations stay in float.

The accuracy is that of the 2,000 images of fashion-mobilenetv2.keras.samples.npz beside this
script, and with --full also of all 10,000 test images in DATA_DIR.
"""

import argparse
import os

import keras
import numpy as np

from train_fashion import load, scale

CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


def convolution_before(layer):
    """The convolution whose result only the batch norm `layer` reads, or None."""
    if not isinstance(layer, keras.layers.BatchNormalization):
        return None
    producer = layer.input._keras_history.operation
    foldable = (
        isinstance(producer, CONVOLUTIONS)
        and producer.activation is keras.activations.linear
        and len(producer._outbound_nodes) == 1
    )
    return producer if foldable else None


def folded_weights(convolution, norm):
    """Kernel and bias of `convolution` with `norm` folded into it."""
    kernel = np.float64(convolution.kernel)
    bias = np.float64(convolution.bias) if convolution.use_bias else 0.0
    factor = 1 / np.sqrt(np.float64(norm.moving_variance) + norm.epsilon)
    if norm.scale:
        factor = factor * np.float64(norm.gamma)
    bias = (bias - np.float64(norm.moving_mean)) * factor
    if norm.center:
        bias = bias + np.float64(norm.beta)
    if isinstance(convolution, keras.layers.DepthwiseConv2D):
        return [kernel * factor.reshape(kernel.shape[2:]), bias]
    return [kernel * factor, bias]


def fold(model):
    """A copy of `model` without the batch norms that follow a convolution."""
    pairs = {layer.name: convolution_before(layer) for layer in model.layers}
    norms = {conv.name: model.get_layer(name) for name, conv in pairs.items() if conv}
    folded_names = {norm.name for norm in norms.values()}

    def copy(layer):
        config = layer.get_config()
        if layer.name in norms:
            config["use_bias"] = True
        return type(layer).from_config(config)

    def call(layer, *arguments, **keywords):
        if layer.name in folded_names:
            return arguments[0]
        return layer(*arguments, **keywords)

    folded = keras.models.clone_model(model, clone_function=copy, call_function=call)
    for layer in folded.layers:
        original = model.get_layer(layer.name)
        if layer.name in norms:
            layer.set_weights(folded_weights(original, norms[layer.name]))
        else:
            layer.set_weights(original.get_weights())
    return folded


def fake_quantize(kernel, bits):
    """`kernel` rounded to `bits` bits, per tensor, and back to float."""
    kernel = np.float64(kernel)
    low, high = min(kernel.min(), 0), max(kernel.max(), 0)
    top_code = 2**bits - 1
    step = (high - low) / top_code or 1.0
    zero = np.round(-low / step)
    codes = np.clip(np.round(kernel / step) + zero, 0, top_code)
    return (codes - zero) * step


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", metavar="MODEL.keras")
    parser.add_argument("--full", metavar="DATA_DIR")
    options = parser.parse_args()

    small = np.load(os.path.join(os.path.dirname(__file__), "fashion-mobilenetv2.keras.samples.npz"))
    sets = [(small["images"], small["labels"])]
    if options.full:
        sets.append(load(options.full, "t10k"))
    sets = [(scale(images), labels) for images, labels in sets]

    def print_accuracy(title, model):
        for images, labels in sets:
            predicted = model.predict(images, batch_size=500, verbose=0).argmax(axis=-1)
            title += f"   {(predicted == labels).mean():8.2%}"
        print(title)

    for path in options.models:
        original = keras.models.load_model(path, compile=False)
        model = fold(original)
        print(f"{path}: {len(original.layers) - len(model.layers)} batch norms folded")
        print("kernels" + "".join(f"   {len(labels):8,}" for _, labels in sets))
        print_accuracy("float  ", model)
        kernels = [layer.kernel for layer in model.layers if hasattr(layer, "kernel")]
        values = [kernel.numpy() for kernel in kernels]
        for bits in (8, 6, 4):
            for kernel, value in zip(kernels, values):
                kernel.assign(fake_quantize(value, bits))
            print_accuracy(f"{bits}-bit  ", model)


if __name__ == "__main__":
    main()
