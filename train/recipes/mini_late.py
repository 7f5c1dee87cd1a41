"""The second stage of ``lofi-mini``: on from the checkpoint of ``mini``, with pseudo-labels and rougher handling.

``python -m train.bundled`` runs all stages; alone: ``--records`` of train.pseudo, ``--set starts.checkpoint=FOLDER``.
"""

from dataclasses import replace

from train.feeding.augment import Augmentation
from train.pretraining.recipe import Rates
from train.recipes import mini

RECIPE = replace(
    mini.RECIPE,
    name="mini_late",
    steps=1500,
    early_side=256,
    early_share=0.85,
    warmup=40,
    rates=Rates(image=2.5e-4, text=3e-5, new=6e-4),
    augmentation=Augmentation(scale=0.25, shift=0.1, angle=9.0, gamma=0.45, contrast=0.25, noise=0.03),
    shares={
        "finding_boxes": 0.50,
        "pseudo_boxes": 0.16,
        "nih": 0.06,
        "adult_lungs": 0.10,
        "lung_boxes": 0.05,
        "normal": 0.09,
        "other": 0.04,
    },
)

SMOKE = replace(mini.small(RECIPE), name="mini_late-smoke")
