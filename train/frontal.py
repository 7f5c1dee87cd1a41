"""Fit and measure the check that a picture is a frontal chest film (lofi.film.frontal).

``python -m train.frontal`` fits on the train split of the shared films and writes ``lofi/film/frontal.json``;
``python -m train.frontal --report`` measures what is shipped on films, views and pictures it was not fitted on.
Natural pictures come from the packages scikit-image, scikit-learn, matplotlib and gradio as far as installed.
"""

import argparse
import base64
import importlib.util
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lofi.errors import LofiError
from lofi.film import dicom
from lofi.film.elements import read_elements
from lofi.film.frontal import FrontalCheck, features, fitted, thumbnail

REPOSITORY = Path(__file__).resolve().parent.parent
OUTPUT = REPOSITORY / "lofi" / "film" / "frontal.json"
COMPONENTS = 40
RIDGE = 1e-3
FLAGGED_IN_TRAINING = 0.01
"""Share of frontal training films, every source counting alike, that the threshold gives up."""
FRONTAL = frozenset({"PA", "AP", "AP Supine", "frontal (PA or AP, not recorded)"})
PICTURES = {
    "fit": ("skimage/data",),
    "held out": ("sklearn/datasets/images", "matplotlib/mpl-data/sample_data", "gradio/media_assets/images"),
}
"""Folders of installed packages with natural pictures: fitted on the first, measured on the second."""
_KEPT = 96


@dataclass(frozen=True)
class Sample:
    """A picture shrunk to 96 × 96 and how it came to be; ``aspect`` is its true height / width."""

    pixels: NDArray[np.float32]
    aspect: float
    kind: str


def shrink(pixels: NDArray[np.float32], kind: str) -> Sample:
    """Sample of an (H, W) picture in 0–1."""
    small = cv2.resize(pixels, (_KEPT, _KEPT), interpolation=cv2.INTER_AREA)
    return Sample(small, pixels.shape[0] / pixels.shape[1], kind)


def films(shared: Path, splits: tuple[str, ...]) -> tuple[list[Sample], list[Sample]]:
    """Frontal and lateral films of some splits; ``kind`` is the source. Films of unknown view are left out."""
    with (shared / "cxr" / "records.jsonl").open() as lines:
        rows = [row for row in map(json.loads, lines) if row["split"] in splits]
    rows = [row for row in rows if row.get("view") in FRONTAL or row.get("view") == "L"]

    def read(row: dict[str, str]) -> Sample:
        grey = cv2.imread(str(shared / "cxr" / row["image"]), cv2.IMREAD_GRAYSCALE)
        return shrink(grey.astype(np.float32) / 255, "lateral" if row["view"] == "L" else row["source"])

    with ThreadPoolExecutor(2) as pool:
        samples = list(pool.map(read, rows))
    return [s for s in samples if s.kind != "lateral"], [s for s in samples if s.kind == "lateral"]


def spoiled(frontal: list[Sample], rng: np.random.Generator, each: int) -> Iterator[Sample]:
    """``each`` of every kind of picture that a frontal film becomes when it is turned, inverted or cut."""
    for kind in ("quarter turn", "upside down", "inverted", "cut-out"):
        for index in rng.choice(len(frontal), each):
            film = frontal[index]
            pixels, aspect = film.pixels, film.aspect
            if kind == "quarter turn":
                pixels, aspect = np.rot90(pixels, rng.choice([1, 3])), 1 / aspect
            elif kind == "upside down":
                pixels = np.rot90(pixels, 2)
            elif kind == "inverted":
                pixels = 1 - pixels
            else:
                side = int(_KEPT * rng.uniform(0.3, 0.5))
                y, x = rng.integers(0, _KEPT - side, 2)
                pixels = pixels[y : y + side, x : x + side]
            yield Sample(np.ascontiguousarray(pixels), aspect, kind)


