"""Figures of what the model writes: reports and descriptions of regions."""

from collections.abc import Sequence

from lofi.metrics.bootstrap import Estimate, PatientBootstrap
from lofi.metrics.language import label_figures, named_labels, rouge_l, text_figures, words
from lofi.report.query import tidied
from train.data.lexicon import PHRASES
from train.data.records import NIH_LABELS, BoxRecord
from train.evaluation.embedding_figures import pathologies
from train.evaluation.questions import Film, FilmBox, observations

REGION_LABELS = (*NIH_LABELS, "Lung Opacity")


def report_figures(
    films: Sequence[Film], drafts: Sequence[str], resamples: int, seed: int
) -> dict[str, dict[str, Estimate]]:
    """Of NIH films BLEU-4 and ROUGE-L against their label sentence and label F1; of written reports, too.

    The label sentence is a template, so its BLEU and ROUGE say little; label F1 is against the film's labels.
    """
    results: dict[str, dict[str, Estimate]] = {}
    pairs = [(film, draft) for film, draft in zip(films, drafts, strict=True) if film.from_nih]
    patients = [film.patient for film, _ in pairs]
    if pairs:
        named = [named_labels(draft, PHRASES) & set(NIH_LABELS) for _, draft in pairs]
        true = [pathologies(film.findings) for film, _ in pairs]
        results["NIH films, label sentence"] = {
            **label_figures(named, true, NIH_LABELS, patients, resamples, seed),
            **text_figures([draft for _, draft in pairs], [film.text for film, _ in pairs], patients, resamples, seed),
        }
    written = [(film, draft) for film, draft in zip(films, drafts, strict=True) if film.report]
    if written:
        results["written notes"] = text_figures(
            [draft for _, draft in written],
            [film.report for film, _ in written],
            [film.patient for film, _ in written],
            resamples,
            seed,
        )
    return results


def region_figures(
    boxes: Sequence[BoxRecord], phrases: Sequence[str], patients: Sequence[str], said: Sequence[str], *draw: int
) -> dict[str, Estimate]:
    """Of finding boxes: label F1, share with the right side, ROUGE-L against their ``phrases``. No BLEU-4: "left mass"
    has no four words.
    """
    if not boxes:
        return {}
    named = [named_labels(text, PHRASES) & set(REGION_LABELS) for text in said]
    sided = [(box, text, patient) for box, text, patient in zip(boxes, said, patients, strict=True) if box.side]
    boot = PatientBootstrap([patient for _, _, patient in sided], *draw)
    right = [{"left", "right"} & set(words(text)) == {box.side} for box, text, _ in sided]
    return {
        **label_figures(named, [frozenset({box.label}) for box in boxes], REGION_LABELS, patients, *draw),
        "side named rightly": boot.mean(right),
        "ROUGE-L": PatientBootstrap(patients, *draw).mean(
            [rouge_l(text, phrase) for text, phrase in zip(said, phrases, strict=True)]
        ),
    }


def regions_of(films: Sequence[Film]) -> list[tuple[int, BoxRecord, str, tuple[FilmBox, ...]]]:
    """What is to be described: (film, box, the right words, boxes), a sentence's boxes together, others one by one."""
    found = []
    for number, film in enumerate(films):
        found += [(number, box, tidied(box.phrase), boxes) for box, boxes in observations(film)]
        found += [
            (number, box, f"{box.side} {box.phrase}".strip(), (box.box,))
            for box in film.boxes
            if box.kind == "finding" and not film.says(box)
        ]
    return found
