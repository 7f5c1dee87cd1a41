"""Which commits of the hub a run took its weights from, kept beside it: names there move on, a re-run need not."""

import json
from dataclasses import asdict
from pathlib import Path

from train.pretraining.folders import replace_file
from train.pretraining.places import origins
from train.pretraining.recipe import Starts

FILE = "starts.json"


def pin(starts: Starts, out: Path, resumed: bool, cache: Path | None = None) -> str:
    """Write ``starts.json``: each part's origin with the commit that was taken, as ``--set starts.NAME=`` takes it.

    A resumed run keeps what it began with. The sentence that says how to take the same again; "" where nothing came
    from a name that may stand for another commit one day.
    """
    if resumed and (out / FILE).is_file():
        return ""
    found = origins(starts, cache)
    replace_file(out / FILE, json.dumps(found, indent=1) + "\n")
    stated = asdict(starts)
    moved = [f"--set starts.{name}={place}" for name, place in found.items() if "@" in place and place != stated[name]]
    return f"Weights of the hub, as they are today; for just these again: {' '.join(moved)}" if moved else ""
