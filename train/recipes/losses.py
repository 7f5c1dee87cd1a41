"""The paper's claim on two cores: ``mini`` with one loss after the other added, all else equal, smaller and shorter.

``python -m train.pretrain losses:sigmoid --set seed=1 --out DIR``; the heat-map loss, which is not the paper's, is off.
The variants that end in ``_reports`` learn sentences of radiologists' reports instead of sentences made of labels.
"""

from dataclasses import replace

from lofi.network.config import Preprocessing
from train.pretraining.recipe import Recipe
from train.recipes import mini

SIDE = 192
RECIPE = replace(
    mini.RECIPE,
    name="losses-location",
    model=replace(mini.MODEL, preprocessing=Preprocessing(side=SIDE), local=False),
    steps=400,
    warmup=40,
    ema=0.99,
    heat_weight=0.0,
    early_side=SIDE,
    early_share=0.0,
    minutes_between_evaluations=1e9,
)

REPORTED = replace(
    RECIPE,
    name="losses-location-reports",
    shares={"reports": 0.55, "finding_boxes": 0.35, "adult_lungs": 0.10},
    report_sentences=3,
)


def _arms(whole: Recipe) -> dict[str, Recipe]:
    """``whole``, and what is left of it without the location-aware loss, and without any captioning."""
    return {
        "sigmoid": replace(whole, name=whole.name.replace("location", "sigmoid"), location_weight=0.0),
        "caption": replace(whole, name=whole.name.replace("location", "caption"), location="off"),
        "location": whole,
    }


VARIANTS = _arms(RECIPE) | {f"{arm}_reports": recipe for arm, recipe in _arms(REPORTED).items()}


smoke = mini.small
SMOKE = smoke(RECIPE)
