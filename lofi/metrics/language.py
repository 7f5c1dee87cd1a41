"""Language figures: BLEU-4, ROUGE-L and label F1 by a stated rule. Words are runs of letters, digits and hyphens.

Label F1 rule: a text names a label when one of the label's terms stands, as whole words, in a part of a sentence that
asserts it, for sure or perhaps; what is asserted and what is denied is decided where reports are read
(lofi.report.assertion). Named labels are compared with the film's own.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from lofi.metrics.bootstrap import Estimate, Floats, PatientBootstrap
from lofi.report.assertion import parts
from lofi.report.statements import sentences

ORDERS = 4


def words(text: str) -> list[str]:
    """Lower-case words of a text."""
    return re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", text.lower())


def bleu_columns(candidate: str, reference: str) -> Floats:
    """(10,) additive: matched n-grams of order 1–4, n-grams of order 1–4, candidate length, reference length."""
    said, meant = words(candidate), words(reference)
    matched, total = [], []
    for order in range(1, ORDERS + 1):
        own, other = (Counter(zip(*(text[i:] for i in range(order)), strict=False)) for text in (said, meant))
        matched.append((own & other).total())
        total.append(own.total())
    return np.array([*matched, *total, len(said), len(meant)], dtype=np.float64)


def bleu(sums: Floats) -> Floats:
    """(R,) corpus BLEU-4, 0–1, one reference, no smoothing (Papineni et al. 2002), of (R, 10) summed columns."""
    matched, total, said, meant = sums[:, :ORDERS], sums[:, ORDERS : 2 * ORDERS], sums[:, -2], sums[:, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.exp(np.log(matched / total).mean(axis=1))
        brevity = np.exp(np.minimum(0, 1 - meant / said))
    return np.asarray(np.nan_to_num(precision * brevity), dtype=np.float64)


def rouge_l(candidate: str, reference: str) -> float:
    """F1 of the longest common subsequence of words (Lin 2004); 0 when either is empty."""
    said, meant = words(candidate), words(reference)
    longest = [0] * (len(meant) + 1)
    for word in said:
        before = 0
        for column, other in enumerate(meant, start=1):
            before, longest[column] = (
                longest[column],
                before + 1 if word == other else max(longest[column], longest[column - 1]),
            )
    return 2 * longest[-1] / (len(said) + len(meant)) if longest[-1] else 0.0


def named_labels(text: str, terms: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Labels that a text asserts, by the module's rule; ``terms`` maps a label to its wordings."""
    asserted = [
        part
        for sentence in sentences(text)
        if sentence.about_film
        for state, part in parts(sentence.text)
        if state in ("present", "uncertain")
    ]
    return frozenset(
        label
        for label, wordings in terms.items()
        if any(re.search(rf"\b{re.escape(wording)}s?\b", part, re.I) for wording in wordings for part in asserted)
    )


def label_columns(named: Sequence[frozenset[str]], true: Sequence[frozenset[str]], labels: Sequence[str]) -> Floats:
    """(n, 3·L) additive: true positives, named and true of each label."""
    said, there = (np.array([[label in item for label in labels] for item in sets]) for sets in (named, true))
    said, there = (flags.reshape(-1, len(labels)).astype(np.float64) for flags in (said, there))
    return np.concatenate([said * there, said, there], axis=1)


def label_f1(sums: Floats, average: str) -> Floats:
    """(R,) F1 of (R, 3·L) sums: ``micro`` over all labels, ``macro`` the mean of the labels that occur."""
    hit, said, there = np.split(sums, 3, axis=1)
    if average == "micro":
        hit, said, there = (part.sum(axis=1, keepdims=True) for part in (hit, said, there))
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(there > 0, 2 * hit / (said + there), np.nan)
    counted = ~np.isnan(each)
    return np.asarray(np.nansum(each, axis=1) / counted.sum(axis=1), dtype=np.float64)


def text_figures(
    candidates: Sequence[str], references: Sequence[str], patients: Sequence[str], resamples: int = 1000, seed: int = 0
) -> dict[str, Estimate]:
    """BLEU-4 and ROUGE-L of n texts against one reference each."""
    boot = PatientBootstrap(patients, resamples, seed)
    pairs = list(zip(candidates, references, strict=True))
    columns = np.array([bleu_columns(*pair) for pair in pairs]).reshape(-1, 2 * ORDERS + 2)
    return {
        "BLEU-4": boot.of_sums(columns, bleu),
        "ROUGE-L": boot.mean([rouge_l(*pair) for pair in pairs]),
    }


def label_figures(
    named: Sequence[frozenset[str]],
    true: Sequence[frozenset[str]],
    labels: Sequence[str],
    patients: Sequence[str],
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Micro and macro label F1 of n texts."""
    boot, columns = PatientBootstrap(patients, resamples, seed), label_columns(named, true, labels)
    return {
        f"label F1 {average}": boot.of_sums(columns, partial(label_f1, average=average))
        for average in ("micro", "macro")
    }
