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
