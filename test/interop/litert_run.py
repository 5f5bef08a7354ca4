"""Runs .tflite files with LiteRT, with and without XNNPACK, and compares their outputs with those that Keras computes in float.

    python litert_run.py < jobs.json

jobs.json is a list of {"name": text, "model": path, "reference": path, "others": path}: `reference` is the .npz of
quantized_originals.py, and `others` with an index behind it has the first samples of an output, as LiteRT's wasm computed them, in
float32. Prints a JSON object on a line for each:

- "xnnpack": whether it took any operator
- "outputs", "builtinOutputs": of each what is left of Keras' output, as {"sqnr": in dB, "sameTop1": share of the samples, or null};
  the second by the built-in kernels, on the first samples
- "builtin", "wasm": of each output how far the codes of the built-in kernels, on the first samples, and those of the wasm are from
  those of XNNPACK: {"most": the largest difference, "share": of all codes those that differ, "sameTop1"}; floats
  count in steps of their grid
- "accuracy": where there are labels, else null

or {"name": text, "error": text}.
"""

import json
import os
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

THREADS = 1
# The built-in kernels are slow.
FEW = 200
LARGEST = {"int8": (-128, 127), "uint8": (0, 255)}


class File:
    """One file, by one set of kernels."""

    def __init__(self, path, kernels):
        self.interpreter = Interpreter(path, experimental_op_resolver_type=kernels, num_threads=THREADS)
        self.interpreter.allocate_tensors()
        self.inputs = self.interpreter.get_input_details()
        self.outputs = self.interpreter.get_output_details()

    def run(self, inputs):
        """The codes of all outputs, samples first."""
        made = [[] for _ in self.outputs]
        for sample in range(len(inputs[0])):
            for port, x in zip(self.inputs, inputs):
                self.interpreter.set_tensor(port["index"], encoded(x[sample], port))
            self.interpreter.invoke()
            for codes, port in zip(made, self.outputs):
                codes.append(self.interpreter.get_tensor(port["index"]))
        return [np.concatenate(codes) for codes in made]


def encoded(x, port):
    """One sample in the type of the file, with a batch of one."""
    if port["dtype"] == np.float32:
        return x[None]
    scale, zero_point = port["quantization"]
    steps = x.astype("float64") / scale
    # Halves away from zero, as the operator QUANTIZE has them.
    codes = np.trunc(steps + np.copysign(0.5, steps)) + zero_point
    return np.clip(codes, *LARGEST[port["dtype"].__name__]).astype(port["dtype"])[None]


def decoded(codes, port):
    scale, zero_point = port["quantization"]
    return codes if port["dtype"] == np.float32 else scale * (codes.astype("float64") - zero_point)


def apart(port, some, others):
    """How far codes differ, or floats in steps of their grid, of as many samples as there are of `others`."""
    some = some[: len(others)]
    step = np.diff(np.unique(some)).min() if port["dtype"] == np.float32 else 1
    differences = np.round(np.abs(some.astype("float64") - others.astype("float64")) / step)
    return {"most": int(differences.max()), "share": float((differences > 0).mean()), "sameTop1": same_top1(some, others)}


def codes_of(port, path):
    """Those of the other runtime."""
    values = np.fromfile(path, "float32").reshape(-1, *port["shape"][1:])
    if port["dtype"] == np.float32:
        return values
    scale, zero_point = port["quantization"]
    return np.round(values / np.float32(scale)) + zero_point


def left_of(port, wanted, codes):
    """What is left of the output that is wanted."""
    actual, wanted = decoded(codes, port), wanted[: len(codes)]
    noise = np.sum((wanted - actual) ** 2)
    return {"sqnr": float(10 * np.log10(np.sum(wanted**2) / noise)), "sameTop1": same_top1(wanted, actual)}


def same_top1(some, others):
    """Share of the samples; None of what is no row of classes."""
    return float((some.argmax(axis=-1) == others.argmax(axis=-1)).mean()) if some.ndim == 2 else None


def result_of(job):
    with np.load(job["reference"]) as file:
        count = len([name for name in file.keys() if name.startswith("x_")])
        inputs = [file[f"x_{index}"] for index in range(count)]
        wanted = [file[f"y_original_{index}"].astype("float64") for index in range(len(file.keys()) - count)]
    usual = File(job["model"], OpResolverType.AUTO)
    builtin = File(job["model"], OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    codes = usual.run(inputs)
    few = builtin.run([x[:FEW] for x in inputs])
    theirs = [codes_of(port, f"{job['others']}{index}") for index, port in enumerate(usual.outputs)]
    labels = f"{job['reference']}.labels.npy"
    return {
        "xnnpack": "DELEGATE" in [operator["op_name"] for operator in usual.interpreter._get_ops_details()],
        "outputs": [left_of(*one) for one in zip(usual.outputs, wanted, codes)],
        "builtinOutputs": [left_of(*one) for one in zip(usual.outputs, wanted, few)],
        "builtin": [apart(*one) for one in zip(usual.outputs, codes, few)],
        "wasm": [apart(*one) for one in zip(usual.outputs, codes, theirs)],
        "accuracy": float((codes[0].argmax(axis=-1) == np.load(labels)).mean()) if os.path.exists(labels) else None,
    }


def main():
    for job in json.load(sys.stdin):
        try:
            result = result_of(job)
        except Exception as error:  # whatever LiteRT throws at a file is a finding
            result = {"error": " ".join(str(error).split())[:300]}
        print(json.dumps({"name": job["name"], **result}), flush=True)


if __name__ == "__main__":
    main()
