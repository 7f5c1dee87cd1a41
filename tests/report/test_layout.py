"""Where sections and sentences end in reports of many layouts, and reports in other languages."""

import pytest

from lofi.errors import BadQuery
from lofi.report.layout import plain, sentences
from lofi.report.statements import read_report, split_report
from lofi.report.tongue import ONLY_ENGLISH, speaks_english


def found(report: str) -> list[str]:
    return [f"{said.state} {said.phrase}" for said in split_report(report) if said.phrase]


@pytest.mark.parametrize(
    "report",
    [
        "INDICATION: Cough, effusion?\n\nLeft mass. No effusion.",
        "HISTORY: Effusion.\nPORTABLE CHEST FILM: Left mass. No effusion.",
        "COMPARISON: None.\nReport: Left mass. No effusion.",
        "TECHNIQUE: PA.\nRESULT:\nLeft mass. No effusion.",
        "Clinical information: known effusion\nLUNGS: Left mass.\nPLEURA: No effusion.",
        "COMPARISON: None available. Left mass. No effusion.",
        "HISTORY: Effusion. The lungs are clear. Left mass. No effusion.",
        "INDICATION:\n\nKnown effusion.\n\nLeft mass. No effusion.\n\nDictated by: effusion",
        "## Indication\nEffusion\n## Findings\nLeft mass\nNo effusion",
        "**Indication:** effusion\n\n**Findings:** Left mass. No effusion.",
        "<h2>FINDINGS</h2><ul><li>left mass</li><li>no effusion</li></ul>",
        "<b>HISTORY:</b> effusion<br><b>FINDINGS:</b> Left mass.<br>No effusion.",
        "IMPRESSION: 1.Left mass.2.No effusion.",
        "IMPRESSION: 1) Left mass 2) No effusion",
        "LEFT MASS\nNO EFFUSION",
        "left mass\nno effusion to be seen",
        "LEFT MASS. NO EFFUSION.",
        "left mass no effusion",
        "Effusion: None\nLeft mass",
        "INDICATION: Known effusion.\nLeft mass. No effusion.",
        "HISTORY:\nKnown effusion.\nHernia.\n\nLeft mass. No effusion.",
    ],
)
def test_layouts(report: str) -> None:
    assert sorted(found(report)) == ["absent effusion", "present left mass"]


def test_a_wrapped_line_goes_on() -> None:
    text = (
        "There is a small nodule in the right upper lobe and a small effusion on the\nleft. "
        "The heart is normal in size and the aorta shows\nCalcification of the arch."
    )
    assert [one.text.split()[0] for one in sentences(text)] == ["There", "The", "Calcification"]


def test_a_mask_is_as_long_as_its_text_and_sentences_are_slices() -> None:
    text = "<p>No <b>mass</b>.</p>\r\n**Left** &lt; effusion `a`\n> quoted"
    assert len(plain(text)) == len(text)
    assert all(text[one.start : one.end] == one.text for one in sentences(text))
    assert found("<p>No <b>mass</b>.</p>") == ["absent mass"]


@pytest.mark.parametrize(
    "report",
    [
        "No se observa neumotórax. Derrame pleural izquierdo con atelectasia.",
        "Pas d'épanchement pleural. Opacité du lobe inférieur droit.",
        "Kein Pneumothorax. Pleuraerguss links. Das Herz ist normal groß.",
        "Sem derrame pleural. Consolidação no lobo superior direito.",
        "Geen pneumothorax. Vergroot hart met pleuravocht links.",
        "Небольшой плевральный выпот слева.",
        "左侧胸腔积液。心影增大。",
    ],
)
def test_a_report_in_another_language_is_not_read(report: str) -> None:
    assert not speaks_english(report)
    assert split_report(report) == ()
    with pytest.raises(BadQuery, match="Only reports in English"):
        read_report(report)
    assert ONLY_ENGLISH.count(".") == 1


@pytest.mark.parametrize(
    "report", ["", "Cardiomegaly.", "no effusion", "1. PTX", "Café-au-lait is no finding of a chest film."]
)
def test_short_texts_are_read(report: str) -> None:
    assert speaks_english(report)
