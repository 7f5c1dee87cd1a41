"""What ships of a dense run: ``python -m train.dense_release --run RUN --out CHECKPOINT``.

The average of weights in half precision as ``dense.safetensors``, and ``dense.json``: the network's settings, what each
concept was taught by, the presence from which a finding is called there, and how far a second box may be colder. Where
the folder is a checkpoint's, its manifest takes them in, and ``train.agree`` then chooses how they are heard.
"""

import argparse
import json
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from lofi.network.checkpoint import MANIFEST, add_dense
from train.densely.state import STATE


def release(run: Path, out: Path, cuts: str = "cuts-own.json") -> Path:
    """Write both files; the manifest's path. Raises FileNotFoundError where cuts were not chosen yet."""
    if not (run / cuts).is_file():
        raise FileNotFoundError(f"{run / cuts} is missing: run train.dense_figures --split dev first")
    described = json.loads((run / "run.json").read_text())
    chosen = json.loads((run / cuts).read_text())
    out.mkdir(parents=True, exist_ok=True)
    with safe_open(run / STATE, "pt") as stored:
        names = [name for name in stored.keys() if name.startswith("ema.")]  # noqa: SIM118  (not a dict)
        weights = {name.removeprefix("ema."): stored.get_tensor(name) for name in names}
        steps = int(stored.metadata()["step"])
    halved = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
    save_file({name: value.contiguous() for name, value in halved.items()}, out / "dense.safetensors")
    concepts = {
        name: taught | ({"cut": chosen["presence"][name]} if name in chosen["presence"] else {})
        for name, taught in described["concepts"].items()
    }
    manifest = {"config": described["config"], "steps": steps, "plan": described["plan"], "share": chosen["share"]}
    path = out / "dense.json"
    path.write_text(json.dumps(manifest | {"concepts": concepts}, indent=1, ensure_ascii=False))
    if (out / MANIFEST).is_file():
        add_dense(out)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    print(release(options.run, options.out))


if __name__ == "__main__":
    main()
