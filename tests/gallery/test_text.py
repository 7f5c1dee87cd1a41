import pytest

from lofi.gallery.text import age_in_years, clean, clean_line, fold, sex_letter, view_position


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        pytest.param("", "", id="empty"),
        pytest.param(None, "", id="missing"),
        pytest.param(7, "", id="a number"),
        pytest.param("  Clear lungs.\t No effusion. ", "Clear lungs.  No effusion.", id="tab and ends"),
        pytest.param("Heart:\r\nnormal.\rEnd", "Heart:\nnormal.\nEnd", id="line breaks of all systems"),
        pytest.param("a\x00b\x1b[31mc\x7f", "ab[31mc", id="control characters"),
        pytest.param("no \u202emra\u202c mass\u200b", "no mra mass", id="bidirectional override"),
        pytest.param("half\ud800", "half", id="lone surrogate, which Parquet cannot hold"),
        pytest.param("Überblähung · ≥ 3 cm", "Überblähung · ≥ 3 cm", id="letters of the world stay"),
    ],
)
def test_clean(raw: object, cleaned: str) -> None:
    assert clean(raw) == cleaned


def test_clean_caps_the_length_and_says_so() -> None:
    assert clean("x" * 50, limit=10) == "x" * 9 + "…"
    assert clean("x" * 10, limit=10) == "x" * 10


def test_clean_line_is_one_line() -> None:
    assert clean_line("left\n pleural\teffusion") == "left pleural effusion"


def test_fold_joins_spellings() -> None:
    assert fold("Pleural_Thickening") == fold("pleural  thickening") == fold("PLEURAL-THICKENING")


@pytest.mark.parametrize(
    ("raw", "view"),
    [
        ("", ""), (None, ""), ("?", ""), ("PA", "PA"), ("pa", "PA"), ("AP", "AP"), ("AP Supine", "AP"),
        ("L", "LATERAL"), ("LL", "LATERAL"), ("Lateral", "LATERAL"), ("frontal (PA or AP, not recorded)", ""),
        ("PATIENT", ""),
    ],
)  # fmt: skip
def test_view_position(raw: object, view: str) -> None:
    assert view_position(raw) == view


@pytest.mark.parametrize(
    ("raw", "sex"), [("F", "F"), ("m", "M"), ("female", "F"), ("Male", "M"), ("O", ""), ("Frank", ""), (None, "")]
)
def test_sex_letter(raw: object, sex: str) -> None:
    assert sex_letter(raw) == sex


@pytest.mark.parametrize(
    ("raw", "years"),
    [
        (None, None), ("", None), ("67", 67.0), (67, 67.0), ("058Y", 58.0), ("018M", 1.5), ("000", 0.0), ("61.5", 61.5),
        ("411Y", None), (-1, None), (float("nan"), None), ("old", None), (True, None), ("9" * 400, None),
    ],
)  # fmt: skip
def test_age_in_years(raw: object, years: float | None) -> None:
    assert age_in_years(raw) == years