def drawn(rng: np.random.Generator, each: int) -> Iterator[Sample]:
    """``each`` of noise, gradients, blobs and pages of text-like lines."""
    for _ in range(each):
        yield Sample(rng.random((_KEPT, _KEPT), dtype=np.float32), rng.uniform(0.7, 1.4), "noise")
        y, x = np.mgrid[:_KEPT, :_KEPT] / _KEPT
        slope = np.cos(angle := rng.uniform(0, 7)) * x + np.sin(angle) * y
        yield Sample(slope.astype(np.float32), rng.uniform(0.7, 1.4), "gradient")
        smooth = cv2.GaussianBlur(rng.random((_KEPT, _KEPT), dtype=np.float32), (0, 0), float(rng.uniform(2, 16)))
        yield Sample(smooth, rng.uniform(0.7, 1.4), "blobs")
        page = np.ones((_KEPT, _KEPT), dtype=np.float32)
        for line in range(8, _KEPT - 8, int(rng.integers(5, 12))):
            page[line : line + 3, 8 : int(rng.integers(40, 88))] = rng.random()
        yield Sample(page, rng.uniform(0.7, 1.5), "page")


def pictures(which: str, rng: np.random.Generator, crops: int) -> list[Sample]:
    """Natural pictures of installed packages, each whole and in ``crops`` random cut-outs."""
    found = []
    for folder in PICTURES[which]:
        package, _, rest = folder.partition("/")
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        for path in sorted((Path(spec.origin).parent / rest).iterdir()):
            grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.suffix in (".png", ".jpg", ".jpeg") else None
            if grey is None or min(grey.shape) < 200:
                continue
            levels = grey.astype(np.float32) / 255
            found.append(shrink(levels, "natural picture"))
            for _ in range(crops):
                height, width = (int(size * rng.uniform(0.4, 0.9)) for size in grey.shape)
                y, x = rng.integers(0, grey.shape[0] - height), rng.integers(0, grey.shape[1] - width)
                found.append(shrink(levels[y : y + height, x : x + width], "natural picture"))
    return found


def other_radiographs(shared: Path) -> list[Sample]:
    """Pixels of the DICOM files that are no chest film, whatever their tags say."""
    found = []
    for path in sorted((shared / "dicom" / "not_chest").iterdir()):
        try:
            pixels = dicom.stored_film(read_elements(path.read_bytes())).pixels
        except LofiError:
            continue
        # One of these is a chest film in every respect but its tag.
        if "NIH" not in path.name:
            found.append(shrink(pixels, "other DICOM"))
    return found


