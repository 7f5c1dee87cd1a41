"""What a recipe needs, on paper: ``python -m train.plan RECIPE [--films 220000]``.

Nothing is run: the network is built on torch's meta device and its products are counted. The assumptions are
arguments or constants here, each printed with the result; only a measurement says what really comes of them.
"""

import argparse
from collections.abc import Sequence

from train.pretraining.memory import GIB, H100, decided, memory
from train.pretraining.recipe import Recipe
from train.pretraining.work import PEAK, Assumptions, parts_of, step_operations
from train.recipes import find_recipe


def table(recipe: Recipe, films: int, assumed: Assumptions) -> str:
    """The plan in words and figures."""
    parts = parts_of(recipe, assumed)
    lines = [f"{'part':<10}{'weights M':>11}{'trained M':>11}{'forward GFLOP':>15}{'step GFLOP':>12}   (a film)"]
    one = decided(recipe, parts, max(1, recipe.batch // recipe.accumulate), H100)
    for part in parts:
        step = step_operations(part, bool(one.checkpointing)) / 1e9
        row = f"{part.weights / 1e6:>11.1f}{part.trained / 1e6:>11.2f}{part.forward / 1e9:>15.1f}{step:>12.1f}"
        lines.append(f"{part.name:<10}{row}")
    work = sum(step_operations(part, bool(one.checkpointing)) for part in parts)
    lines.append(
        f"all parts: {sum(p.weights for p in parts) / 1e6:.0f} M weights, {work / 1e9:.0f} GFLOP a film and step"
    )
    for gpus in (1, 8):
        share = max(1, recipe.batch // recipe.accumulate // gpus)
        own = decided(recipe, parts, share, H100)
        need = memory(parts, own, share, assumed)
        needed = sum(step_operations(part, checkpointing=False) for part in parts)
        rate = gpus * PEAK * assumed.mfu / needed
        hours = films * max(1.0, recipe.epochs) / rate / 3600
        split = ", ".join(f"{name} {value / GIB:.1f}" for name, value in need.items())
        lines.append(
            f"{gpus} × H100: {sum(need.values()) / GIB:.1f} GiB a GPU ({split}; {share} films at once, "
            f"{'checkpointed' if own.checkpointing else 'all activations kept'})"
        )
        lines.append(f"  {rate:.0f} films/s, {hours:.1f} h, ${gpus * hours * assumed.price:,.0f}")
    lines.append(
        f"Assumed, not measured: {assumed.mfu:.0%} of {PEAK / 1e12:.0f} TFLOP/s, ${assumed.price:.2f} a GPU hour, "
        f"{recipe.questions} questions of {assumed.prompt} + {assumed.answer} tokens, {films:,} films, "
        f"{max(1.0, recipe.epochs):g} epochs; of that share nothing is computed again."
    )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m train.plan", description=__doc__)
    parser.add_argument("recipe", help="such as paper, base or ablate:separate_heads")
    parser.add_argument("--films", type=int, default=220_000, help="films of an epoch (default 220,000)")
    parser.add_argument("--mfu", type=float, default=Assumptions.mfu, help="share of the peak (default 0.15)")
    parser.add_argument("--price", type=float, default=3.0, help="assumed dollars a GPU hour (default 3)")
    options = parser.parse_args(arguments)
    assumed = Assumptions(mfu=options.mfu, price=options.price)
    print(table(find_recipe(options.recipe), options.films, assumed))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
