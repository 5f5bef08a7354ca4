"""The results of all peers as Markdown."""

import json
import math
from pathlib import Path

TITLES = {
    "v1": "MobileNetV1 1.0/224, 1001 classes",
    "dogs": "MobileNetV2 1.0/160, 19 classes",
    "nsfw": "MobileNetV2 1.0/224, 5 classes, stored in uint8",
    "example": "The example on its 2,000 labelled images",
}
PEERS = {"brevitas": "Brevitas", "aimet": "AIMET", "ppq": "PPQ"}


def render_tables(folder: Path) -> str:
    parts = []
    for name, title in TITLES.items():
        results = [json.loads(path.read_text()) for peer in PEERS if (path := folder / name / f"{peer}.json").exists()]
        if results:
            parts += [f"### {title}", _table(results)]
    return "\n\n".join(parts)


def _table(results: list[dict]) -> str:
    plain = results[0]["plain"]
    labelled = "accuracy" in plain["float"]
    widths = [key for key in plain if key.isdigit()]
    header = [f"{bits} bits" for bits in widths] if labelled else ["top-1", "SQNR"]
    rows = [["recipe", *header, "SQNR in float", "kernels scaled", "seconds"], ["---", *["---:"] * (len(header) + 3)]]
    rows.append(_row(plain["recipe"], plain, widths, labelled))
    for result in results:
        peer = PEERS[result["peer"]]
        rows += [_row(f"{peer}: {row['recipe']}", row, widths, labelled) for row in result["rows"]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _row(name: str, row: dict, widths: list[str], labelled: bool) -> list[str]:
    quantized = [row[bits] for bits in widths]
    if labelled:
        cells = [f"{100 * scores['accuracy']:.2f} %" for scores in quantized]
    else:
        cells = [f"{quantized[0]['top1']:.3f}".replace("nan", "NaN"), _decibels(quantized[0]["sqnrDb"])]
    cells.append(_decibels(row["float"]["sqnrDb"]))
    return [name, *cells, row["scaled"], f"{row['seconds']:.1f}"]


def _decibels(value: float) -> str:
    return f"{value:.1f} dB" if math.isfinite(value) else "NaN"


INTEGER_PEERS = {
    "crosslayer": "Crosslayer",
    "onnxruntime": "ONNX Runtime",
    "brevitas": "Brevitas",
    "esp_ppq": "ESP-PPQ",
}


def render_integer_tables(folder: Path) -> str:
    """A table with a range for each kernel, and one with a range for each output channel: outputs, and logits in brackets."""
    names = [name for name in TITLES if any((folder / name).glob("integers-*.json"))]
    parts = []
    for granularity in ("per-tensor", "per-channel"):
        table = [["recipe", *names], ["---", *["---:"] * len(names)]]
        for peer, title in INTEGER_PEERS.items():
            paths = [folder / name / f"integers-{peer}.json" for name in names]
            results = [json.loads(path.read_text()) if path.exists() else [] for path in paths]
            for recipe in dict.fromkeys(row["recipe"] for rows in results for row in rows):
                cells = [next((row[granularity] for row in rows if row["recipe"] == recipe), None) for rows in results]
                table.append([f"{title}: {recipe}", *map(_integer_cell, cells)])
        parts += [f"#### {granularity}", "\n".join(f"| {' | '.join(cells)} |" for cells in table)]
    return "\n\n".join(parts)


def _integer_cell(scores: dict | None) -> str:
    if scores is None:
        return ""
    share = f"{100 * scores['accuracy']:.2f} %" if "accuracy" in scores else f"{scores['top1']:.3f}"
    return f"{share}, {_decibels(scores['outputsDb'])} ({_decibels(scores['logitsDb'])})"