def described(samples: list[Sample], mean: NDArray[np.float64], parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, f) features."""
    return np.stack([features(thumbnail(s.pixels), (s.aspect, 1.0), mean, parts) for s in samples])


def balanced(samples: list[Sample]) -> NDArray[np.float64]:
    """(n,) weights that sum to one, every kind counting alike."""
    kinds, places, counts = np.unique([s.kind for s in samples], return_inverse=True, return_counts=True)
    return 1.0 / counts[places] / len(kinds)


def logistic(
    values: NDArray[np.float64], labels: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(f + 1,) ridge logistic regression by Newton's method; the last is the bias."""
    design = np.column_stack([values, np.ones(len(values))])
    ridge = RIDGE * np.eye(design.shape[1])
    ridge[-1, -1] = 0
    solution = np.zeros(design.shape[1])
    for _ in range(50):
        likely = 1 / (1 + np.exp(-np.clip(design @ solution, -30, 30)))
        gradient = design.T @ (weights * (likely - labels)) + ridge @ solution
        curvature = (design * (weights * likely * (1 - likely))[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature, gradient)
        solution -= step
        if np.abs(step).max() < 1e-8:
            break
    return solution


def fit(shared: Path, seed: int = 0) -> FrontalCheck:
    """The check fitted on the train split, its numbers rounded as they are shipped."""
    rng = np.random.default_rng(seed)
    frontal, lateral = films(shared, ("train",))
    others = [*lateral, *spoiled(frontal, rng, 1500), *drawn(rng, 300), *pictures("fit", rng, 40)]
    ranks = np.stack([thumbnail(s.pixels) for s in frontal])
    share = balanced(frontal)
    mean = np.round(share @ ranks, 3)
    spread = (ranks - mean) * np.sqrt(share)[:, None]
    parts = np.linalg.svd(spread, full_matrices=False)[2][:COMPONENTS]
    step = component_step(parts)
    parts = np.round(parts / step) * step
    values = described([*frontal, *others], mean, parts)
    labels = np.repeat([1.0, 0.0], [len(frontal), len(others)])
    weights = np.concatenate([share, balanced(others)]) / 2
    centre, scale = weights @ values, np.sqrt(weights @ (values - weights @ values) ** 2)
    centre, scale = np.array([float(f"{v:.5g}") for v in centre]), np.array([float(f"{v:.5g}") for v in scale])
    standard = np.clip((values - centre) / scale, -5, 5)
    solution = np.round(logistic(standard, labels, weights), 4)
    logits = standard[: len(frontal)] @ solution[:-1] + solution[-1]
    order = np.argsort(logits)
    threshold = logits[order][np.searchsorted(np.cumsum(share[order]), FLAGGED_IN_TRAINING)]
    return FrontalCheck(mean, parts, centre, scale, solution[:-1], float(solution[-1]), round(float(threshold), 4))


def component_step(parts: NDArray[np.float64]) -> float:
    """Unit in which components are stored: their greatest value is 127 of it."""
    return float(np.abs(parts).max()) / 127


def save(check: FrontalCheck, path: Path) -> None:
    """Write ``check`` as JSON; components in 8 bits."""
    step = component_step(check.components)
    stored = {
        "origin": "python -m train.frontal",
        "bias": check.bias,
        "threshold": check.threshold,
        "step": step,
        "centre": check.centre.tolist(),
        "scale": check.scale.tolist(),
        "weights": check.weights.tolist(),
        "mean": check.mean.tolist(),
        "components": base64.b64encode(np.round(check.components / step).astype(np.int8).tobytes()).decode("ascii"),
    }
    path.write_text(json.dumps(stored, separators=(",", ":")) + "\n", encoding="utf-8")


def wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    z, share = 1.96, hits / count
    middle = share + z * z / (2 * count)
    reach = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, float((middle - reach) / (1 + z * z / count))), float((middle + reach) / (1 + z * z / count))


def report(check: FrontalCheck, shared: Path, seed: int = 1) -> None:
    """Print how many of each kind are flagged, with the count and a 95 % interval."""
    rng = np.random.default_rng(seed)
    frontal, lateral = films(shared, ("val", "test"))
    others = [*lateral, *spoiled(frontal, rng, 300), *drawn(rng, 100), *pictures("held out", rng, 0)]
    cuts = [Sample(s.pixels, s.aspect, "cut-out of a picture") for s in pictures("held out", rng, 20)]
    for title, samples in (
        ("should not be flagged (val and test films)", frontal),
        ("should be flagged", [*others, *cuts, *other_radiographs(shared)]),
    ):
        print(title)
        values = described(samples, check.mean, check.components)
        standard = np.clip((values - check.centre) / check.scale, -5, 5)
        flagged = standard @ check.weights + check.bias < check.threshold
        kinds = np.array([s.kind for s in samples])
        for kind in [*dict.fromkeys(kinds), *(["all of them"] if samples is frontal else [])]:
            chosen = flagged[kinds == kind] if kind in kinds else flagged
            low, high = wilson(int(chosen.sum()), len(chosen))
            print(f"  {kind:22} {chosen.sum():5} of {len(chosen):5}  {chosen.mean():6.1%}  [{low:.1%}, {high:.1%}]")


def main() -> None:
    """Fit and write the check, or report on the one that is shipped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", action="store_true", help="measure the shipped check, fit nothing")
    default = os.environ.get("LOFI_SHARED", REPOSITORY.parent / "shared")
    parser.add_argument("--shared", type=Path, default=default, help="folder of the real films")
    arguments = parser.parse_args()
    if not arguments.report:
        save(fit(arguments.shared), OUTPUT)
    report(fitted(), arguments.shared)


if __name__ == "__main__":
    main()
