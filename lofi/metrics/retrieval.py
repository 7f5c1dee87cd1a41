"""Retrieval figures from similarities: recall at k and median rank across modalities, precision and mAP by label.

Ties are not broken by luck: a hit at k counts with its probability under random order of the tied, and a rank is its
expectation. Otherwise a model that gives every text the same vector could score by the order of the file.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lofi.metrics.bootstrap import Estimate, Floats, PatientBootstrap, ratio
from lofi.metrics.ranking import weighted_median

RECALL_AT = (1, 5, 10, 40)
PRECISION_AT = (5, 10)

Flags = NDArray[np.bool_]


def first_relevant(similarity: Floats, relevant: Flags) -> tuple[Floats, Floats, Floats]:
    """For each of Q queries over C candidates where its best relevant one stands; (Q, C) inputs, three (Q,) outputs.

    ``above``: irrelevant candidates ranked before it for sure; ``rivals``: irrelevant ones tied with it; ``twins``:
    relevant ones tied at that score, itself included. A query needs one relevant candidate at least.
    """
    best = np.where(relevant, similarity, -np.inf).max(axis=1, keepdims=True)
    above = (~relevant & (similarity > best)).sum(axis=1)
    rivals = (~relevant & (similarity == best)).sum(axis=1)
    twins = (relevant & (similarity == best)).sum(axis=1)
    return above.astype(np.float64), rivals.astype(np.float64), twins.astype(np.float64)


def hit_at(k: int, above: Floats, rivals: Floats, twins: Floats) -> Floats:
    """(Q,) probability that a relevant candidate is among the first k, the tied standing in random order.

    1 − Π (rivals − i)/(rivals + twins − i) over the k − above places that the tied share.
    """
    missed = np.ones_like(above)
    for place in range(k):
        open_place = place < k - above
        left = np.maximum(rivals + twins - place, 1)
        missed = np.where(open_place, missed * np.maximum(rivals - place, 0) / left, missed)
    return np.where(above < k, 1 - missed, 0.0)


def recall_figures(
    similarity: Floats, relevant: Flags, patients: Sequence[str], resamples: int = 1000, seed: int = 0
) -> dict[str, Estimate]:
    """R@1/5/10/40 and median rank (1 is best) of Q queries; the bootstrap draws queries, candidates stay."""
    boot = PatientBootstrap(patients, resamples, seed)
    above, rivals, twins = first_relevant(similarity, relevant)
    figures = {f"R@{k}": boot.mean(hit_at(k, above, rivals, twins)) for k in RECALL_AT}
    rank = above + (rivals + twins + 1) / (twins + 1)
    figures["median rank"] = boot.of_weights(lambda weights: weighted_median(rank, weights))
    return figures


def paired_recall(
    images: Floats,
    texts: Floats,
    text_of: NDArray[np.int64],
    patients: Sequence[str],
    collapse: bool,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, dict[str, Estimate]]:
    """Both directions for n films, (n, E), each with its text: row ``text_of[i]`` of the (T, E) distinct texts.

    Not collapsed: n candidates each way, only a film's own copy of a text is right, its identical twins are wrong.
    Collapsed: T distinct texts; a text's right answers are all films that carry it, and it is one query, resampled by
    itself since several patients share it.
    """
    scores = np.asarray(images @ texts.T, dtype=np.float64)
    carries = text_of[:, None] == np.arange(len(texts))
    if collapse:
        names = [str(number) for number in range(len(texts))]
        return {
            "image→text": recall_figures(scores, carries, patients, resamples, seed),
            "text→image": recall_figures(scores.T, carries.T, names, resamples, seed),
        }
    own, copies = np.eye(len(images), dtype=bool), scores[:, text_of]
    return {
        "image→text": recall_figures(copies, own, patients, resamples, seed),
        "text→image": recall_figures(copies.T, own, patients, resamples, seed),
    }


def precision_rows(similarity: Floats, relevant: Flags, allowed: Flags) -> Floats:
    """(Q, 4) of each query: precision@5, precision@10, average precision, and chance (share of relevant allowed ones).

    Candidates that are not ``allowed`` (the query itself, its patient) are passed over. With fewer than k left,
    precision is over those left. A query without a relevant candidate scores 0. Of tied candidates each order counts
    alike, so a model that finds all alike scores chance.
    """
    rows = np.zeros((len(similarity), len(PRECISION_AT) + 2))
    for number, (scores, right, free) in enumerate(zip(similarity, relevant, allowed, strict=True)):
        if not right[free].any():
            continue
        share, precision = _expected(scores[free], right[free].astype(np.float64))
        seen = np.cumsum(share)
        at = [seen[min(k, len(seen)) - 1] / min(k, len(seen)) for k in PRECISION_AT]
        rows[number] = *at, (precision * share).sum() / seen[-1], share.mean()
    return rows


def _expected(scores: Floats, right: Floats) -> tuple[Floats, Floats]:
    """For each place of a ranking the chance that a relevant candidate stands there, and the precision expected there
    if one does, the tied in random order; both (C,).

    Of n tied ones with r relevant, a relevant one at the j-th of their places has (j − 1)·(r − 1)/(n − 1) others before
    it (McSherry and Najork, Computing information retrieval performance measures efficiently in the presence of tied
    scores, ECIR 2008).
    """
    order = np.argsort(-scores, kind="stable")
    ranked, values = right[order], scores[order]
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    group = np.cumsum(np.concatenate([[True], values[1:] != values[:-1]])) - 1
    size = np.diff(np.append(starts, len(values)))[group]
    found = np.add.reduceat(ranked, starts)
    before = np.concatenate([[0.0], np.cumsum(found)[:-1]])[group]
    place = np.arange(len(values)) - starts[group]
    within = place * (found[group] - 1) / np.maximum(size - 1, 1)
    return found[group] / size, (before + np.maximum(within, 0) + 1) / np.arange(1, len(values) + 1)


def precision_figures(
    rows: Floats, patients: Sequence[str], resamples: int = 1000, seed: int = 0
) -> dict[str, Estimate]:
    """Precision@5/@10, mAP, chance, and precision@5 as a multiple of chance, of ``precision_rows``."""
    boot = PatientBootstrap(patients, resamples, seed)
    names = [*(f"precision@{k}" for k in PRECISION_AT), "mAP", "chance"]
    figures = {name: boot.mean(rows[:, column]) for column, name in enumerate(names)}
    figures["precision@5 ÷ chance"] = boot.of_sums(rows[:, [0, -1]], ratio)
    return figures
