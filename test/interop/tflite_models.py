"""Full-integer TFLite models: the converter, what is in a file, and its outputs."""

import collections
import contextlib
import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

THREADS = 2
INTEGERS = {"INT8", "INT32"}


def names_of(enumeration):
    return {value: name for name, value in vars(enumeration).items() if not name.startswith("_")}


OPERATORS = names_of(schema.BuiltinOperator)
TYPES = names_of(schema.TensorType)
ACTIVATIONS = names_of(schema.ActivationFunctionType)


def open_model(path):
    keras.backend.clear_session()
    return keras.models.load_model(path, compile=False)


def converted(model, representative, per_channel):
    """The bytes of a .tflite with int8 inputs and outputs; the ranges of activations are those on `representative`."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in representative)
    # An operator that has no integer kernel is an error then, not one in float.
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    converter._experimental_disable_per_channel = not per_channel
    converter._experimental_disable_per_channel_quantization_for_dense_layers = not per_channel
    # Keras prints every variable, and the caller reads our stdout.
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        return converter.convert()


def contents(content):
    """Operators with the activation fused into them, as {name: count}; tensors that are no integers; kernels of several ranges."""
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    (graph,) = model.subgraphs
    operators = collections.Counter()
    for operator in graph.operators:
        name = OPERATORS[model.operatorCodes[operator.opcodeIndex].builtinCode]
        activation = getattr(operator.builtinOptions, "fusedActivationFunction", 0)
        operators[f"{name}+{ACTIVATIONS[activation]}" if activation else name] += 1
    return {
        "operators": operators,
        "notInteger": sum(TYPES[tensor.type] not in INTEGERS for tensor in graph.tensors),
        # A bias has as many ranges as the kernel beside it.
        "perChannel": sum(TYPES[tensor.type] == "INT8" and ranges_of(tensor) > 1 for tensor in graph.tensors),
    }


def ranges_of(tensor):
    quantization = tensor.quantization
    return 0 if quantization is None or quantization.scale is None else len(quantization.scale)


def outputs_of(content, images):
    """Dequantized outputs, image by image, and whether XNNPACK, which is the usual way to run them, takes the model."""
    try:
        interpreter, is_usual = prepared(content, tf.lite.experimental.OpResolverType.AUTO), True
    except RuntimeError:
        kernels = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        interpreter, is_usual = prepared(content, kernels), False
    (source,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero = source["quantization"]
    outputs = []
    for image in np.clip(np.round(images / scale) + zero, -128, 127).astype("int8"):
        interpreter.set_tensor(source["index"], image[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(result["index"])[0])
    scale, zero = result["quantization"]
    return (np.array(outputs, "float32") - zero) * scale, is_usual


def prepared(content, kernels):
    interpreter = tf.lite.Interpreter(
        model_content=content, num_threads=THREADS, experimental_op_resolver_type=kernels
    )
    interpreter.allocate_tensors()
    return interpreter
