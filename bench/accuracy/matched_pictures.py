"""Pictures whose means and deviations in front of batch norms are those that these keep (ZeroQ, Cai et al. 2020).

    python bench/accuracy/matched_pictures.py model.h5 FOLDER/NAME.npy [--count 16] [--steps 200] [--low -1 --high 1]

with TensorFlow 2.15 and a model in an .h5 file for Keras 2 (`crosslayer convert --keras 2`). Without --low and --high they
start as noise of --scale and may become whatever they like. `npm run bench:accuracy -- --part integers --calibration FOLDER NAME`
measures ranges on them.
"""

import argparse

import numpy as np
import tensorflow as tf

SEED = 7

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("out")
parser.add_argument("--count", type=int, default=16)
parser.add_argument("--steps", type=int, default=200)
parser.add_argument("--low", type=float)
parser.add_argument("--high", type=float)
parser.add_argument("--scale", type=float, default=1)
given = parser.parse_args()

model = tf.keras.models.load_model(given.model, compile=False)
model.trainable = False
batch_norms = [layer for layer in model._flatten_layers() if isinstance(layer, tf.keras.layers.BatchNormalization)]
inputs_of = tf.keras.Model(model.inputs, [layer.input for layer in batch_norms])
shape = (given.count, *model.input_shape[1:])
rng = np.random.default_rng(SEED)
is_bounded = given.low is not None and given.high is not None
start = rng.uniform(given.low, given.high, shape) if is_bounded else given.scale * rng.normal(size=shape)
pictures = tf.Variable(start.astype("float32"))
rate = 0.1 * ((given.high - given.low) / 4 if is_bounded else given.scale)
optimizer = tf.keras.optimizers.Adam(rate)


@tf.function
def step():
    with tf.GradientTape() as tape:
        loss = 0.0
        for layer, read in zip(batch_norms, inputs_of(pictures, training=False)):
            mean, variance = tf.nn.moments(read, list(range(len(read.shape) - 1)))
            # In units of the deviation, so that no layer counts for its size.
            deviation = tf.sqrt(layer.moving_variance + 1e-6)
            loss += tf.reduce_mean(tf.square((mean - layer.moving_mean) / deviation))
            loss += tf.reduce_mean(tf.square(tf.sqrt(variance + 1e-12) / deviation - 1))
    return loss / len(batch_norms), tape.gradient(loss, pictures)


for index in range(given.steps):
    if index == given.steps * 2 // 3:
        optimizer.learning_rate.assign(rate / 5)
    loss, gradient = step()
    optimizer.apply_gradients([(gradient, pictures)])
    if is_bounded:
        pictures.assign(tf.clip_by_value(pictures, given.low, given.high))
    if index % 20 == 0 or index == given.steps - 1:
        print(index, float(loss), flush=True)
np.save(given.out, pictures.numpy())
