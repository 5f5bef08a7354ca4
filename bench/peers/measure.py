"""Measures one peer on the networks that prepare.ts wrote, and prints the tables of all peers measured so far.

    python bench/peers/measure.py brevitas|aimet|ppq [NETWORK ...]

A peer that is not installed here cannot be measured here: each has an environment of its own, see README.md.
"""

import argparse
import contextlib
import copy
import importlib
import json
import math
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import nn

from keras_file import read_network
from network import Network, fold
from quantizer import KERNELS, quantize_kernels
from recipe import Recipe
from tables import render_tables
from torch_network import run, to_torch

FOLDER = Path(__file__).parents[2] / ".cache/bench/peers"
NETWORKS = ("v1", "dogs", "nsfw", "example")
BITS = {"example": (8, 6, 4)}
# How much of the largest logit PyTorch's may differ from Crosslayer's, both in float32.
TOLERANCE = 1e-4
SEED = 5


class Bench:
    """A network with its inputs, and what its float original makes of them."""

    def __init__(self, name: str) -> None:
        folder = FOLDER / name
        self.network: Network = read_network(str(folder / "model.h5"))
        self.inputs = np.ascontiguousarray(np.load(folder / "inputs.npy").transpose(0, 3, 1, 2))
        self.expected = np.load(folder / "logits.npy")
        self.labels = np.load(folder / "labels.npy") if (folder / "labels.npy").exists() else None
        self.bits = BITS.get(name, (8,))
        logits = run(to_torch(self.network), self.inputs)
        difference = np.abs(logits - self.expected).max() / np.abs(self.expected).max()
        if difference > TOLERANCE:
            raise ValueError(f"{name}: read into PyTorch, the network differs by {difference} from Crosslayer's")
        print(f"{name}: PyTorch's logits differ from Crosslayer's by {difference:.1e}", file=sys.stderr)

    def calibration(self, kind: str) -> np.ndarray:
        """Half of the crops, a tenth of the labelled images, or as much noise."""
        inputs = self.inputs[: len(self.inputs) // (2 if self.labels is None else 10)]
        if kind == "crops":
            return inputs
        random = np.random.default_rng(SEED)
        return random.uniform(inputs.min(), inputs.max(), inputs.shape).astype(np.float32)

    def scores(self, logits: np.ndarray) -> dict[str, float]:
        if not np.isfinite(logits).all():
            return dict.fromkeys(("top1", "sqnrDb", *(() if self.labels is None else ("accuracy",))), math.nan)
        a, b = np.float64(self.expected), np.float64(logits)
        classes = logits.argmax(axis=1)
        scores = {
            "top1": float((classes == self.expected.argmax(axis=1)).mean()),
            "sqnrDb": float(10 * np.log10((a**2).sum() / ((a - b) ** 2).sum())),
        }
        if self.labels is not None:
            scores["accuracy"] = float((classes == self.labels).mean())
        return scores

    def measure(self, recipe: Recipe) -> dict:
        calibration = self.calibration(recipe.calibration)
        began = time.perf_counter()
        prepared = recipe.prepare(self.network)
        if recipe.calibrate:
            recipe.calibrate(prepared, calibration)
        row = {"recipe": recipe.name, "seconds": time.perf_counter() - began}
        row["scaled"] = scaled_kernels(to_torch(fold(self.network)), prepared)
        row["float"] = self.scores(run(prepared, self.inputs))
        for bits in self.bits:
            model = copy.deepcopy(prepared)
            if recipe.correct:
                recipe.correct(model, bits, calibration)
            quantize_kernels(model, bits)
            row[str(bits)] = self.scores(run(model, self.inputs))
        print(f"  {json.dumps(row)}", file=sys.stderr)
        return row


def scaled_kernels(plain: nn.Module, prepared: nn.Module) -> str:
    """How many kernels are others than those of the folded network, by more than rounding."""
    before, after = kernels_of(plain), kernels_of(prepared)
    if before.keys() != after.keys():
        raise ValueError(f"other layers than before: {sorted(before.keys() ^ after.keys())}")
    changes = {name: float((after[name] - kernel).abs().max() / kernel.abs().max()) for name, kernel in before.items()}
    # A NaN is a change too.
    return f"{sum(not change <= TOLERANCE for change in changes.values())} of {len(changes)}"


def kernels_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """Kernels by the names of their layers, also of those that Brevitas wrapped."""
    return {
        name.removesuffix(".layer"): module.weight
        for name, module in model.named_modules()
        if isinstance(module, KERNELS)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=("brevitas", "aimet", "ppq"))
    parser.add_argument("networks", nargs="*", default=NETWORKS, metavar="NETWORK", help=", ".join(NETWORKS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    # PPQ greets on stdout.
    with contextlib.redirect_stdout(sys.stderr):
        peer = importlib.import_module(f"with_{options.peer}")
    plain = Recipe("batch norms folded, nothing else", lambda network: to_torch(fold(network)))
    for name in options.networks:
        if not (FOLDER / name / "model.h5").exists():
            print(f"{name}: left out, prepare.ts wrote nothing", file=sys.stderr)
            continue
        bench = Bench(name)
        result = {
            "peer": options.peer,
            "versions": {package: version(package) for package in peer.PACKAGES},
            "plain": bench.measure(plain),
            "rows": [bench.measure(recipe) for recipe in peer.RECIPES],
        }
        (FOLDER / name / f"{options.peer}.json").write_text(json.dumps(result, indent=2))
    print(render_tables(FOLDER))


if __name__ == "__main__":
    main()
