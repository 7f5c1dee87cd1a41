"""Simulated chest films with exact boxes and reports, as a record file.

python -m train.simulate --count 72 --seed 7 --out DIR [--side 512] [--workers 2]
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from lofi.results import Study
from train.simulation.beam import Map
from train.simulation.findings import MAKERS
from train.simulation.study import SimulatedStudy, simulate

__all__ = ["SimulatedStudy", "main", "plan", "simulate"]

PAIRS = (
    ("Effusion", "Atelectasis"),
    ("Cardiomegaly", "Edema"),
    ("Consolidation", "Effusion"),
    ("Cardiomegaly", "Effusion"),
    ("Mass", "Effusion"),
    ("Pneumothorax", "Nodule"),
)
THUMBNAIL = 192


@dataclass(frozen=True)
class Order:
    """One film to make."""

    number: int
    seed: int
    names: tuple[str, ...]
    view: str
    sex: str
    split: str


def plan(count: int, seed: int) -> list[Order]:
    """A balanced list: one film in seven normal, one in five with two findings, every finding equally often."""
    rng = np.random.default_rng([seed, 11])
    names: list[tuple[str, ...]] = [()] * max(1, round(count / 7))
    names += [PAIRS[i % len(PAIRS)] for i in range(round(count / 5))]
    names = names[:count]
    while len(names) < count:
        tally = {name: sum(name in row for row in names) for name in MAKERS}
        names.append((min(tally, key=lambda name: tally[name]),))
    order = rng.permutation(count)
    return [
        Order(
            number=i,
            seed=seed * 100_000 + i,
            names=names[int(order[i])],
            view="AP" if rng.random() < 0.4 else "PA",
            sex="FM"[int(rng.integers(2))],
            split=("train", "val", "test")[int(rng.choice(3, p=[0.8, 0.1, 0.1]))],
        )
        for i in range(count)
    ]


def record(study: Study, order: Order, image: str, thumbnail: str, side: int) -> dict[str, Any]:
    """One line of the record file."""
    return {
        "study_id": study.study_id,
        "image": image,
        "thumbnail": thumbnail,
        "width": side,
        "height": side,
        "split": order.split,
        "patient_id": study.patient_key,
        "source": study.source,
        "view": study.view,
        "age": str(round(study.age or 0)),
        "sex": study.sex,
        "findings": list(study.labels),
        "report": study.report,
        "report_kind": "simulated",
        "simulated": True,
        "boxes": [
            {
                "phrase": box.phrase,
                "label": box.label,
                "kind": box.kind,
                "side": next((side for side in ("right", "left") if side in box.phrase), ""),
                "quality": "exact",
                "box": [round(value, 5) for value in box.box],
            }
            for box in study.boxes
        ],
    }


def make(order: Order, out: Path, side: int, quality: int) -> dict[str, Any]:
    """Simulate one film, write it and its thumbnail, return its record."""
    cv2.setNumThreads(1)
    film = simulate(order.seed, order.names, order.view, side, order.sex)
    name = f"{film.study.study_id}.webp"
    small = cv2.resize(film.pixels, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    _write(out / "images" / name, film.pixels, quality)
    _write(out / "thumbs" / name, small, min(quality, 80))
    return record(film.study, order, f"images/{name}", f"thumbs/{name}", side)


def _write(path: Path, pixels: Map, quality: int) -> None:
    grey = np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    done, data = cv2.imencode(".webp", grey, [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not done:
        raise OSError("This build of OpenCV cannot write WebP.")
    path.write_bytes(data.tobytes())


def _records(orders: Sequence[Order], out: Path, side: int, quality: int, workers: int) -> Iterator[dict[str, Any]]:
    if workers <= 1:
        yield from (make(order, out, side, quality) for order in orders)
        return
    with ProcessPoolExecutor(workers) as pool:
        many = len(orders)
        yield from pool.map(make, orders, [out] * many, [side] * many, [quality] * many, chunksize=4)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m train.simulate", description="Make simulated chest films.")
    parser.add_argument("--count", type=int, default=72, help="films to make (default 72)")
    parser.add_argument("--seed", type=int, default=7, help="the same seed makes the same films (default 7)")
    parser.add_argument("--out", type=Path, required=True, help="folder for images, thumbs and records.jsonl")
    parser.add_argument("--side", type=int, default=512, help="pixels along each side (default 512)")
    parser.add_argument("--quality", type=int, default=86, help="WebP quality (default 86)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    chosen = parser.parse_args(arguments)
    for folder in ("images", "thumbs"):
        (chosen.out / folder).mkdir(parents=True, exist_ok=True)
    orders = plan(chosen.count, chosen.seed)
    made = _records(orders, chosen.out, chosen.side, chosen.quality, chosen.workers)
    partial = chosen.out / "records.jsonl.partial"
    with partial.open("w", encoding="utf-8") as lines:
        for line in tqdm(made, total=len(orders), desc="films", unit="film"):
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")
    partial.replace(chosen.out / "records.jsonl")


if __name__ == "__main__":
    main()
