"""What is said of dependencies is true: locked with hashes, licences and bill of materials current."""

import importlib.util
import json
import re
from importlib import metadata
from pathlib import Path

import pytest

_PLACE = Path(__file__).resolve().parent.parent / ".ci" / "supply.py"
_SPEC = importlib.util.spec_from_file_location("supply", _PLACE)
supply = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(supply)


def test_the_lock_holds_what_is_wanted_and_every_line_has_hashes() -> None:
    locked = supply.locked()
    wanted = {name: version for name, version in supply.wanted().items() if name != "torch"}
    assert {name: locked.get(name) for name in wanted} == wanted, "run `make lock`"
    blocks = re.split(r"\n(?=[a-z])", supply.LOCK.read_text("utf-8").partition("\n\n")[0])
    for block in blocks[1:]:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block.splitlines()[0]
    assert not [name for name in locked if supply.LEFT_TO_TORCH.fullmatch(name)]


def test_the_lock_is_closed() -> None:
    """--no-deps installs nothing that is not in it: what a package needs must be there, torch itself excepted."""
    locked = {*supply.locked(), "torch"}
    for name in sorted(locked - {"torch"}):
        for line in metadata.requires(name) or ():
            needed = supply.normal(re.match(r"[\w.-]+", line)[0])  # type: ignore[index]
            if "extra ==" in line or ";" in line or supply.LEFT_TO_TORCH.fullmatch(needed):
                continue
            assert needed in locked, f"{name} needs {needed}"


def test_both_builds_of_torch_are_locked_and_neither_is_the_other() -> None:
    pin = f"torch=={supply.wanted()['torch']} \\\n"
    hashes = []
    for lock in (supply.TORCH_CPU, supply.TORCH_CUDA):
        block = ("\n" + lock.read_text("utf-8")).split(f"\n{pin}")[1]
        hashes.append(set(re.match(r"(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", block)[0].split()) - {"\\"})  # type: ignore[index]
        # For each Python the Linux builds of two processors at the least.
        assert len(hashes[-1]) >= 2 * len(supply.PYTHONS)
    assert not hashes[0] & hashes[1]


def test_the_torch_that_runs_here_asks_for_nothing_that_no_lock_holds() -> None:
    cuda = set(re.findall(r"^([\w.-]+)==", supply.TORCH_CUDA.read_text("utf-8"), re.MULTILINE))
    asked = {
        supply.normal(re.match(r"[\w.-]+", line)[0]) for line in metadata.requires("torch") if "extra ==" not in line
    }  # type: ignore[index,union-attr]
    assert asked <= {*supply.locked(), *cuda}
    assert [name for name in cuda if not supply.LEFT_TO_TORCH.fullmatch(name)] == []
    assert {"nvidia-cublas", "triton"} <= cuda


@pytest.mark.parametrize(("make", "place"), [(supply.licences, supply.LICENCES), (supply.sbom, supply.SBOM)])
def test_licences_and_bill_are_current(make, place) -> None:  # type: ignore[no-untyped-def]
    assert place.read_text("utf-8") == make(), f"run `python .ci/supply.py {place.stem}`"


def test_every_licence_is_known() -> None:
    rows = re.findall(r"^\| ([\w.-]+) \| (\S+) \| (.+) \|$", supply.LICENCES.read_text("utf-8"), re.MULTILINE)
    assert {name for name, *_ in rows} - {"package"} == {*supply.locked(), "torch"}
    assert not [name for name, _, said in rows if said == "see its files"]


def test_the_bill_names_each_package_once() -> None:
    bill = json.loads(supply.SBOM.read_text("utf-8"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    purls = [part["purl"] for part in bill["components"]]
    assert len(purls) == len(set(purls)) == len(supply.locked()) + 1
