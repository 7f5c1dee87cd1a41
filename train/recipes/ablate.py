"""Ablations of ``base``, one change each: ``python -m train.pretrain ablate:queries_32 --out DIR``."""

from dataclasses import replace

from train.feeding.augment import UNCHANGED
from train.pretraining.recipe import Recipe
from train.recipes import base
from train.recipes.smoke import smoke as shrunk


def _with(name: str, **changes: object) -> Recipe:
    return replace(base.RECIPE, name=f"ablate-{name}", **changes)  # type: ignore[arg-type]


def _connector(name: str, **changes: object) -> Recipe:
    connector = replace(base.MODEL.connector, **changes)  # type: ignore[arg-type]
    return _with(name, model=replace(base.MODEL, connector=connector))


def _tokens() -> Recipe:
    """Location tokens need a vocabulary of our own, and so a language model from scratch, as in ``mini``."""
    language = replace(base.MODEL.language, locations="tokens", bins=128)
    return _with(
        "tokens",
        model=replace(base.MODEL, language=language),
        starts=replace(base.RECIPE.starts, language="fresh"),
        language_lora=None,
    )


def _fresh_digits() -> Recipe:
    """The fair partner of ``tokens``: digits with the same language model from scratch."""
    return _with("fresh_digits", starts=replace(base.RECIPE.starts, language="fresh"), language_lora=None)


def _chat() -> Recipe:
    """Questions in Gemma's chat template, as its makers trained it."""
    return _with("chat", model=replace(base.MODEL, language=replace(base.MODEL.language, chat=True)))


VARIANTS: dict[str, Recipe] = {
    "base": _with("base"),
    **{f"queries_{n}": _connector(f"queries_{n}", queries=n) for n in (32, 64, 256)},
    "separate_heads": _connector("separate_heads", kind="separate"),
    **{f"lambda_{n}": _with(f"lambda_{n}", location_weight=float(n)) for n in (1, 2, 10)},
    "tokens": _tokens(),
    "fresh_digits": _fresh_digits(),
    "location_sum": _with("location_sum", location="sum"),
    "softmax": _with("softmax", contrast="softmax"),
    "pooled": _with("pooled", sentences="pooled"),
    "pool_2x2": _connector("pool_2x2", pool=2),
    "plain_films": _with("plain_films", augmentation=UNCHANGED),
    "templates": _with("templates", templates=1.0),
    "chat": _chat(),
    "int8": _with("int8", bits=8),
}


def smoke(recipe: Recipe) -> Recipe:
    """The small variant of any of them."""
    return shrunk(replace(recipe, trained_text_layers=1))


RECIPE = VARIANTS["base"]
SMOKE = smoke(VARIANTS["tokens"])
