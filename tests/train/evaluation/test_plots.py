"""Pictures must be drawn whatever a record file lacks."""

from pathlib import Path

import cv2
import pytest

from lofi.metrics.bootstrap import Estimate
from train.evaluation import plots

SECTIONS = ("grounding", "by label", "text retrieval", "zero-shot AUROC", "label retrieval")
HALF = Estimate(0.5, 0.4, 0.6, 10, 8)
UNKNOWN = Estimate(float("nan"), float("nan"), float("nan"), 0, 0)


@pytest.mark.parametrize(
    "results",
    [
        pytest.param({name: {} for name in SECTIONS}, id="no boxes, no texts, no labels"),
        pytest.param(
            {
                **{name: {} for name in SECTIONS},
                "grounding": {"side": {"model": {"mean IoU": HALF, "IoU≥0.5": UNKNOWN}}},
                "zero-shot AUROC": {"all films, negated prompts": {"Mass": UNKNOWN}},
            },
            id="figures without a value",
        ),
    ],
)
def test_a_page_is_drawn_without_a_warning(results: dict, tmp_path: Path) -> None:
    plots.draw(results, [], {}, tmp_path / "plots.png")
    assert cv2.imread(str(tmp_path / "plots.png")) is not None
