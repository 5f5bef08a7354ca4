"""Writes a functional model of Keras 3 as an .h5 file of Keras 2, the one kind of Keras file whose conversion TF.js opens.

    python keras3_to_h5.py IN.keras OUT.h5

Each layer is made again by the class of the same name in tf_keras, from those of its settings that both versions have.
"""

import inspect
import sys

import keras
import tf_keras


def converted(model: keras.Model) -> tf_keras.Model:
    tensors = {id(tensor): tf_keras.Input(tensor.shape[1:], name=tensor.name) for tensor in model.inputs}
    inputs = list(tensors.values())
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        again = layer_of_keras_2(layer)
        read = [tensors[id(tensor)] for tensor in as_list(layer.input)]
        tensors[id(layer.output)] = again(read[0] if len(read) == 1 else read)
        again.set_weights(layer.get_weights())
    outputs = [tensors[id(tensor)] for tensor in model.outputs]
    return tf_keras.Model(inputs, outputs, name=model.name)


def layer_of_keras_2(layer: keras.Layer) -> tf_keras.layers.Layer:
    kind = getattr(tf_keras.layers, type(layer).__name__)
    known = inspect.signature(kind.__init__).parameters
    # Nested settings (initializers, regularizers) are for training, and their forms differ; so does that of a dtype.
    settings = {name: value for name, value in layer.get_config().items() if name in known and not isinstance(value, dict)}
    return kind(**settings, name=layer.name)


def as_list(value):
    return value if isinstance(value, list) else [value]


if __name__ == "__main__":
    source, target = sys.argv[1:]
    converted(keras.models.load_model(source, compile=False)).save(target, save_format="h5")
