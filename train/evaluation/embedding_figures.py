"""Figures of the two towers: retrieval across modalities, retrieval by label, labels without training."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lofi.gallery import Gallery
from lofi.metrics.bootstrap import Estimate, Floats, PatientBootstrap
from lofi.metrics.ranking import auroc
from lofi.metrics.retrieval import paired_recall, precision_figures, precision_rows
from lofi.network.model import LofiModel
from train.data.lexicon import PHRASES, denied
from train.data.records import NIH_LABELS
from train.evaluation.questions import BOXED_FINDINGS, Film

Figures = dict[str, Estimate]
WORDINGS = 3
"""Wordings of a label whose embeddings are averaged, asserted and denied."""


def nih_rows(films: Sequence[Film]) -> list[int]:
    """Numbers of the films of NIH: the pool of every headline figure, since elsewhere the source tells the label."""
    return [number for number, film in enumerate(films) if film.from_nih]


def text_retrieval(
    model: LofiModel, films: Sequence[Film], images: NDArray[np.float32], resamples: int, seed: int
) -> dict[str, dict[str, Figures]]:
    """Convention → direction → figures, among films that have a text (a report, or the sentence of their labels)."""
    kept = [number for number, film in enumerate(films) if film.text]
    distinct = sorted({films[number].text for number in kept})
    place = {text: row for row, text in enumerate(distinct)}
    text_of = np.array([place[films[number].text] for number in kept], dtype=np.int64)
    texts = model.embed_query(distinct).astype(np.float64)
    patients = [films[number].patient for number in kept]
    chosen = images[kept].astype(np.float64)
    return {
        name: paired_recall(chosen, texts, text_of, patients, collapse, resamples, seed)
        for name, collapse in (("identical texts apart", False), ("identical texts collapsed", True))
    }


def pathologies(labels: Sequence[str]) -> frozenset[str]:
    """The labels that count for label retrieval and label F1: NIH's fourteen, "No Finding" not among them."""
    return frozenset(labels) & frozenset(NIH_LABELS)


def label_retrieval(
    queries: Sequence[Film],
    images: NDArray[np.float32],
    vectors: NDArray[np.float32],
    labels: Sequence[Sequence[str]],
    patients: Sequence[str],
    resamples: int,
    seed: int,
) -> Figures:
    """Image → image: a hit is right when it shares a label with the query; the query's own patient is passed over.

    Queries are films with a label of NIH's fourteen; candidates are all (N, E) ``vectors`` with their ``labels``.
    """
    kept = [number for number, film in enumerate(queries) if pathologies(film.findings)]

    def flags(rows: Sequence[Sequence[str]]) -> NDArray[np.int64]:
        return np.array([[label in row for label in NIH_LABELS] for row in rows], dtype=np.int64).reshape(
            -1, len(NIH_LABELS)
        )

    asking = [queries[number].patient for number in kept]
    relevant = flags([queries[number].findings for number in kept]) @ flags(labels).T > 0
    allowed = np.array(asking)[:, None] != np.array(patients)[None]
    similarity = (images[kept] @ vectors.T).astype(np.float64)
    return precision_figures(precision_rows(similarity, relevant, allowed), asking, resamples, seed)


def gallery_retrieval(
    gallery: Gallery, films: Sequence[Film], images: NDArray[np.float32], resamples: int, seed: int
) -> Figures:
    """Label retrieval of films in a built gallery, exactly, not through its index."""
    studies = gallery.studies
    return label_retrieval(
        films,
        images,
        np.asarray(gallery.vectors),
        [study.labels for study in studies],
        [study.patient_key for study in studies],
        resamples,
        seed,
    )


def truth_of(film: Film, label: str) -> bool | None:
    """Whether the film shows the label; None where nobody looked. NIH names all that it found, boxes count too."""
    if film.from_nih:
        return label in film.findings or any(box.label == label for box in film.boxes)
    fact = film.known().get(label)
    return None if fact is None else fact > 0


def prompt_scores(model: LofiModel, images: NDArray[np.float32], label: str, negated: bool) -> Floats:
    """(n,) similarity to "<finding>", less the similarity to "no <finding>" where ``negated``; wordings averaged."""
    wordings = PHRASES[label][:WORDINGS]
    scores = images @ model.embed_query(wordings).mean(axis=0)
    if negated:
        scores = scores - images @ model.embed_query([denied(wording) for wording in wordings]).mean(axis=0)
    return np.asarray(scores, dtype=np.float64)


def zero_shot(
    model: LofiModel, films: Sequence[Film], images: NDArray[np.float32], negated: bool, resamples: int, seed: int
) -> Figures:
    """AUROC of each NIH label that has a positive and a negative film, and the mean of the eight boxed findings.

    ``n`` of a label counts its labelled films.
    """
    figures: Figures = {}
    boot = PatientBootstrap([film.patient for film in films], resamples, seed)
    boxed: list[tuple[Floats, NDArray[np.bool_], Floats]] = []
    for label in NIH_LABELS:
        truth = [truth_of(film, label) for film in films]
        known = np.array([fact is not None for fact in truth], dtype=bool)
        positive = np.array([bool(fact) for fact in truth], dtype=bool)
        if not positive.any() or positive[known].all():
            continue
        scores = prompt_scores(model, images, label, negated)
        patients = [film.patient for film, keep in zip(films, known, strict=True) if keep]
        own = PatientBootstrap(patients, resamples, seed)
        figures[label] = own.of_weights(partial(auroc, scores[known], positive[known]))
        if label in BOXED_FINDINGS:
            boxed.append((scores, positive, known.astype(np.float64)))
    if boxed:
        figures[f"mean of {len(boxed)} boxed findings"] = boot.of_weights(
            lambda weights: np.nanmean([auroc(s, p, weights * known) for s, p, known in boxed], axis=0)
        )
    return figures
