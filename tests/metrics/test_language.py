"""Language figures by hand, and against sacrebleu and rouge-score."""

import numpy as np
import pytest

from lofi.metrics.language import (
    bleu,
    bleu_columns,
    label_figures,
    named_labels,
    rouge_l,
    text_figures,
    words,
)

TERMS = {
    "Effusion": ("pleural effusion", "effusion"),
    "Mass": ("mass",),
    "Cardiomegaly": ("cardiomegaly", "enlarged heart"),
}
PAIRS = [
    ("There is a small left pleural effusion.", "There is a moderate left pleural effusion."),
    ("No acute finding in the chest today.", "No acute finding."),
    ("The heart is enlarged and there is an effusion on the left.", "Cardiomegaly; the heart is enlarged on the left."),
    ("PA chest radiograph. Findings: mass.", "PA chest radiograph. Findings: mass, nodule, and more."),
]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        pytest.param("", set(), id="empty"),
        pytest.param("Left pleural effusion.", {"Effusion"}, id="asserted"),
        pytest.param("No pleural effusion.", set(), id="denied"),
        pytest.param("No effusion, mass or cardiomegaly.", set(), id="denied list"),
        pytest.param("No effusion. Enlarged heart.", {"Cardiomegaly"}, id="denial ends with its sentence"),
        pytest.param("No effusion but a mass is seen.", {"Mass"}, id="denial ends at but"),
        pytest.param("Cardiomegaly without effusion.", {"Cardiomegaly"}, id="asserted before a denial"),
        pytest.param("Massive mediastinum.", set(), id="whole words only"),
        pytest.param("Masses? Bilateral EFFUSIONS.", {"Effusion"}, id="plural with s, any case"),
        pytest.param("Notable mass.", {"Mass"}, id="notable is no denial"),
        pytest.param("Effusion has resolved. Mass has been removed.", set(), id="resolved as the page reads it"),
        pytest.param("Possible mass.", {"Mass"}, id="perhaps is asserted"),
        pytest.param("INDICATION: Effusion. FINDINGS: Mass.", {"Mass"}, id="an indication asserts nothing"),
    ],
)
def test_named_labels(text: str, labels: set) -> None:
    assert named_labels(text, TERMS) == labels


def test_label_f1_by_hand() -> None:
    """Named 3, true 3, both 2: micro ⅔. Effusion 1, Mass 0 of what occurs: macro over both ½."""
    named = [frozenset({"Effusion"}), frozenset({"Effusion", "Cardiomegaly"}), frozenset()]
    true = [frozenset({"Effusion"}), frozenset({"Effusion"}), frozenset({"Mass"})]
    figures = label_figures(named, true, list(TERMS), list("abc"), resamples=50)
    assert figures["label F1 micro"].value == pytest.approx(2 * 2 / 6)
    assert figures["label F1 macro"].value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("candidate", "reference", "score"),
    [
        pytest.param("", "a b", 0.0, id="empty"),
        pytest.param("a b c", "a b c", 1.0, id="same"),
        pytest.param("a c", "a b c", 0.8, id="gap"),
        pytest.param("c a", "a b c", 0.4, id="order counts"),
    ],
)
def test_rouge_l_by_hand(candidate: str, reference: str, score: float) -> None:
    assert rouge_l(candidate, reference) == pytest.approx(score)


def test_rouge_l_agrees_with_rouge_score() -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rougeL"])
    for candidate, reference in PAIRS:
        assert rouge_l(candidate, reference) == pytest.approx(scorer.score(reference, candidate)["rougeL"].fmeasure)


def test_bleu_by_hand() -> None:
    """Five of six words, 4 of 5 pairs, 3 of 4, 2 of 3; as long as the reference."""
    columns = bleu_columns("a b c d e x", "a b c d e f")
    assert columns.tolist() == [5, 4, 3, 2, 6, 5, 4, 3, 6, 6]
    assert bleu(columns[None])[0] == pytest.approx((5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25)


def test_bleu_agrees_with_sacrebleu() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    columns = np.sum([bleu_columns(*pair) for pair in PAIRS], axis=0)[None]
    said, meant = zip(*((" ".join(words(c)), " ".join(words(r))) for c, r in PAIRS), strict=True)
    theirs = sacrebleu.corpus_bleu(list(said), [list(meant)], tokenize="none", smooth_method="none", force=True)
    assert 100 * bleu(columns)[0] == pytest.approx(theirs.score)


def test_text_figures_of_nothing_and_of_copies() -> None:
    assert np.isnan(text_figures([], [], [])["ROUGE-L"].value)
    same = [reference for _, reference in PAIRS]
    figures = text_figures(same, same, list("abcd"), resamples=50)
    assert (figures["BLEU-4"].value, figures["ROUGE-L"].value) == (pytest.approx(1), 1)
