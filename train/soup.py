"""The weighted mean of checkpoints of one training (arXiv 2203.05482): steadier answers at no cost when asked.

    python -m train.soup --model LAST=0.8 --model EARLIER=0.2 --out FOLDER

All must have the same design and vocabularies. What is not a weight (configuration, calibration, threshold) is the
first one's; train.calibrate comes afterwards.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from lofi.network import checkpoint
from lofi.network.checkpoint import LANGUAGE_TOKENIZER, TEXT_TOKENIZER
from lofi.network.model import LofiModel
from lofi.network.weights import unshared


def mixed(models: Sequence[LofiModel], shares: Sequence[float]) -> dict[str, Tensor]:
    """Weights of the mean, in float32. Raises ValueError where the shares are not 1 together or two models differ."""
    if abs(sum(shares) - 1) > 1e-6 or min(shares) <= 0:
        raise ValueError(
            f"the shares must be above 0 and 1 together, not {', '.join(f'{share:g}' for share in shares)}"
        )
    states = [unshared(model.network) for model in models]
    first = {name: value.shape for name, value in states[0].items()}
    for model, state in zip(models, states, strict=True):
        if {name: value.shape for name, value in state.items()} != first:
            raise ValueError(f"{model.name} {model.fingerprint[:8]} has other weights than the first model")
        if vocabularies(model) != vocabularies(models[0]):
            raise ValueError(f"{model.name} {model.fingerprint[:8]} has another vocabulary than the first model")
    found: dict[str, Tensor] = {}
    for name, value in states[0].items():
        if value.is_floating_point():
            value = sum(
                (share * state[name].detach().float() for share, state in zip(shares, states, strict=True)),
                start=value.detach().float() * 0,
            )
        found[name] = value
    return found


def vocabularies(model: LofiModel) -> list[dict[str, int]]:
    """Words of the text tower and of the language model, each with its id."""
    return [tokens.backend.get_vocab() for tokens in (model.text_tokens, model.language_tokens)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    options = argparse.ArgumentParser(prog="python -m train.soup", description=(__doc__ or "").splitlines()[0])
    options.add_argument("--model", required=True, action="append", metavar="FOLDER=SHARE", help="the first one leads")
    options.add_argument("--out", required=True, type=Path, help="folder of the new checkpoint")
    given = options.parse_args(arguments)
    try:
        pairs = [(Path(folder), float(share)) for folder, _, share in (text.rpartition("=") for text in given.model)]
        models = [checkpoint.load(folder, "cpu") for folder, _ in pairs]
        state = mixed(models, [share for _, share in pairs])
    except ValueError as error:
        options.error(str(error))
    lead, folder = models[0], pairs[0][0]
    manifest = checkpoint.read_manifest(folder)
    parts = [{"model": model.fingerprint, "share": share} for model, (_, share) in zip(models, pairs, strict=True)]
    checkpoint.save(
        given.out,
        lead.network,
        {name: folder / name for name in (TEXT_TOKENIZER, LANGUAGE_TOKENIZER)},
        data={**manifest["data"], "soup": parts},
        metrics={},  # those of the parts are not those of their mean
        threshold=lead.threshold,
        calibration=lead.calibration,
        heat_share=lead.heat_share,
        state=state,
    )
    print(given.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
