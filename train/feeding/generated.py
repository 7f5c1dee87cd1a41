"""A handful of made-up films with boxes and reports for smoke runs: noise with bright discs, no anatomy at all."""

import json
from pathlib import Path

import cv2
import numpy as np

from train.data.turns import alone

FINDINGS = {"Mass": "mass", "Consolidation": "consolidation", "Nodule": "nodule"}


def generate(folder: Path, count: int, side: int = 96, seed: int = 0) -> Path:
    """Write ``count`` films and ``records.jsonl``, three of four for training; return the record file.

    Every third film is clear. The others have one disc or two, boxed exactly, and a sentence for each. Of several
    processes one writes them.
    """
    path, asked = folder / "records.jsonl", json.dumps([count, side, seed])
    made = folder / "made.json"
    with alone(folder / "lock"):
        if not (made.is_file() and made.read_text() == asked):
            _write(path, count, side, seed)
            made.write_text(asked)
    return path


def _write(path: Path, count: int, side: int, seed: int) -> None:
    lines = []
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        pixels = cv2.resize(rng.uniform(0.2, 0.5, (6, 5)), (side - 16, side), interpolation=cv2.INTER_CUBIC)
        boxes = []
        for name in rng.choice(list(FINDINGS), number % 3, replace=False).tolist():
            radius, (x, y) = int(rng.integers(5, 12)), rng.integers(16, side - 32, 2).tolist()
            cv2.circle(pixels, (x, y), radius, 0.95, -1)
            where = "right" if x < (side - 16) / 2 else "left"
            width = side - 16
            edges = [(x - radius) / width, (y - radius) / side, (x + radius) / width, (y + radius) / side]
            boxes.append(
                {
                    "phrase": f"{where} {FINDINGS[name]}",
                    "label": name,
                    "kind": "finding",
                    "side": where,
                    "quality": "exact",
                    "box": edges,
                }
            )
        cv2.imwrite(str(path.parent / f"{number}.png"), np.clip(pixels * 255, 0, 255).astype(np.uint8))
        found = ". ".join(f"There is a {box['phrase']}" for box in boxes) or "The lungs are clear. No effusion"
        lines.append(
            {
                "image": f"{number}.png",
                "patient_id": f"p{number}",
                "source": "simulated",
                "split": "val" if number % 4 == 3 else "train",
                "findings": [box["label"] for box in boxes] or ["No Finding"],
                "report": f"{found}. The heart is not enlarged.",
                "boxes": boxes,
            }
        )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
