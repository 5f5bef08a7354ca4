"""Images for networks, those that are measured and those that the converter takes the ranges of activations from."""

import gzip
import os

import numpy as np
import tensorflow as tf

SEED = 7
REPRESENTATIVE = 200
CROPS = 96
# The smallest crop, as a part of the shorter side of its photograph.
SMALLEST_CROP = 0.4
IDX_HEADER = 16
SIDE, BORDER = 28, 2


def images_of(job, size):
    """(representative, measured, labels or None) for an input of `size` pixels a side, in -1..1."""
    if "photographs" in job:
        rng = np.random.default_rng(SEED)
        photographs = opened(job["photographs"])
        # The measured ones first, so that they do not depend on how many others there are.
        measured = crops(photographs, size, rng)
        return normalized(crops(photographs, size, rng)), normalized(measured), None
    with np.load(job["labelled"]) as file:
        images, labels = file["images"], file["labels"].astype(int)
    rng = np.random.default_rng(SEED)
    if "training" in job:
        return normalized(from_training(job["training"], rng)), normalized(images), labels
    order = rng.permutation(len(images))
    taken, left = np.split(order, [REPRESENTATIVE])
    return normalized(images[taken]), normalized(images[left]), labels[left]


def normalized(pixels):
    return (pixels / 127.5 - 1).astype("float32")


def from_training(path, rng):
    """Some of the training images of Fashion-MNIST, as the example takes them."""
    with gzip.open(path) as file:
        pixels = np.frombuffer(file.read(), "uint8", offset=IDX_HEADER).reshape(-1, SIDE, SIDE, 1)
    chosen = pixels[rng.permutation(len(pixels))[:REPRESENTATIVE]]
    return np.pad(chosen, ((0, 0), (BORDER, BORDER), (BORDER, BORDER), (0, 0)))


def opened(folder):
    names = sorted(name for name in os.listdir(folder) if name.endswith((".jpg", ".png")))
    return [tf.io.decode_image(tf.io.read_file(os.path.join(folder, name)), channels=3).numpy() for name in names]


def crops(photographs, size, rng):
    """Squares of seeded sizes and places of the photographs in turns."""
    made = []
    for index in range(CROPS):
        photograph = photographs[index % len(photographs)]
        height, width, _ = photograph.shape
        side = round(min(height, width) * rng.uniform(SMALLEST_CROP, 1))
        top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
        square = photograph[top : top + side, left : left + side]
        made.append(np.round(tf.image.resize(square, (size, size), antialias=True)))
    return np.clip(np.array(made), 0, 255)
