"""Fine-tuning on PadChest-GR: image tower frozen, N = 128, batch 16, 30 epochs (the authors' later public code).

Starts from a checkpoint of the ``paper`` recipe: ``--set starts.checkpoint=RUN/checkpoint``. The queries and nothing
else differ in shape, and start anew.
"""

from dataclasses import replace

from train.pretraining.recipe import Rates
from train.recipes import paper
from train.recipes.smoke import smoke

RECIPE = replace(
    paper.RECIPE,
    name="padchest_gr",
    model=replace(paper.MODEL, name="lofi-padchest-gr", connector=replace(paper.MODEL.connector, queries=128)),
    batch=16,
    epochs=30,
    swap_normal=0.0,
    image_lora=None,
    rates=Rates(image=0.0, text=3e-4, new=3e-4, language=3e-4),
)

SMOKE = smoke(RECIPE)
