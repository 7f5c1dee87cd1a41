"""The location grammar, both kinds, and what it does with nonsense."""

import numpy as np
import pytest

from lofi.network.text import LocationGrammar, location_tokens
from tests.tiny import BINS, tokenizers

TOKENS = LocationGrammar("tokens", 128, 3)
DIGITS = LocationGrammar("digits", 128, 3)
TWO = np.array([[0.5, 0.1, 0.9, 0.4], [0.1, 0.2, 0.3, 0.8]])


@pytest.mark.parametrize("grammar", [TOKENS, DIGITS], ids=["tokens", "digits"])
@pytest.mark.parametrize("boxes", [np.zeros((0, 4)), TWO[:1], TWO], ids=["none", "one", "two"])
def test_round_trip_sorted_by_x0(grammar: LocationGrammar, boxes: np.ndarray) -> None:
    text, left_out = grammar.encode(boxes)
    assert left_out == 0
    ordered = boxes[np.argsort(boxes[:, 0])] if len(boxes) else boxes
    assert np.abs(grammar.decode(text) - ordered).max(initial=0) <= 0.5 / 128 + 1e-9


def test_texts_by_hand() -> None:
    assert TOKENS.encode(TWO[:1])[0] == "<box><loc_64><loc_12><loc_115><loc_51>"
    assert DIGITS.encode(TWO)[0] == "[[100,200,300,800],[500,100,900,400]]"
    assert TOKENS.encode(TWO[:0])[0] == "<none>"
    assert DIGITS.encode(TWO[:0])[0] == "[]"


@pytest.mark.parametrize("grammar", [TOKENS, DIGITS], ids=["tokens", "digits"])
def test_boxes_beyond_the_budget_are_counted_not_lost_in_silence(grammar: LocationGrammar) -> None:
    many = np.array([[n / 10, 0.1, n / 10 + 0.1, 0.2] for n in range(5)])
    text, left_out = grammar.encode(many)
    assert left_out == 2
    assert len(grammar.decode(text)) == 3


@pytest.mark.parametrize(
    ("grammar", "text", "count"),
    [
        (DIGITS, "[[100,200,300,400],[9", 1),
        (DIGITS, "[[100,200,300],[100,200,300,400]]", 1),
        (DIGITS, "[[300,200,100,400]]", 0),
        (DIGITS, "I see nothing", 0),
        (DIGITS, "[[0,0,99999,500]]", 1),
        (TOKENS, "<box><loc_1><loc_2><box><loc_1><loc_1><loc_9><loc_9>", 1),
        (TOKENS, "<box><loc_1><loc_2><loc_999><loc_9>", 0),
        (TOKENS, "<none>", 0),
        (TOKENS, "", 0),
    ],
    ids=["cut", "short box", "inverted", "prose", "too large", "broken box", "unknown bin", "none", "empty"],
)
def test_a_bad_box_never_empties_the_answer(grammar: LocationGrammar, text: str, count: int) -> None:
    assert len(grammar.decode(text)) == count


def test_location_tokens_are_single_ids_through_a_tokenizer() -> None:
    _, language = tokenizers()
    grammar = LocationGrammar("tokens", BINS, 3)
    ids = language.encode(grammar.encode(TWO)[0])
    assert len(ids) == 2 * 5
    assert np.array_equal(grammar.decode(language.decode(ids)), grammar.decode(grammar.encode(TWO)[0]))
    assert language.id("<loc_31>") == location_tokens(BINS).index("<loc_31>")


def test_long_sentences_keep_their_last_token() -> None:
    text, _ = tokenizers()
    row = text.encode_all(["effusion " * 40], 16)[0]
    assert len(row) == 16
    assert row[-1] == text.id("[SEP]")
