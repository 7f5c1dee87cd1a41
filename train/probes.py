"""What films should not give away: ``python -m train.probes --model CHECKPOINT --shared ../shared``.

Linear probes, cross-fitted over patients, area under the ROC curve: 0.5 is good.

*Source*: does a vector tell in which collection a normal film of val lies? Each source against each other one and
against all others.
*Drawn*: does a crop tell whether a finding of an NIH film of train was drawn into it (train.densely.shadows, .drawn)?
Seen by a network that knows photographs only, a box and its surroundings on one scale. Who has a finding differs from
who has none, so that it is drawn into films with another finding too; and crops of these before anything was drawn
stand beside: how well the probe knows the finding and its patients.
"""

import argparse
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from lofi.errors import LofiError
from lofi.film.radiograph import Radiograph
from lofi.metrics.bootstrap import Estimate, Floats
from lofi.network.checkpoint import load
from lofi.network.dense import DenseConfig, DenseNet
from lofi.network.model import LofiModel
from train.data.records import FilmRecord
from train.densely.answers import GROUPS, Box, Film
from train.densely.canvases import decode, placed, render
from train.densely.concepts import FINDINGS, near
from train.densely.corpus import films
from train.densely.normals import normal_films
from train.densely.run import starting
from train.densely.sampling import DRAWN, Pick, Sampler
from train.densely.shadows import Shadows
from train.evaluation.probe import FOLDS, told_apart

CANVAS, CROP, AROUND = 448, 128, 1.5
"""Pixels of a film and of a crop; how much wider than the box a crop is."""
TOWER, WEIGHTS = "tf_efficientnet_lite0", "tf_efficientnet_lite0.imagenet.safetensors"


@dataclass(frozen=True)
class Crop:
    """(CROP, CROP) pixels around a finding, of a patient's film."""

    pixels: NDArray[np.uint8]
    patient: str


def sources_told(vectors: Mapping[str, Floats], patients: Mapping[str, Sequence[str]]) -> dict[str, Estimate]:
    """Of (n, D) vectors by source, those with enough patients: each against each other one, and against all others."""
    able = [name for name in vectors if len(set(patients[name])) >= FOLDS]
    pairs = [([a], [b]) for i, a in enumerate(able) for b in able[i + 1 :]]
    rest = [([a], [b for b in able if b != a]) for a in able] if len(able) > 2 else []
    out = {}
    for one, others in pairs + rest:
        both = [*one, *others]
        kind = np.concatenate([np.full(len(vectors[name]), name in one) for name in both])
        who = [patient for name in both for patient in patients[name]]
        said = f"{one[0]} / {others[0] if len(others) == 1 else 'all others'}"
        out[said] = told_apart(np.concatenate([vectors[name] for name in both]), kind, who)
    return out


