"""What a record of the sets with sentences is trained on: the sentence with its boxes, in both directions."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lofi.network.text import END, LocationGrammar
from tests import tiny
from tests.train.data.sets import mimic, observation
from tests.train.data.test_mimic_qba import qba
from tests.train.data.test_padchest_gr import IMAGE, finding, padchest
from train.data.records import FilmRecord, parse
from train.feeding.episodes import DESCRIBE, GROUND, Writer, questions

Run = Any
SENTENCE = "Small layering left pleural effusion blunting the costophrenic angle."
OTHER = "Right pleural effusion, loculated."


@pytest.fixture(params=["mimic_qba", "padchest_gr"])
def record(request: pytest.FixtureRequest, convert: Run, tmp_path: Path) -> FilmRecord:
    """One film with two effusions, each with its own sentence, both of a label of the lexicon."""
    boxes = [[0.6, 0.6, 0.9, 0.9]], [[0.1, 0.6, 0.3, 0.9]]
    if request.param == "mimic_qba":
        pixels = [[[x0 * 500, y0 * 400, x1 * 500, y1 * 400] for x0, y0, x1, y1 in found] for found in boxes]
        root = qba(tmp_path / "qba", observation(SENTENCE, pixels[0]), observation(OTHER, pixels[1]))
        records, _ = convert("mimic_qba", root, mimic=mimic(tmp_path / "mimic"))
    else:
        found = [finding(SENTENCE, boxes[0]), finding(OTHER, boxes[1])]
        records, _ = convert("padchest_gr", padchest(tmp_path / "gr", (IMAGE, found)))
    assert {box["label"] for box in records[0]["boxes"]} == {"Effusion"}
    return parse(json.loads(json.dumps(records[0])), tmp_path)


def test_each_sentence_stands_in_the_decoded_segments_with_its_own_box(record: FilmRecord) -> None:
    _, tokens = tiny.tokenizers()
    writer = Writer(tokens, LocationGrammar("tokens", tiny.BINS, 3), tokens.id(END))
    seen = [(box, np.array([box.box])) for box in record.boxes]
    asked = questions(record, seen, writer, np.random.default_rng(0), 12, record.report)
    told = [(one.task, tokens.decode(list(one.prompt)), tokens.decode(list(one.answer[:-1]))) for one in asked]
    for sentence, box in ((SENTENCE, record.boxes[0]), (OTHER, record.boxes[1])):
        words = tokens.decode(tokens.encode(sentence.rstrip(".")))
        place = tokens.decode(tokens.encode(writer.grammar.encode(np.array([box.box]))[0]))
        assert [(words in prompt, answer) for task, prompt, answer in told if task == GROUND].count((True, place)) == 1
        assert [answer for task, prompt, answer in told if task == DESCRIBE and place in prompt] == [words]
