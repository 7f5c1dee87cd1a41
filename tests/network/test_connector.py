"""Patches → prefix: every kind of connector, and where a grid looks before it has learnt anything."""

from dataclasses import replace

import pytest
import torch

from lofi.errors import CheckpointError
from lofi.network.config import ConnectorConfig
from lofi.network.connector import build_connector
from lofi.network.vision import sinusoid_grid

CONFIG = ConnectorConfig(queries=4, heads=2, layers=1)


@pytest.mark.parametrize("kind", ["resampler", "grid", "separate"])
def test_prefix_shape(kind: str) -> None:
    connector = build_connector(replace(CONFIG, kind=kind), 8, 12)
    assert connector(torch.randn(3, 36, 8)).shape == (3, 4, 12)


def test_a_grid_sees_each_cell_in_its_own_token() -> None:
    torch.manual_seed(0)
    connector = build_connector(replace(CONFIG, kind="grid", layers=0), 8, 12)
    plain = torch.randn(1, 16, 8)
    changed = plain.clone()
    changed[0, 3] += 5.0  # row 0, column 3 of 4 × 4: the upper right of 2 × 2
    moved = (connector(changed) - connector(plain)).abs().sum(2)[0]
    assert moved[1] > 10 * moved[[0, 2, 3]].max()


def test_a_grid_must_be_square() -> None:
    with pytest.raises(CheckpointError, match="square"):
        build_connector(replace(CONFIG, kind="grid", queries=5), 8, 12)


def test_codes_lie_where_everything_else_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Transformers replaces torch.linspace while it loads; torch may note its functions then, and keeps the note."""
    noted = torch.utils._device._device_constructors
    noted.cache_clear()
    with monkeypatch.context() as loading:
        loading.setattr(torch, "linspace", lambda *given, **named: None)
        noted()
    try:
        with torch.device("meta"):
            assert torch.linspace(0, 1, 3).device.type == "cpu"
            assert sinusoid_grid(2, 3, 8).device.type == "meta"
    finally:
        noted.cache_clear()
