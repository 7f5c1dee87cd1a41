"""What is known of a film, and what is asked about it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lofi.network.text import END, LocationGrammar
from tests import tiny
from train.data.records import BoxRecord, FilmRecord, check_leaks
from train.feeding.augment import Augmentation, apply, random_affine
from train.feeding.episodes import (
    DESCRIBE,
    GROUND,
    Segment,
    Sentence,
    Writer,
    absent_target,
    coverage,
    film_targets,
    heat_targets,
    moved,
    present_targets,
    questions,
    report_of,
    sentences_by_label,
    truth,
    zones,
)
from train.feeding.sampling import Sampler, stratum


def film(
    source: str = "nih_bbox", findings: tuple[str, ...] = (), boxes: tuple[BoxRecord, ...] = (), patient: str = "p"
) -> FilmRecord:
    return FilmRecord(Path("x.webp"), patient, source, "train", findings=findings, boxes=boxes)


EFFUSION = BoxRecord("pleural effusion", "Effusion", "finding", "left", (0.6, 0.6, 0.9, 0.9))
LUNG = BoxRecord("right lung", "Right Lung", "anatomy", "", (0.1, 0.1, 0.4, 0.7))


@pytest.mark.parametrize(
    ("record", "label", "value"),
    [
        (film(findings=("Effusion",)), "Effusion", 1),
        (film(findings=("Effusion",)), "Mass", -1),
        (film(findings=("Mass",), boxes=(EFFUSION,)), "Effusion", 1),
        (film("rsna_normal", ("No Finding",)), "Pneumonia", -1),
        (film("kermany_pneumonia", ("Pneumonia",)), "Lung Opacity", 1),
        (film("kermany_pneumonia", ("Pneumonia",)), "Effusion", None),
        (film("covid_chestxray", ("todo",)), "Pneumonia", None),
        (replace(film("mimic"), absent=("Effusion",)), "Effusion", -1),
        (replace(film("mimic", boxes=(EFFUSION,)), absent=("Effusion",)), "Effusion", 1),
    ],
    ids=[
        *("labelled", "NIH is complete", "boxed", "normal has none", "pneumonia is an opacity", "not read for", "todo"),
        *("denied by its set", "boxed though denied"),
    ],
)
def test_known(record: FilmRecord, label: str, value: int | None) -> None:
    assert record.known().get(label) == value


@pytest.mark.parametrize(
    ("sentence", "value"),
    [
        (Sentence("left effusion", "Effusion", "left", True), 1),
        (Sentence("right effusion", "Effusion", "right", True), -1),
        (Sentence("no effusion", "Effusion", "", False), -1),
        (Sentence("no mass", "Mass", "", False), 1),
        (Sentence("left mass", "Mass", "left", True), -1),
        (Sentence("opacity", "Lung Opacity", "", True), 0),
    ],
    ids=["its side", "the other side", "denied but there", "rightly denied", "absent anywhere", "not read for"],
)
def test_truth(sentence: Sentence, value: int) -> None:
    assert truth(film(findings=("Effusion",), boxes=(EFFUSION,)), sentence) == value


def test_targets_bare_and_with_side() -> None:
    right = BoxRecord("pleural effusion", "Effusion", "finding", "right", (0.1, 0.6, 0.3, 0.9))
    seen = [(box, np.array([box.box])) for box in (EFFUSION, right)]
    targets = {t.phrase: len(t.boxes) for t in present_targets(seen, np.random.default_rng(0), varied=False)}
    assert targets == {"pleural effusion": 2, "left pleural effusion": 1, "right pleural effusion": 1}


def test_zones_are_thirds_of_a_lung() -> None:
    found = {box.phrase: box.box for box in zones(film(boxes=(LUNG,)))}
    assert list(found) == ["right upper lung zone", "right middle lung zone", "right lower lung zone"]
    assert found["right middle lung zone"] == pytest.approx((0.1, 0.3, 0.4, 0.5))


def test_report_names_finding_and_side() -> None:
    text = report_of(film(findings=("Effusion",), boxes=(EFFUSION,)), np.random.default_rng(0))
    assert "left pleural effusion" in text
    assert "no pleural effusion" not in text


def test_augmentation_moves_box_and_picture_together_and_never_flips() -> None:
    pixels = np.zeros((100, 100), dtype=np.uint8)
    pixels[20:40, 60:90] = 255
    box = np.array([0.6, 0.2, 0.9, 0.4])
    ranges = Augmentation(angle=0, gamma=0, contrast=0, noise=0)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        matrix = random_affine(rng, 100, ranges)
        assert matrix[0, 0] > 0.5
        assert matrix[1, 1] > 0.5
        rows, columns = np.nonzero(apply(pixels, matrix, rng, ranges) > 0.55)
        expected = moved(box, matrix, 100)[0] * 100
        assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == pytest.approx(expected, abs=2)


def test_a_box_mostly_out_of_sight_is_dropped() -> None:
    shift = np.array([[1.0, 0, 80], [0, 1, 0]])
    assert len(moved(np.array([0.1, 0.1, 0.4, 0.4]), shift, 100)) == 0


def test_steps_can_be_drawn_again_and_shares_hold() -> None:
    records = [film(boxes=(EFFUSION,))] * 30 + [film("rsna_normal", ("No Finding",))] * 30 + [film()] * 30
    assert [stratum(records[index]) for index in (0, 30, 60)] == ["finding_boxes", "normal", "nih"]
    sampler = Sampler(records, {"finding_boxes": 0.5, "normal": 0.25, "nih": 0.25, "simulated": 0.2}, 16, seed=3)
    first, again = sampler.draw(5)[0], sampler.draw(5)[0]
    assert first.tolist() == again.tolist()
    assert first.tolist() != sampler.draw(6)[0].tolist()
    assert [int(((first >= low) & (first < low + 30)).sum()) for low in (0, 30, 60)] == [8, 4, 4]


def test_films_with_reports_are_a_stratum_where_a_recipe_asks_for_them() -> None:
    """Else they count as what their findings make them, as in every recipe of before."""
    told = replace(film("openi", ("No Finding",)), report="Clear lungs.")
    records = [told, film("openi", ("No Finding",)), replace(film("openi"), report="Scar."), film(boxes=(EFFUSION,))]
    assert [stratum(record) for record in records] == ["normal", "normal", "other", "finding_boxes"]
    assert [stratum(record, reports=True) for record in records] == ["reports", "normal", "reports", "finding_boxes"]
    asked = Sampler(records, {"reports": 0.5, "finding_boxes": 0.5}, 8, seed=1)
    assert set(asked.draw(0)[0].tolist()) == {0, 2, 3}
    assert set(Sampler(records, {"normal": 1.0}, 8, seed=1).draw(0)[0].tolist()) == {0, 1}


def test_a_patient_in_two_splits_is_a_leak() -> None:
    other = FilmRecord(Path("y.webp"), "p", "nih_bbox", "val")
    with pytest.raises(ValueError, match="two splits"):
        check_leaks([film(), other])


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([], [[0, 0], [0, 0]]),
        ([[0.0, 0.0, 0.5, 0.5]], [[1, 0], [0, 0]]),
        ([[0.25, 0.0, 0.75, 1.0]], [[0.5, 0.5], [0.5, 0.5]]),
        ([[0.0, 0.5, 0.5, 0.75], [0.0, 0.5, 1.0, 1.0]], [[0, 0], [1, 1]]),
    ],
    ids=["none", "one cell", "half of each", "the fuller box counts"],
)
def test_coverage(boxes: list[list[float]], expected: list[list[float]]) -> None:
    np.testing.assert_allclose(coverage(np.asarray(boxes).reshape(-1, 4), 2), expected, atol=1e-6)


def test_heat_targets_hold_one_absent_phrase() -> None:
    record = film(findings=("Effusion",), boxes=(EFFUSION,))
    for seed in range(20):
        targets = heat_targets(record, [(EFFUSION, np.array([EFFUSION.box]))], np.random.default_rng(seed), 3)
        assert [len(target.boxes) for target in targets] == [1, 1, 0]


def test_children_and_adults_lungs_are_drawn_apart() -> None:
    assert stratum(film("kermany_pneumonia", boxes=(LUNG,))) == "lung_boxes"
    assert stratum(film("covid_chestxray", boxes=(LUNG,))) == "adult_lungs"


def test_what_a_set_denies_is_asked_for_and_answered_with_none() -> None:
    _, tokens = tiny.tokenizers()
    writer = Writer(tokens, LocationGrammar("tokens", tiny.BINS, 3), tokens.id(END))
    silent = film("mimic")
    assert questions(silent, [], writer, np.random.default_rng(0), 5, "Clear.")[0].task != GROUND
    asked = questions(replace(silent, absent=("Effusion",)), [], writer, np.random.default_rng(0), 5, "Clear.")
    none = writer.grammar.encode(np.zeros((0, 4)))[0]
    answers = [tokens.decode(list(one.answer[:-1])) for one in asked if one.task == GROUND]
    assert answers == [tokens.decode(tokens.encode(none))]


SMALL, OLD = "Small layering left pleural effusion.", "Old right pleural effusion."
WIRES, SPINE = "Sternal wires.", "Scoliosis."
SAID = FilmRecord(
    Path("x.webp"), "p", "mimic_qba", "train", sentences=(SMALL, OLD, WIRES, SPINE), absent=("Mass",),
    boxes=(
        BoxRecord(SMALL, "Effusion", "finding", "left", (0.6, 0.6, 0.9, 0.9)),
        BoxRecord(OLD, "Effusion", "finding", "right", (0.1, 0.6, 0.3, 0.9)),
        BoxRecord(OLD, "Effusion", "finding", "right", (0.1, 0.1, 0.3, 0.2)),
        BoxRecord(WIRES, "", "finding", "", (0.4, 0.2, 0.6, 0.6)),
        BoxRecord(SPINE, "", "finding", "", (0.4, 0.1, 0.6, 0.9)),
    ),
)  # fmt: skip


def on_canvas(record: FilmRecord) -> list[tuple[BoxRecord, np.ndarray]]:
    return [(box, np.array([box.box])) for box in record.boxes]


def test_a_films_own_sentences_are_its_targets_each_with_its_own_boxes() -> None:
    """Not "left pleural effusion", and not one phrase for all boxes of a label or for all without one."""
    targets, rest = film_targets(SAID, on_canvas(SAID), np.random.default_rng(0), templates=0.0)
    boxes = {target.phrase: target.boxes.tolist() for target in targets}
    assert rest == []
    assert boxes == {
        sentence.rstrip("."): [list(box.box) for box in SAID.boxes if box.phrase == sentence]
        for sentence in (SMALL, OLD, WIRES, SPINE)
    }


def read_back(writer: Writer, asked: list[Segment]) -> list[tuple[int, str, str]]:
    """(task, prompt, answer) in words."""
    decode = writer.tokens.decode
    return [(one.task, decode(list(one.prompt)), decode(list(one.answer[:-1]))) for one in asked]


def test_the_sentence_stands_in_the_decoded_segments_in_both_directions() -> None:
    _, tokens = tiny.tokenizers()
    writer = Writer(tokens, LocationGrammar("tokens", tiny.BINS, 3), tokens.id(END))
    record = replace(SAID, boxes=SAID.boxes[:1])
    told = read_back(writer, questions(record, on_canvas(record), writer, np.random.default_rng(0), 6, "Effusion."))
    sentence = tokens.decode(tokens.encode(SMALL.rstrip(".")))
    boxes = tokens.decode(tokens.encode(writer.grammar.encode(np.array([SAID.boxes[0].box]))[0]))
    assert [answer for task, _, answer in told if task == DESCRIBE] == [sentence]
    assert [answer for task, prompt, answer in told if task == GROUND and sentence in prompt] == [boxes]


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 1.0])
def test_templates_beside_sentences_have_the_share_of_the_recipe(share: float) -> None:
    rng, found = np.random.default_rng(1), []
    for _ in range(400):
        found += film_targets(SAID, on_canvas(SAID), rng, share)[0]
    assert np.mean([not target.written for target in found]) == pytest.approx(share, abs=0.05)


def test_what_is_absent_is_asked_in_the_words_of_other_films() -> None:
    other = FilmRecord(
        Path("y.webp"), "q", "mimic_qba", "train", sentences=("Rounded mass.",),
        boxes=(BoxRecord("Rounded mass.", "Mass", "finding", "left", (0, 0, 1, 1)),),
    )  # fmt: skip
    elsewhere = sentences_by_label([SAID, other, film(boxes=(EFFUSION,))])
    assert elsewhere == {"Effusion": (SMALL[:-1], OLD[:-1]), "Mass": ("Rounded mass",)}
    rng = np.random.default_rng(0)
    assert {absent_target("Mass", rng, elsewhere, 0.0).phrase for _ in range(9)} == {"Rounded mass"}
    assert "Rounded mass" not in {absent_target("Mass", rng, elsewhere, 1.0).phrase for _ in range(9)}


def test_a_heat_map_is_asked_for_what_is_absent_in_the_words_of_other_films() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        targets = heat_targets(SAID, on_canvas(SAID), rng, 3, elsewhere={"Mass": ("Rounded mass",)})
        assert [target.phrase for target in targets if not len(target.boxes)] == ["Rounded mass"]


def test_thirds_are_those_of_a_whole_lung() -> None:
    part = BoxRecord("right lower lung zone", "right lower lung zone", "anatomy", "", (0.1, 0.5, 0.4, 0.7))
    assert zones(film(boxes=(part,))) == []
