"""The page and the server make the same phrases of what is typed: else a verdict or a box would belong to no phrase."""

import pytest
from playwright.sync_api import Page

from lofi.report.query import parse_phrases
from lofi.ui.modules import version
from tests.browser.steps import AT_DESK

pytestmark = pytest.mark.browser


@AT_DESK
def test_page_and_server_tidy_a_phrase_alike(page: Page) -> None:
    split = f"async (text) => (await import('/lofi/viewer/{version()}/reading.js')).splitPhrases(text)"
    for typed in (
        "mass.",
        "Mass, MASS., nodule",
        "  left   pleural\teffusion . ",
        "a; b\nc\r\nd,,e.",
        "2.5 cm mass",
        "Mass, nodule, mass",
        "effusion, small, left, edema, and mass",
        "nodule of 1,5 cm; hernia",
        "...",
    ):
        seen = page.evaluate(split, typed)
        assert tuple(seen) == (parse_phrases(typed) if typed != "..." else ())
