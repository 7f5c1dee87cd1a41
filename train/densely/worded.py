"""The texts and labels of the corpus, embedded by a checkpoint's text tower once and kept beside the canvases."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lofi.network.model import LofiModel
from lofi.report.statements import sentences
from train.data.lexicon import PHRASES, denied
from train.data.records import NIH_LABELS
from train.data.teacher import read_teacher
from train.densely import concepts as c
from train.densely.answers import Film
from train.densely.words import Words
from train.evaluation.embedding_figures import WORDINGS

MOST_SENTENCES = 12
SHORTEST = 12
"""Characters of a sentence below which it says too little to know a film by."""


def spoken(report: str) -> list[str]:
    """A report's sentences that say something."""
    found = [one.text.strip() for one in sentences(report)]
    return [one for one in found if len(one) >= SHORTEST][:MOST_SENTENCES]


def words_of(films: Sequence[Film], shared: Path, model: LofiModel, cache: Path) -> Words:
    """Texts and labels of ``films``; the embeddings are made on the first call and read from ``cache`` after."""
    names = json.dumps([model.fingerprint, *(film.image for film in films)])
    path = cache / f"words-{hashlib.sha256(names.encode()).hexdigest()[:16]}.safetensors"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        save_file(_tensors(films, shared, model), path)
    return Words(**load_file(path))


def _tensors(films: Sequence[Film], shared: Path, model: LofiModel) -> dict[str, Tensor]:
    rows = map(json.loads, (shared / "cxr" / "records.jsonl").read_text("utf-8").splitlines())
    records: dict[str, Mapping[str, Any]] = {row["image"]: row for row in rows}
    own = [records[film.image] for film in films]
    reports = [record.get("report") or "" if record["source"] == "openi" else "" for record in own]
    every = sorted({report for report in reports if report})
    said = [spoken(report) for report in reports]
    counts = Counter(text for some in said for text in set(some))
    different = sorted(counts)
    place, row = {text: i for i, text in enumerate(every)}, {text: i for i, text in enumerate(different)}
    padded = torch.full((len(films), MOST_SENTENCES), -1)
    for number, some in enumerate(said):
        padded[number, : len(some)] = torch.tensor([row[text] for text in some], dtype=torch.long)
    # A label with fewer wordings has one of them twice.
    wordings = [[PHRASES[label][i % len(PHRASES[label])] for i in range(WORDINGS)] for label in NIH_LABELS]
    return {
        "reports": _embedded(model, every),
        "report_of": torch.tensor([place[report] if report else -1 for report in reports]),
        "sentences": _embedded(model, different),
        "spoken": padded,
        "rare": torch.tensor([counts[text] ** -0.5 for text in different]),
        "said": torch.stack([_embedded(model, some) for some in wordings]),
        "unsaid": torch.stack([_embedded(model, [denied(one) for one in some]) for some in wordings]),
        "labels": torch.tensor([_labels(film) for film in films]),
        "complete": torch.tensor([film.group == "nih" for film in films]),
        "taught": _taught(films, shared / "cxr" / "nih_teacher.csv"),
    }


def _embedded(model: LofiModel, texts: Sequence[str], at_once: int = 64) -> Tensor:
    """(n, E); texts of like length together, so that little is padded."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    out = np.zeros((len(texts), model.text_dim), np.float32)
    for start in range(0, len(order), at_once):
        some = order[start : start + at_once]
        out[some] = model.embed_text([texts[i] for i in some])
    return torch.from_numpy(out)


def _labels(film: Film) -> list[float]:
    """1 where a label is there, 0 where it is not, NaN where nobody looked; NIH's films name all that was found."""
    out = []
    for label in NIH_LABELS:
        concept = c.of_label(label) or ""
        there = concept in film.positive
        known = there or film.group == "nih" or (concept, "") in film.absent
        out.append(float(there) if known else float("nan"))
    return out


def _taught(films: Sequence[Film], table: Path) -> Tensor:
    nothing = np.full(len(NIH_LABELS), np.nan, np.float32)
    teacher = read_teacher(table, NIH_LABELS)
    return torch.from_numpy(np.stack([teacher.get(Path(film.image).stem, nothing) for film in films]))
