"""Runs .tflite files with LiteRT, with and without XNNPACK, and compares their outputs with those that Keras computes in float.

    python litert_run.py < jobs.json

jobs.json is a list of {"name": text, "model": path, "reference": path, "others": [path, ...]}: `reference` is the .npz of
quantized_originals.py, and `others` has the first samples of each output, as another runtime computed them, in float32. Prints
a JSON object on a line for each:

- "operators": how many; "delegated": how many of them XNNPACK takes
- "withoutXnnpack", "elsewhere": how far the codes of the built-in kernels, and of the other runtime, are from those of XNNPACK:
  {"most": the largest difference, "share": of all codes those that differ}; the outputs of floats are no codes: null
- "outputs": of each what is left of Keras' output, as {"sqnr": in dB, "sameTop1": share of the samples}
- "accuracy": where there are labels, else null

or {"name": text, "error": text}.
"""

import json
import os
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

THREADS = 2
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
    codes = np.round(x / np.float32(scale)) + zero_point
    return np.clip(codes, *LARGEST[port["dtype"].__name__]).astype(port["dtype"])[None]


def decoded(codes, port):
    scale, zero_point = port["quantization"]
    return codes if port["dtype"] == np.float32 else scale * (codes.astype("float64") - zero_point)


def delegated(interpreter):
    """(all operators, those that stay with the built-in kernels)."""
    names = [operator["op_name"] for operator in interpreter._get_ops_details()]
    return len([name for name in names if name != "DELEGATE"]), "DELEGATE" in names


def apart(ports, some, others):
    """How far codes differ; None where there are none."""
    pairs = [
        np.abs(one.astype(int) - other.astype(int)).ravel()
        for port, one, other in zip(ports, some, others)
        if port["dtype"] != np.float32
    ]
    if not pairs:
        return None
    differences = np.concatenate(pairs)
    return {"most": int(differences.max()), "share": float((differences > 0).mean())}


def elsewhere(ports, codes, paths):
    """How far the codes of the other runtime are."""
    theirs = []
    for port, path in zip(ports, paths):
        values = np.fromfile(path, "float32").astype("float64").reshape(-1, *port["shape"][1:])
        scale, zero_point = port["quantization"]
        theirs.append(values if port["dtype"] == np.float32 else np.round(values / scale) + zero_point)
    return apart(ports, [mine[: len(other)] for mine, other in zip(codes, theirs)], theirs)


def left_of(wanted, actual):
    noise = np.sum((wanted - actual.reshape(wanted.shape)) ** 2)
    rows = wanted.reshape(len(wanted), -1)
    same = rows.argmax(axis=-1) == actual.reshape(rows.shape).argmax(axis=-1)
    return {"sqnr": float(10 * np.log10(np.sum(wanted**2) / noise)) if noise > 0 else None, "sameTop1": float(same.mean())}


def result_of(job):
    with np.load(job["reference"]) as file:
        count = len([name for name in file.keys() if name.startswith("x_")])
        inputs = [file[f"x_{index}"] for index in range(count)]
        wanted = [file[f"y_original_{index}"].astype("float64") for index in range(len(file.keys()) - count)]
    usual = File(job["model"], OpResolverType.AUTO)
    builtin = File(job["model"], OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    codes = usual.run(inputs)
    labels = f"{job['reference']}.labels.npy"
    values = [decoded(one, port) for one, port in zip(codes, usual.outputs)]
    operators, has_xnnpack = delegated(usual.interpreter)
    return {
        "operators": operators,
        "xnnpack": has_xnnpack,
        "withoutXnnpack": apart(usual.outputs, codes, builtin.run(inputs)),
        "elsewhere": elsewhere(usual.outputs, codes, job["others"]),
        "outputs": [left_of(*pair) for pair in zip(wanted, values)],
        "accuracy": float((values[0].argmax(axis=-1) == np.load(labels)).mean()) if os.path.exists(labels) else None,
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
