"""The mean of checkpoints."""

from pathlib import Path

import pytest
import torch

import lofi
from lofi.network import checkpoint
from lofi.network.checkpoint import LANGUAGE_TOKENIZER, TEXT_TOKENIZER
from train import soup

BUNDLED = Path("assets/lofi-mini")


@pytest.fixture
def shifted(tmp_path: Path) -> Path:
    """The bundled model with 1 added to every weight of its language model's last norm."""
    model = lofi.load(BUNDLED)
    with torch.no_grad():
        last_norm(model.network.state_dict()).add_(1)
    tokenizers = {name: BUNDLED / name for name in (TEXT_TOKENIZER, LANGUAGE_TOKENIZER)}
    checkpoint.save(tmp_path / "shifted", model.network, tokenizers, data={}, metrics={})
    return tmp_path / "shifted"


def last_norm(state: dict[str, torch.Tensor]) -> torch.Tensor:
    (name,) = (name for name in state if name.endswith("model.model.norm.weight"))
    return state[name]


def test_the_mean_by_its_shares(shifted: Path, tmp_path: Path) -> None:
    assert soup.main(["--model", f"{BUNDLED}=0.75", "--model", f"{shifted}=0.25", "--out", str(tmp_path / "out")]) == 0
    lead, mean = lofi.load(BUNDLED), lofi.load(tmp_path / "out")
    old, new = lead.network.state_dict(), mean.network.state_dict()
    assert torch.allclose(last_norm(new), last_norm(old) + 0.25, atol=2e-3)
    changed = [name for name in old if not torch.equal(old[name], new[name])]
    assert [name.endswith("model.model.norm.weight") for name in changed] == [True]
    assert (mean.threshold, mean.calibration) == (lead.threshold, lead.calibration)


def test_shares_that_are_not_one_are_refused(shifted: Path) -> None:
    models = [lofi.load(BUNDLED), lofi.load(shifted)]
    with pytest.raises(ValueError, match="1 together"):
        soup.mixed(models, [0.5, 0.4])


def test_another_vocabulary_is_refused(shifted: Path) -> None:
    one, other = lofi.load(BUNDLED), lofi.load(shifted)
    other.language_tokens.backend.add_tokens(["opacification"])
    with pytest.raises(ValueError, match="another vocabulary"):
        soup.mixed([one, other], [0.5, 0.5])


def test_another_design_is_refused(shifted: Path) -> None:
    one, other = lofi.load(BUNDLED), lofi.load(shifted)
    other.network.register_parameter("odd", torch.nn.Parameter(torch.zeros(1)))
    with pytest.raises(ValueError, match="other weights"):
        soup.mixed([one, other], [0.5, 0.5])
