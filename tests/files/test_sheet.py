"""CSV: nothing that a spreadsheet would run, numbers stay numbers, and no other place writes any."""

import ast
import csv
import io
from pathlib import Path

import numpy as np
import pytest

from lofi.files.sheet import Sheet, cell, to_csv
from lofi.study import Decision, Verdict
from lofi.study.written import as_csv
from tests.study.verdicts import MODEL, film

REPOSITORY = Path(__file__).resolve().parents[2]
STARTS = [*"=+-@|%\t\r\n", *"＝＋－＠｜％﹦﹢﹣﹫−⁺"]
BEFORE = ["", " ", "\u00a0", "\u3000", "\u200b", "\ufeff", "\u202e", "\x00"]


@pytest.mark.parametrize("before", BEFORE, ids=ascii)
@pytest.mark.parametrize("start", STARTS, ids=ascii)
def test_a_formula_is_held_by_an_apostrophe_and_kept(start: str, before: str) -> None:
    text = f"{before}{start}1+1"
    # A tab or line end that is not the first character is only a blank before something harmless.
    assert cell(text) == (text if before and start in "\t\r\n" else f"'{text}")


@pytest.mark.parametrize("text", ["", " ", "effusion", "1+1=2", "a-b", "'", '"', "5 %", "no\n= here", "ä"])
def test_other_text_stays(text: str) -> None:
    assert cell(text) == text


@pytest.mark.parametrize(
    ("value", "written"),
    [(-0.25, "-0.25"), (-3, "-3"), (0, "0"), (1e-7, "1e-07"), (np.float64(-0.5), "-0.5"), (True, "yes"), (None, "")],
    ids=str,
)
def test_numbers_stay_numbers(value: float, written: str) -> None:
    assert cell(value) == written


def test_a_row_comes_back_as_it_was() -> None:
    text = to_csv(("=name", "note"), [('a,"b"', "two\nlines"), ("@SUM(A1)", -1.5)])
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["'=name", "note"], ['a,"b"', "two\nlines"], ["'@SUM(A1)", "-1.5"],
    ]  # fmt: skip
    sink = io.StringIO()
    Sheet(sink).write(["x", None])
    assert sink.getvalue() == "x,\r\n"


@pytest.mark.parametrize("start", ["=", "＝", " =", "|", "−", "\u200b@"], ids=ascii)
def test_a_study_s_export_knows_them_all(start: str) -> None:
    """It knew six beginnings where a case's export knew eleven."""
    said = Verdict(film(1), "AB", MODEL, "comment", Decision.COMMENTED, comment=f"a{start}")
    object.__setattr__(said, "comment", f"{start}1+1")
    [row] = csv.DictReader(io.StringIO(as_csv([said], {}, frozenset()), newline=""))
    assert row["comment"] == f"'{start}1+1"


def test_every_csv_is_written_by_the_one_function() -> None:
    writers = []
    for path in [*(REPOSITORY / "lofi").rglob("*.py"), *(REPOSITORY / "train").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in {"csv.writer", "csv.DictWriter"}:
                writers.append(str(path.relative_to(REPOSITORY)))
    assert writers == ["lofi/files/sheet.py"]
