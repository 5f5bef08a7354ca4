"""Opens models and compares their outputs with those recorded of the originals.

    python check.py < jobs.json

jobs.json is a list of {"name": text, "model": path, "reference": path, "tolerance": number}.
Prints a line for each, which begins with ok or FAIL and gives the largest difference
relative to the largest value of that output.
"""

import json
import sys

from keras_models import load_reference, open_model, outputs_of, relative_difference


def compare(job):
    """The largest relative difference over all outputs."""
    inputs, wanted = load_reference(job["reference"])
    actual = outputs_of(open_model(job["model"]), inputs)
    if len(actual) != len(wanted):
        raise ValueError(f"{len(actual)} outputs, the original has {len(wanted)}")
    return max(map(relative_difference, actual, wanted))


def main():
    for job in json.load(sys.stdin):
        try:
            difference = compare(job)
            verdict = "ok  " if difference < job["tolerance"] else "FAIL"
            print(f"{verdict} {difference:8.1e}  {job['name']}", flush=True)
        except Exception as error:  # whatever Keras throws at a file is a finding
            reason = " ".join(str(error).split())[:300]
            print(f"FAIL          {job['name']}: {type(error).__name__}: {reason}", flush=True)


if __name__ == "__main__":
    main()
