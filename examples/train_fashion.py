"""Train a small MobileNetV2 on Fashion-MNIST.

Writes two files to the --out directory:

  fashion-mobilenetv2.keras               the trained network, without optimizer state
  fashion-mobilenetv2.keras.samples.npz   the first 2,000 test images and their labels

The network's input is a [32, 32, 1] image: the 28x28 picture in the middle of
a border of zeros, then scaled from 0..255 to -1..1 by x / 127.5 - 1.

    python train_fashion.py --data /usr/share/datasets/fashion-mnist --out .
"""

import argparse
import gzip
import os
import time

import numpy as np
import tensorflow as tf
import keras
from keras import layers

SEED = 1
BATCH = 128
WIDTH = 0.35
LAST_FILTERS = 512

# Expansion, filters before the width multiplier, repeats, stride of the first:
# the table of the MobileNetV2 paper, one stride fewer for the small image.
STEM_STRIDE = 2
BLOCKS = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 1),
    (6, 320, 1, 1),
]


def read_idx(path, header):
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def load(data_dir, part):
    """Images as uint8 [n, 32, 32, 1], padded with zeros, and labels as uint8 [n]."""
    images = read_idx(os.path.join(data_dir, f"{part}-images-idx3-ubyte.gz"), 16)
    labels = read_idx(os.path.join(data_dir, f"{part}-labels-idx1-ubyte.gz"), 8)
    images = images.reshape(-1, 28, 28, 1)
    return np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0))), labels


def scale(images):
    return images.astype(np.float32) / 127.5 - 1


class Augmented(keras.utils.PyDataset):
    """Shuffled training batches, flipped left to right at random and shifted by up to 2."""

    def __init__(self, images, labels):
        super().__init__()
        self.images, self.labels = images, labels
        self.rng = np.random.default_rng(SEED)
        self.order = self.rng.permutation(len(labels))

    def __len__(self):
        return len(self.labels) // BATCH

    def __getitem__(self, index):
        chosen = self.order[index * BATCH : (index + 1) * BATCH]
        # The border is 2 pixels wide, so going round the edge brings in zeros only.
        rows = (np.arange(32) + self.rng.integers(-2, 3, (BATCH, 1))) % 32
        columns = (np.arange(32) + self.rng.integers(-2, 3, (BATCH, 1))) % 32
        flip = self.rng.random((BATCH, 1)) < 0.5
        columns = np.where(flip, columns[:, ::-1], columns)
        images = self.images[chosen[:, None, None], rows[:, :, None], columns[:, None, :]]
        return scale(images), self.labels[chosen]

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.labels))


def divisible_by_8(filters):
    """The rounding of the reference implementation: never down by more than 10 %."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * filters else rounded + 8


def inverted_residual(x, name, expansion, filters, stride):
    inputs, channels = x, x.shape[-1]
    if expansion > 1:
        x = layers.Conv2D(expansion * channels, 1, use_bias=False, name=f"{name}_expand")(x)
        x = layers.BatchNormalization(name=f"{name}_expand_BN")(x)
        x = layers.ReLU(max_value=6.0, name=f"{name}_expand_relu")(x)
    x = layers.DepthwiseConv2D(
        3, strides=stride, padding="same", use_bias=False, name=f"{name}_depthwise"
    )(x)
    x = layers.BatchNormalization(name=f"{name}_depthwise_BN")(x)
    x = layers.ReLU(max_value=6.0, name=f"{name}_depthwise_relu")(x)
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project")(x)
    x = layers.BatchNormalization(name=f"{name}_project_BN")(x)
    if stride == 1 and filters == channels:
        x = layers.Add(name=f"{name}_add")([inputs, x])
    return x


def mobilenet_v2():
    inputs = keras.Input((32, 32, 1), name="image")
    filters = divisible_by_8(32 * WIDTH)
    x = layers.Conv2D(
        filters, 3, strides=STEM_STRIDE, padding="same", use_bias=False, name="Conv1"
    )(inputs)
    x = layers.BatchNormalization(name="bn_Conv1")(x)
    x = layers.ReLU(max_value=6.0, name="Conv1_relu")(x)
    number = 0
    for expansion, filters, repeats, stride in BLOCKS:
        for repeat in range(repeats):
            name = f"block_{number}" if number else "expanded_conv"
            x = inverted_residual(
                x, name, expansion, divisible_by_8(filters * WIDTH), 1 if repeat else stride
            )
            number += 1
    x = layers.Conv2D(LAST_FILTERS, 1, use_bias=False, name="Conv_1")(x)
    x = layers.BatchNormalization(name="Conv_1_bn")(x)
    x = layers.ReLU(max_value=6.0, name="out_relu")(x)
    x = layers.GlobalAveragePooling2D(name="global_average_pooling2d")(x)
    x = layers.Dense(10, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name="fashion_mobilenetv2")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--out", default=".")
    options = parser.parse_args()

    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.threading.set_inter_op_parallelism_threads(2)
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(SEED)

    images, labels = load(options.data, "train")
    test_images, test_labels = load(options.data, "t10k")
    batches = Augmented(images, labels)

    model = mobilenet_v2()
    model.summary()
    steps = options.epochs * len(batches)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=0.2, warmup_steps=len(batches)
    )
    model.compile(
        keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    start = time.time()
    model.fit(batches, epochs=options.epochs, shuffle=False, verbose=2)
    minutes = (time.time() - start) / 60
    accuracy = model.evaluate(scale(test_images), test_labels, verbose=0)[1]
    print(f"trained in {minutes:.1f} minutes, accuracy on 10,000 test images {accuracy:.4f}")

    # A fresh model with the same weights has no optimizer to save.
    trained = mobilenet_v2()
    trained.set_weights(model.get_weights())
    trained.save(os.path.join(options.out, "fashion-mobilenetv2.keras"))
    np.savez_compressed(
        os.path.join(options.out, "fashion-mobilenetv2.keras.samples.npz"),
        images=test_images[:2000],
        labels=test_labels[:2000],
    )


if __name__ == "__main__":
    main()
