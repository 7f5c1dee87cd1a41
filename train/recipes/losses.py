"""The paper's claim on two cores: ``mini`` with one loss after the other added, all else equal, smaller and shorter.

``python -m train.pretrain losses:sigmoid --set seed=1 --out DIR``; the heat-map loss, which is not the paper's, is off.
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

VARIANTS: dict[str, Recipe] = {
    "sigmoid": replace(RECIPE, name="losses-sigmoid", location_weight=0.0),
    "caption": replace(RECIPE, name="losses-caption", location="off"),
    "location": RECIPE,
}


smoke = mini.small
SMOKE = smoke(RECIPE)
