"""Every recipe's smoke variant trains, lowers nothing to NaN and leaves a checkpoint that loads."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest

import lofi
from train.pretrain import main
from train.recipes import find_recipe
from train.recipes.ablate import VARIANTS
from train.recipes.losses import VARIANTS as LOSSES

pytestmark = pytest.mark.minutes

NAMES = ("base", "paper", "padchest_gr", *(f"ablate:{variant}" for variant in VARIANTS))
RECIPES = tuple({repr(replace(find_recipe(name, smoke=True), name="")): name for name in NAMES[::-1]}.values())[::-1]
"""Each small variant once: with few queries in all of them, those for the number of queries are one."""


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOFI_DEVICE", "cpu")


@pytest.mark.parametrize("name", RECIPES)
def test_smoke(name: str, tmp_path: Path) -> None:
    arguments = [name, "--smoke", "--out", str(tmp_path / "run"), "--cache", str(tmp_path / "cache")]
    assert main(arguments) == 0
    with (tmp_path / "run" / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["0", "1", "2", "3"]
    assert all(math.isfinite(float(row["total"])) for row in rows)
    for part in ("sigmoid", "caption", "grounding", "describing"):
        assert any(float(row[part]) > 0 for row in rows), f"no film of any step had a {part} loss"
    # The checkpoint holds plain weights whatever was quantised or adapted: the product loads it as any other.
    model = lofi.load(tmp_path / "run" / "checkpoint")
    assert model.embed_text(["pleural effusion"]).shape == (1, 64)


@pytest.fixture
def sixteen(shared: Path, tmp_path: Path) -> Path:
    """Sixteen of the real films: enough to see that a recipe of the bundled model's kind runs."""
    lines = (shared / "cxr" / "records.jsonl").read_text("utf-8").splitlines()
    chosen = [line for line in lines if '"nih_bbox"' in line and '"train"' in line][:16]
    records = tmp_path / "records.jsonl"
    records.write_text("\n".join(chosen).replace('"images/', f'"{shared}/cxr/images/') + "\n", "utf-8")
    return records


def smoke_on(records: Path, recipe: str, shared: Path, out: Path) -> list[dict[str, str]]:
    """Two steps of a recipe's smoke variant; its metrics."""
    arguments = [recipe, "--smoke", "--records", str(records), "--shared", str(shared), "--out", str(out)]
    assert main([*arguments, "--cache", str(records.parent / "cache"), "--set", "steps=2"]) == 0
    with (out / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.shared
def test_smoke_of_mini(sixteen: Path, shared: Path, tmp_path: Path) -> None:
    smoke_on(sixteen, "mini", shared, tmp_path / "run")
    assert lofi.load(tmp_path / "run" / "checkpoint").config.name == "lofi-mini"


@pytest.mark.shared
@pytest.mark.parametrize("variant", ["sigmoid", "caption_reports", "location", "location_reports"])
def test_smoke_of_the_losses(variant: str, sixteen: Path, shared: Path, tmp_path: Path) -> None:
    before, after = smoke_on(sixteen, f"losses:{variant}", shared, tmp_path / "run")
    for row in (before, after):
        parts = {name: float(row[name]) for name in ("total", "sigmoid", "caption", "grounding", "describing")}
        told = {"sigmoid": 0.0, "caption": 5 * parts["caption"]}
        whole = 5 * (parts["caption"] + (parts["grounding"] + parts["describing"]) / 2)
        assert parts["total"] - parts["sigmoid"] == pytest.approx(
            told.get(variant.removesuffix("_reports"), whole), rel=1e-3, abs=1e-3
        )


@pytest.mark.parametrize("kind", ["", "_reports"])
def test_the_losses_differ_in_nothing_but_losses(kind: str) -> None:
    whole, others = LOSSES[f"location{kind}"], [LOSSES[f"{arm}{kind}"] for arm in ("sigmoid", "caption")]
    for other in others:
        assert other != whole
        same = replace(other, name=whole.name, location=whole.location, location_weight=whole.location_weight)
        assert same == whole
    assert (others[0].location_weight, others[1].location) == (0.0, "off")


def test_mini_is_what_trained_the_bundled_model() -> None:
    recipe = find_recipe("mini")
    numbers = (recipe.batch, recipe.warmup, recipe.location_weight, recipe.bias, recipe.bits)
    assert numbers == (16, 150, 5.0, -2.0, 32)
    assert not recipe.own_streams
    assert recipe.report_sentences == 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_ablation_differs_from_base(variant: str) -> None:
    changed = replace(VARIANTS[variant], name="")
    assert (changed == replace(VARIANTS["base"], name="")) == (variant == "base")


def test_an_unknown_variant_names_those_there_are() -> None:
    with pytest.raises(SystemExit, match="queries_32"):
        find_recipe("ablate:nothing")
