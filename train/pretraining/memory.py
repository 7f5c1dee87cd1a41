"""What a step takes of a GPU's memory, on paper, and what a recipe decides by it."""

from collections.abc import Sequence
from dataclasses import replace

from train.pretraining.recipe import Recipe
from train.pretraining.work import Assumptions, Part

GIB = 2**30
H100 = 79 * GIB
"""What an H100's memory holds beside what the driver takes."""
USABLE = 0.85
"""Share of a GPU's memory that a step may plan with; the rest is for what is not counted, and for fragments."""
HEAD_COPIES = 3.5
"""Copies of float32 logits that the head and the losses hold at their peak, backward pass included, as
tests/train/test_plan.py counts them."""


def memory(
    parts: Sequence[Part], recipe: Recipe, films: int, assumed: Assumptions | None = None, words: int | None = None
) -> dict[str, float]:
    """Bytes on one GPU under DDP: 4 a weight that trains, 2 a frozen one (4 in 32 bits; 1 or ½ where quantised), 4 a
    trained weight for its gradient, 8 for Adam's two moments, 4 for the average, the activations of ``films``, and the
    logits over a vocabulary of ``words`` of so many answer places as the head takes at a time.
    """
    low, trained = sum(part.low_bits for part in parts), sum(part.trained for part in parts)
    frozen = sum(part.weights for part in parts) - sum(min(part.trained, part.weights) for part in parts) - low
    words = int(recipe.model.language.transformers["vocab_size"]) if words is None else words
    places = min(recipe.head_chunk, films * recipe.questions * (assumed or Assumptions()).answer)
    return {
        "weights": 4.0 * trained + (4.0 if recipe.bits == 32 else 2.0) * max(0, frozen) + low * recipe.bits / 8,
        "gradients": 4.0 * trained,
        "optimiser": 8.0 * trained + (4.0 * trained if recipe.ema else 0.0),
        "activations": films * sum(part.checkpointed if recipe.checkpointing else part.kept for part in parts),
        "logits": HEAD_COPIES * 4.0 * places * words,
    }


def decided(recipe: Recipe, parts: Sequence[Part], films: int, room: float | None) -> Recipe:
    """The recipe with ``checkpointing`` decided where it leaves that open: on where ``films`` at once would need more
    than USABLE of a GPU's ``room`` in bytes; off on a CPU (None).
    """
    if recipe.checkpointing is not None:
        return recipe
    need = sum(memory(parts, replace(recipe, checkpointing=False), films).values())
    return replace(recipe, checkpointing=room is not None and need > USABLE * room)
