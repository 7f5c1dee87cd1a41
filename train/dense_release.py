"""What ships of a dense run: ``python -m train.dense_release --run RUN --out CHECKPOINT``.

The average of weights in half precision as ``dense.safetensors``, and ``dense.json``: the network's settings, what each
concept was taught by, the presence from which a finding is called there, and how far a second box may be colder. Where
the folder is a checkpoint's, its manifest takes them in, and ``train.agree`` then chooses how they are heard.

``--partner RUN`` puts a second network beside it, whose answers have a ``--share`` in the mean of both. Of a checkpoint
whose dense network stays as it is, ``--partner`` alone is given.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file

from lofi.network.checkpoint import MANIFEST, add_dense
from lofi.network.eyes import DESCRIPTION, PARTNER, WEIGHTS
from train.densely.state import STATE


def release(run: Path, out: Path, cuts: str = "cuts-own.json") -> Path:
    """Write both files; the manifest's path. Raises FileNotFoundError where cuts were not chosen yet."""
    if not (run / cuts).is_file():
        raise FileNotFoundError(f"{run / cuts} is missing: run train.dense_figures --split dev first")
    described = json.loads((run / "run.json").read_text())
    chosen = json.loads((run / cuts).read_text())
    out.mkdir(parents=True, exist_ok=True)
    steps = halved(run, out / WEIGHTS)
    concepts = {
        name: taught | ({"cut": chosen["presence"][name]} if name in chosen["presence"] else {})
        for name, taught in described["concepts"].items()
    }
    manifest = {"config": described["config"], "steps": steps, "plan": described["plan"], "share": chosen["share"]}
    return _described(out, manifest | {"concepts": concepts})


def pair(run: Path, out: Path, share: float) -> Path:
    """Put the network of a run beside the dense network in ``out``; the manifest's path.

    Raises FileNotFoundError where there is none.
    """
    described = json.loads((out / DESCRIPTION).read_text("utf-8"))
    ran = json.loads((run / "run.json").read_text())
    steps = halved(run, out / PARTNER)
    partner = {"config": ran["config"], "share": share, "steps": steps, "plan": ran["plan"]}
    return _described(out, described | {"partner": partner})


def halved(run: Path, path: Path) -> int:
    """Write the run's average of weights in half precision; the steps that it took."""
    with safe_open(run / STATE, "pt") as stored:
        names = [name for name in stored.keys() if name.startswith("ema.")]  # noqa: SIM118  (not a dict)
        weights = {name.removeprefix("ema."): stored.get_tensor(name) for name in names}
        steps = int(stored.metadata()["step"])
    small = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
    save_file({name: value.contiguous() for name, value in small.items()}, path)
    path.chmod(0o644)  # as the other files of a checkpoint
    return steps


def _described(out: Path, described: dict[str, Any]) -> Path:
    path = out / DESCRIPTION
    path.write_text(json.dumps(described, indent=1, ensure_ascii=False))
    if (out / MANIFEST).is_file():
        add_dense(out)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--partner", type=Path, help="the run of a second network beside it")
    parser.add_argument("--share", type=float, default=0.5, help="of the second network in every answer")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if not (options.run or options.partner):
        parser.error("give the run to release, or that of a partner, or both")
    if options.run:
        print(release(options.run, options.out))
    if options.partner:
        print(pair(options.partner, options.out, options.share))


if __name__ == "__main__":
    main()
