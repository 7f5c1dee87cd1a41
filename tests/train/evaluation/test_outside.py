"""A model of LOFI_GROUNDER's kind on a record file: the same questions, and what it did not answer is told."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from lofi.errors import LofiError
from lofi.film.radiograph import Radiograph
from lofi.grounding.shots import Shot
from lofi.results import Grounding
from tests.grounding.test_vlm import saved  # noqa: F401 (a fixture)
from tests.train.test_evaluate import records  # noqa: F401 (a fixture)
from train import evaluate
from train.evaluation.outside import asked, figures
from train.evaluation.questions import present_questions, read_films


class Knowing:
    """An Answerer that knows every second answer, writes nonsense for one and fails at another."""

    name, most = "knowing", 8

    def __init__(self, known: dict[tuple[str, str], tuple[tuple[float, float, float, float], ...]]) -> None:
        self.known, self.calls = known, 0

    def hears(self, shot: Shot) -> bool:
        return True

    def answer_each(self, film: Radiograph, phrase: str, sets: Sequence[Sequence[Shot]]) -> list[Grounding]:
        self.calls += 1
        if self.calls == 1:
            raise LofiError("knowing could not answer.")
        if self.calls == 2:
            return [Grounding(phrase, False, 0.0, state="no answer")]
        boxes = self.known[film.sha256, phrase]
        return [Grounding(phrase, True, 0.9, boxes, (0.9,) * len(boxes))]


def test_what_is_not_answered_counts_as_missed_and_is_told(records: Path) -> None:  # noqa: F811
    films = read_films(records, ["val"])
    known = {
        (Radiograph.read(films[q.film].path).sha256, q.phrase): q.targets
        for name, questions in present_questions(films).items()
        for q in questions
    }
    found = asked(Knowing(known), films)  # type: ignore[arg-type]
    told = figures(found, films, (20, 0))
    assert set(told) == {"bare", "side"}
    count = len(found["bare"][0])
    assert told["bare"]["answered"].value == pytest.approx(1 - 1 / count)
    assert told["bare"]["mean IoU"].value == pytest.approx(1 - 1 / count)


def test_the_command_runs_a_saved_model(
    saved: Path,  # noqa: F811
    records: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("lofi.grounding.vlm.NEW_TOKENS", 3)
    monkeypatch.setenv("LOFI_DEVICE", "cpu")
    options = ["--records", str(records), "--split", "val", "--limit", "2", "--resamples", "20", "--out", str(tmp_path)]
    assert evaluate.main(["--grounder", str(saved), *options]) == 0
    assert "Grounding by small-vlm, bare" in capsys.readouterr().out
    assert (tmp_path / "grounder.json").is_file()
    with pytest.raises(SystemExit):
        evaluate.main(options)
    assert "--model names the model" in capsys.readouterr().err