def cropped(canvas: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """(S, S) canvas → (CROP, CROP) around the box, filled with its edge where that lies outside."""
    side = canvas.shape[0]
    x, y = (box[0] + box[2]) / 2 * side, (box[1] + box[3]) / 2 * side
    scale = CROP / max(8.0, AROUND * max(box[2] - box[0], box[3] - box[1]) * side)
    matrix = np.array([[scale, 0, CROP / 2 - scale * x], [0, scale, CROP / 2 - scale * y]], np.float32)
    smooth = cv2.GaussianBlur(canvas, (0, 0), 0.4 / scale) if scale < 0.7 else canvas
    return np.asarray(cv2.warpAffine(smooth, matrix, (CROP, CROP), borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)


KINDS = ("drawn into normal films", "drawn into films with another finding", "these before")


def crops(
    corpus: Sequence[Film], root: Path, most: int, seed: int, shadows: Shadows
) -> dict[str, tuple[list[Crop], ...]]:
    """Concept → at most ``most`` real ones, and as many of each of ``KINDS``."""
    sampler, rng = Sampler(corpus, seed, rehearsal=1, shadows=shadows), random.Random(seed)
    out = {}
    for concept in DRAWN:
        ill = [film for film in corpus if concept in film.regions]
        real = []
        for film in rng.sample(ill, min(most, len(ill))):
            box = placed(rng.choice(film.regions[concept]).box, film.size_hw)
            real.append(Crop(cropped(render(decode(root / film.image), CANVAS), box), film.patient))
        normal, _ = _drawn(sampler, sampler.drawable.get(concept, []), concept, root, most, rng)
        others = [i for i, film in enumerate(corpus) if _free(film, concept)]
        out[concept] = (real, normal, *_drawn(sampler, others, concept, root, most, rng))
    return out


def _free(film: Film, concept: str) -> bool:
    """Whether it shows something boxed, and nothing akin to the concept as far as anybody says."""
    boxed = any(name in FINDINGS for name in film.regions)
    unsaid = (concept, "") in film.absent or concept in film.unmentioned
    return boxed and unsaid and "lung" in film.regions and not near(concept) & film.positive


def _drawn(
    sampler: Sampler, places: Sequence[int], concept: str, root: Path, most: int, rng: random.Random
) -> tuple[list[Crop], list[Crop]]:
    """Crops of at most ``most`` films with the concept drawn into them, and of the same places before."""
    drawn: list[Crop] = []
    before: list[Crop] = []
    for place in rng.sample(places, min(most, len(places))):
        film, drawing = sampler.films[place], np.random.default_rng(place)
        canvas = render(decode(root / film.image), CANVAS)
        made, questions = sampler.asked(Pick(place, drawn=concept), canvas, random.Random(place), drawing)
        boxes = [question.boxes[0] for question in questions if question.made and question.present]  # not anatomy
        for kind, pixels in ((drawn, made), (before, canvas)):
            kind += [Crop(cropped(pixels, box), film.patient) for box in boxes]
    return drawn, before


@torch.inference_mode()
def features(tower: DenseNet, some: Sequence[Crop]) -> Floats:
    """(n, D) means and extremes over a crop of what the tower's levels show."""
    rows = []
    for start in range(0, len(some), 16):
        pixels = np.stack([crop.pixels for crop in some[start : start + 16]]).astype(np.float32) / 255
        levels = tower.levels(torch.from_numpy(pixels))
        rows.append(torch.cat([torch.cat([level.mean((2, 3)), level.amax((2, 3))], 1) for level in levels], 1))
    return np.asarray(torch.cat(rows).double().numpy())


def drawn_told(found: Mapping[str, tuple[list[Crop], ...]], tower: DenseNet) -> dict[str, Estimate]:
    """By concept: real ones from each of ``KINDS``."""
    out = {}
    for concept, (real, *others) in found.items():
        for said, other in zip(KINDS, others, strict=True):
            both = [*real, *other]
            kind = np.arange(len(both)) < len(real)
            if min(len({crop.patient for crop in some}) for some in (real, other)) >= FOLDS:
                own = told_apart(features(tower, both), kind, [crop.patient for crop in both])
                out[f"{concept}: real / {said}"] = own
    return out


def embedded(model: LofiModel, films_of: Mapping[str, Sequence[FilmRecord]]) -> dict[str, Floats]:
    """(n, D) vectors by source, as a gallery holds them."""
    return {
        name: np.concatenate([model.embed([Radiograph.read(film.path)]) for film in some]).astype(np.float64)
        for name, some in films_of.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--shared", type=Path, required=True, help="the data beside the project")
    parser.add_argument("--most", type=int, default=150, help="films of each source, crops of each kind")
    parser.add_argument("--only", choices=("source", "drawn"), help="one of both alone")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        if options.only != "drawn":
            told(sources(load(options.model), options.shared, options.most, options.seed))
        if options.only != "source":
            told(drawings(options.shared, options.most, options.seed))
    except (OSError, LofiError) as error:
        parser.error(str(error))


def sources(model: LofiModel, shared: Path, most: int, seed: int) -> dict[str, Estimate]:
    """Probes of where normal films come from."""
    normal = normal_films(shared / "cxr" / "records.jsonl", "val", GROUPS, most, seed)
    return sources_told(
        embedded(model, normal), {name: [film.patient for film in some] for name, some in normal.items()}
    )


def drawings(shared: Path, most: int, seed: int) -> dict[str, Estimate]:
    """Probes of what was drawn."""
    tower = DenseNet(DenseConfig(("nodule",), tower=TOWER)).eval()
    starting(tower, shared / "weights" / WEIGHTS)
    corpus = [film for film in films(shared, "train") if film.group == "nih"]
    return drawn_told(crops(corpus, shared / "cxr", most, seed, Shadows()), tower)


def told(found: Mapping[str, Estimate]) -> None:
    """Print them."""
    for said, estimate in found.items():
        print(f"{said}: {estimate} (n {estimate.n}, {estimate.patients} patients)", flush=True)


if __name__ == "__main__":
    main()
