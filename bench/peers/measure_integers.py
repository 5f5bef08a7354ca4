"""Measures one peer with kernels and activations in 8 bits, and prints the tables of all peers measured so far.

    python bench/peers/measure_integers.py crosslayer|onnxruntime|brevitas|esp_ppq [NETWORK ...]

The networks are those that prepare.ts wrote. Each peer quantizes in its own way, calibrated on other inputs than those that
are measured.
"""

import argparse
import contextlib
import importlib
import json
import sys
import time

import numpy as np
import torch

from measure import FOLDER, NETWORKS, Bench
from tables import render_integer_tables

GRANULARITIES = ("per-tensor", "per-channel")
OURS = {"without-data": "without data", "calibrated": "calibrated"}
# Of a softmax, as full-integer .tflite files have it.
OUTPUT_STEPS = 256


class IntegerBench:
    """A network with the inputs that calibrate, those that are measured, and what is expected of these."""

    def __init__(self, name: str) -> None:
        bench = Bench(name)
        self.folder = FOLDER / name
        self.network = bench.network
        self.calibration = np.ascontiguousarray(np.load(self.folder / "calibration.npy").transpose(0, 3, 1, 2))
        # Of labelled images the first ones calibrate.
        self.first = 0 if bench.labels is None else len(self.calibration)
        self.inputs = bench.inputs[self.first :]
        self.expected = bench.expected[self.first :]
        self.labels = None if bench.labels is None else bench.labels[self.first :]

    def scores(self, logits: np.ndarray) -> dict[str, float]:
        outputs = np.round(softmax(logits) * OUTPUT_STEPS).clip(0, OUTPUT_STEPS - 1) / OUTPUT_STEPS
        classes = logits.argmax(axis=1)
        scores = {
            "top1": float((classes == self.expected.argmax(axis=1)).mean()),
            "logitsDb": sqnr_db(self.expected, logits),
            "outputsDb": sqnr_db(softmax(self.expected), outputs),
        }
        if self.labels is not None:
            scores["accuracy"] = float((classes == self.labels).mean())
        return scores

    def measure(self, recipe: object) -> dict:
        row: dict = {"recipe": recipe.name}
        for granularity in GRANULARITIES:
            began = time.perf_counter()
            run = recipe.quantize(self.network, self.calibration, per_channel=granularity == "per-channel")
            seconds = time.perf_counter() - began
            row[granularity] = {**self.scores(run(self.inputs)), "seconds": seconds}
            print(f"  {recipe.name}, {granularity}: {json.dumps(row[granularity])}", file=sys.stderr)
        return row

    def ours(self) -> list[dict]:
        """The rows of Crosslayer, of the logits that prepare.ts wrote."""
        return [
            {
                "recipe": name,
                **{
                    granularity: self.scores(np.load(self.folder / f"ours-{key}-{granularity}.npy")[self.first :])
                    for granularity in GRANULARITIES
                },
            }
            for key, name in OURS.items()
        ]


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(np.float64(logits) - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def sqnr_db(expected: np.ndarray, made: np.ndarray) -> float:
    a, b = np.float64(expected), np.float64(made)
    return float(10 * np.log10((a**2).sum() / ((a - b) ** 2).sum()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=("crosslayer", "onnxruntime", "brevitas", "esp_ppq"))
    parser.add_argument("networks", nargs="*", default=NETWORKS, metavar="NETWORK", help=", ".join(NETWORKS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    # PPQ greets on stdout.
    with contextlib.redirect_stdout(sys.stderr):
        peer = None if options.peer == "crosslayer" else importlib.import_module(f"integers_{options.peer}")
        for name in options.networks:
            bench = IntegerBench(name)
            rows = [bench.measure(recipe) for recipe in peer.RECIPES] if peer else bench.ours()
            (FOLDER / name / f"integers-{options.peer}.json").write_text(json.dumps(rows, indent=2))
    print(render_integer_tables(FOLDER))


if __name__ == "__main__":
    main()
