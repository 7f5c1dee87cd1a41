"""Pre-training: ``python -m train.pretrain RECIPE --out DIR [--smoke] [--resume] [--set name=value]``."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lofi.errors import LofiError
from train.feeding.generated import generate
from train.pretraining.folders import check_free
from train.pretraining.loop import train
from train.pretraining.recipe import checked, with_settings
from train.pretraining.run import prepare
from train.pretraining.state import check_resumable
from train.pretraining.stopping import Stopped
from train.recipes import find_recipe


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m train.pretrain", description=__doc__)
    parser.add_argument("recipe", help="a module of train/recipes, such as mini, or ablate:VARIANT")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: state, figures, checkpoint")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="films, reports and starting weights")
    parser.add_argument("--records", type=Path, nargs="*", help="record files (default: the films of --shared)")
    parser.add_argument(
        "--shards", type=Path, nargs="*", default=[], help="folders of training films as train.data --shards wrote them"
    )
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="folder of decoded films")
    parser.add_argument("--smoke", action="store_true", help="the recipe's variant of under a minute")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out")
    parser.add_argument("--shard", action="store_true", help="share weights out over the processes (FSDP2)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="replace a number of the recipe"
    )
    options = parser.parse_args(arguments)
    chosen = find_recipe(options.recipe, options.smoke)
    try:
        recipe = checked(with_settings(chosen, dict(s.split("=", 1) for s in options.set)))
    except ValueError as error:
        parser.error(str(error))
    try:  # before anything is written; of several processes the first looks, the others might see what it wrote
        if options.resume:
            check_resumable(options.out, recipe)
        elif os.environ.get("RANK", "0") == "0":
            check_free(options.out)
    except ValueError as error:
        parser.error(str(error))
    options.out.mkdir(parents=True, exist_ok=True)
    files = options.records or ([] if options.shards else [options.shared / "cxr" / "records.jsonl"])
    if options.records is None and not options.shards and recipe.films:
        files = [generate(options.out / "films", recipe.films, recipe.model.preprocessing.side)]
    shard = options.shard or os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"  # accelerate launch --use_fsdp
    try:
        run = prepare(recipe, files, options.shared, options.cache, options.shards, options.resume)
    except (ValueError, LofiError) as error:
        parser.error(str(error))
    try:
        train(run, options.out, options.resume, shard)
    except Stopped as stop:
        print(f"\n{stop}", file=sys.stderr)
        return stop.status
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
