"""A recipe's variant for a CPU: towers of the same kind but tiny and random, a few generated films, a few steps."""

from dataclasses import replace
from typing import Any

from lofi.network.config import ModelConfig, Preprocessing
from train.pretraining.recipe import Recipe, Starts

SIDE = 96
WIDTH = 64


def tiny(model: ModelConfig) -> ModelConfig:
    """The model with its towers shrunk: timm's test vision transformer, two text and two language layers."""
    text: dict[str, Any] = {**model.text.open_clip, "width": 32, "heads": 2, "layers": 2, "context_length": 32}
    language = {
        **model.language.transformers,
        "hidden_size": WIDTH,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "layer_types": ["sliding_attention", "full_attention"],
        "max_position_embeddings": 1024,
    }
    return replace(
        model,
        name=model.name + "-smoke",
        embed_dim=WIDTH,
        preprocessing=Preprocessing(side=SIDE, mean=model.preprocessing.mean, std=model.preprocessing.std),
        vision=replace(model.vision, open_clip={**model.vision.open_clip, "timm_model_name": "test_vit2"}, width=WIDTH),
        text=replace(model.text, open_clip=text, context=32),
        connector=replace(model.connector, queries=9, heads=2, layers=1),
        language=replace(model.language, transformers=language, max_boxes=2, max_answer=44),
    )


def smoke(recipe: Recipe) -> Recipe:
    """Everything as in the recipe but the sizes and where the parts start: nothing is downloaded."""
    return replace(
        recipe,
        name=recipe.name + "-smoke",
        model=tiny(recipe.model),
        starts=Starts("fresh", "fresh", "fresh"),
        batch=4 if recipe.accumulate == 1 else 8,
        accumulate=min(2, recipe.accumulate),
        epochs=0.0,
        steps=4,
        warmup=1,
        questions=5,
        workers=1,
        precision="float32",
        checkpointing=recipe.checkpointing is not False,
        bits=32 if recipe.bits == 16 else recipe.bits,
        films=12,
        evaluated_films=1,
        minutes_between_checkpoints=1e9,
        minutes_between_evaluations=1e9,
    )
