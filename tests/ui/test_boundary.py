"""Every error becomes one sentence; nothing a file brought reaches a log."""

import logging

import gradio as gr
import pytest

from lofi.errors import BadQuery
from lofi.ui.boundary import sentence, shown


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (BadQuery("Write a phrase."), "Write a phrase."),
        (gr.Error("The queue is full."), "The queue is full."),
        (MemoryError(), "There is not enough memory for this film."),
    ],
    ids=["ours", "gradio's", "memory"],
)
def test_sentences(error: Exception, expected: str) -> None:
    assert sentence(error) == expected


def test_an_unforeseen_error_is_logged_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "lofi"):
        told = sentence(ValueError("/uploads/secret-patient.png"))
    assert "secret" not in told
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text


def test_our_error_is_found_behind_gradios(caplog: pytest.LogCaptureFixture) -> None:
    wrapped = RuntimeError("outer")
    wrapped.__cause__ = BadQuery("The upload is no longer here.")
    assert sentence(wrapped) == "The upload is no longer here."
    assert caplog.text == ""


def test_what_is_shown_is_no_markup_and_no_trace() -> None:
    error = shown(BadQuery('<img src=x onerror=alert(1)> "x"'))
    assert error.message == '&lt;img src=x onerror=alert(1)&gt; "x"'
    assert not error.print_exception
