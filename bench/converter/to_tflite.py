"""Writes a full-integer .tflite of a Keras file with TensorFlow's converter, as its users do.

    python to_tflite.py IN CALIBRATION.npy OUT.tflite [--per-tensor]

Keras 3 opens `.keras` files, tf_keras the others. Inputs, outputs and all tensors between are int8.
"""

import os
import sys

source, calibration, target, *options = sys.argv[1:]
if not source.endswith(".keras"):
    os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf

model = tf.keras.models.load_model(source, compile=False)
samples = np.load(calibration)
converter = tf.lite.TFLiteConverter.from_keras_model(model)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
converter.inference_input_type = converter.inference_output_type = tf.int8
if "--per-tensor" in options:
    converter._experimental_disable_per_channel = True
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
with open(target, "wb") as file:
    file.write(converter.convert())
