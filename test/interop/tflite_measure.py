"""Converts models to full-integer TFLite and measures them.

    python tflite_measure.py < job.json

job.json is {"original": path, "models": [{"name", "path", "perChannel": [false, true]}], and either "photographs": folder,
or "labelled": .npz with "images" and "labels", of which some are taken as representative data, or where they are given
"training": a file of training images}. Prints a JSON object on a line for each model and each of its "perChannel".
"""

import json
import sys
import time

from tflite_images import images_of
from tflite_models import contents, converted, open_model, outputs_of

BATCH = 32


def classes_of(model, images):
    return model.predict(images, batch_size=BATCH, verbose=0).argmax(axis=-1)


def main():
    job = json.load(sys.stdin)
    original = open_model(job["original"])
    representative, images, labels = images_of(job, original.inputs[0].shape[1])
    wanted = classes_of(original, images)

    def shares(classes):
        accuracy = None if labels is None else float((classes == labels).mean())
        return {"agreement": float((classes == wanted).mean()), "accuracy": accuracy}

    print(json.dumps({"name": "original", "images": len(images), "float": shares(wanted)}), flush=True)
    for entry in job["models"]:
        model = open_model(entry["path"])
        in_float = shares(classes_of(model, images))
        for per_channel in entry["perChannel"]:
            start = time.monotonic()
            content = converted(model, representative, per_channel)
            seconds = time.monotonic() - start
            outputs, is_usual = outputs_of(content, images)
            result = {
                "name": entry["name"],
                "wantsPerChannel": per_channel,
                "float": in_float,
                "integer": shares(outputs.argmax(axis=-1)),
                "xnnpack": is_usual,
                "bytes": len(content),
                "seconds": seconds,
                **contents(content),
            }
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
