"""What a film does not show is not drafted: a sentence keeps what is seen and loses what it comes from."""

import pytest

from lofi.report.causes import names_cause, without_cause


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Small left pleural effusion.", "Small left pleural effusion."),
        ("Pneumonia in the left lower lobe.", "Pneumonia in the left lower lobe."),
        ("Covid-19 pneumonia.", ""),
        ("covid-19 pneumonia", ""),
        ("No evidence of tuberculosis.", ""),
        ("Findings consistent with Covid-19.", ""),
        ("Bilateral opacities, consistent with Covid-19 pneumonia.", "Bilateral opacities."),
        ("Opacities in both lungs which may represent viral pneumonia.", "Opacities in both lungs."),
        ("Consolidation of the right lower lobe due to infection.", "Consolidation of the right lower lobe."),
        ("Cardiomegaly with pulmonary edema from heart failure.", "Cardiomegaly with pulmonary edema."),
        ("", ""),
    ],
)
def test_what_is_kept(written: str, kept: str) -> None:
    assert without_cause(written) == kept
    assert not names_cause(kept)
