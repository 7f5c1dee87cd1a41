"""Runs an adapter the way the command does, into a temporary folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lofi.gallery import read_jsonl
from train.data.__main__ import build
from train.data.quality import Door
from train.data.request import Request, Tally


@pytest.fixture
def convert(tmp_path: Path) -> Callable[..., tuple[list[dict[str, Any]], Tally]]:
    """(records, tally) of a set; keyword arguments are those of Request, and ``laterals``, ``verify``, ``barred``."""

    def run(name: str, root: Path, **options: Any) -> tuple[list[dict[str, Any]], Tally]:
        ways = {key: options.pop(key) for key in ("laterals", "verify", "barred") if key in options}
        request = Request(root, **options)
        out = tmp_path / "records of it"
        build(name, request, out, Door(request.tally, **ways), quiet=True)
        return list(read_jsonl(out / "records.jsonl")), request.tally

    return run
