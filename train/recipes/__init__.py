"""Recipes, one a module: every number of a training run as a frozen value, found by name."""

import importlib

from train.pretraining.recipe import Recipe


def find_recipe(name: str, smoke: bool = False) -> Recipe:
    """The recipe of ``train/recipes/NAME.py``, or of its VARIANTS for ``NAME:VARIANT``."""
    module_name, _, variant = name.partition(":")
    module = importlib.import_module(f"train.recipes.{module_name}")
    if not variant:
        found: Recipe = module.SMOKE if smoke else module.RECIPE
        return found
    if variant not in module.VARIANTS:
        raise SystemExit(f"{module_name} has the variants {', '.join(module.VARIANTS)}, not {variant}")
    chosen: Recipe = module.VARIANTS[variant]
    return module.smoke(chosen) if smoke else chosen
