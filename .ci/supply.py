"""What the app is made of: ``python .ci/supply.py lock|licences|sbom``.

lock      .ci/requirements.lock: every package that ``make demo`` installs, with the hashes of its files, and beside
          it torch, once as a CPU build and once with CUDA; needs uv
licences  docs/licences.md, from the metadata of what is installed
sbom      docs/sbom.json, CycloneDX 1.6, from the lock and the same metadata

A machine with a GPU takes another build of torch than one without: .ci/torch-cpu.lock has the hashes of those that
PyTorch's own index serves, .ci/torch-cuda.lock those of the usual index, with the CUDA libraries that they name.
"""

import json
import re
import subprocess
import sys
import tomllib
import uuid
from importlib import metadata
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
WANTED, LOCK = REPOSITORY / "requirements.txt", REPOSITORY / ".ci" / "requirements.lock"
TORCH_CPU, TORCH_CUDA = REPOSITORY / ".ci" / "torch-cpu.lock", REPOSITORY / ".ci" / "torch-cuda.lock"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
LICENCES, SBOM = REPOSITORY / "docs" / "licences.md", REPOSITORY / "docs" / "sbom.json"
PYTHONS = ("3.11", "3.12", "3.13")
LEFT_TO_TORCH = re.compile(r"torch|triton|nvidia-.*|cuda-.*")
"""torch and what comes with it, by platform: in locks of their own."""
_HEAD = """# What `make demo` installs on Python 3.11, 3.12 and 3.13, without torch and what its GPU build brings along:
# exact versions, hashes of their files. Written by `make lock` from requirements.txt; pip refuses a file with another
# hash.
"""
_HEAD_CPU = """# torch without CUDA, as PyTorch's own index serves it for Linux and Windows. Written by `make lock`.
# `==` takes in the local version, 2.13.0+cpu: pip keeps to the files whose hashes stand here.
"""
_HEAD_CUDA = """# torch as the usual index serves it, and what it asks for: CUDA, on Linux alone. By `make lock`.
"""
_ABOUT = """# Licences of what is installed

Written by `python .ci/supply.py licences` from the packages' own metadata; a test checks that it is current. Weights,
films and their terms: `assets/PROVENANCE.md`. A GPU build of torch brings NVIDIA's CUDA libraries along (NVIDIA's
licences) and triton (MIT). On Python 3.13 audioop-lts comes as well (PSF-2.0).

| package | version | licence |
|---|---|---|
"""
_TOLD = {"hnswlib": "Apache-2.0"}
"""Where a package's metadata says nothing that can be shown; from its repository."""


def locked() -> dict[str, str]:
    """Name → version of every package in the lock that every Python takes."""
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)(?= \\$)", LOCK.read_text("utf-8"), re.MULTILINE))


def wanted() -> dict[str, str]:
    """Name → version of the packages that requirements.txt names."""
    pairs = re.findall(r"^([\w.-]+)==(\S+)", WANTED.read_text("utf-8"), re.MULTILINE)
    return {normal(name): version for name, version in pairs}


def normal(name: str) -> str:
    """A package's name as indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locks() -> dict[Path, str]:
    """The three locks. The one of CPU builds stays as it is where their index cannot be reached and it fits."""
    constraint = REPOSITORY / ".venv" / "lock-constraint.txt"
    found = (f"{one.name}=={one.version.partition('+')[0]}" for one in metadata.distributions())
    constraint.write_text("\n".join(sorted(found)), "utf-8")
    wide = ["--universal", "--python-version", PYTHONS[0], "--constraint", str(constraint)]
    cuda = {name: rest for name, rest in _compiled(*wide).items() if LEFT_TO_TORCH.fullmatch(name)}
    return {
        LOCK: _lock(constraint),
        TORCH_CUDA: _HEAD_CUDA + "".join(f"{name}{rest}\n" for name, rest in sorted(cuda.items())),
        TORCH_CPU: _torch_cpu(),
    }


def _torch_cpu() -> str:
    pin = f"torch=={wanted()['torch']}"
    try:
        hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}", _compiled("--no-deps", "--index-url", CPU_INDEX)["torch"])
    except subprocess.CalledProcessError:
        if f"\n{pin} \\\n" not in TORCH_CPU.read_text("utf-8"):
            raise SystemExit(f"{CPU_INDEX} cannot be reached, and {TORCH_CPU.name} is of another torch.") from None
        print(f"{CPU_INDEX} cannot be reached: {TORCH_CPU.name} stays as it is.", file=sys.stderr)
        return TORCH_CPU.read_text("utf-8")
    return f"{_HEAD_CPU}{pin} \\\n" + " \\\n".join(f"    {one}" for one in sorted(set(hashes))) + "\n"


def _lock(constraint: Path) -> str:
    """The lock of all but torch, resolved by uv for each Python with the installed versions where they are allowed.

    A package that only newer ones need says so; a version that differs between them would need a lock each.
    """
    first: dict[str, str] = {}
    for version in PYTHONS:
        resolved = _compiled("--python-version", version, "--constraint", str(constraint))
        resolved = {name: rest for name, rest in resolved.items() if not LEFT_TO_TORCH.fullmatch(name)}
        if missing := sorted(set(first) - set(resolved)):
            raise SystemExit(f"Python {version} takes no {missing[0]}: write a marker for what only older ones need.")
        for name, rest in resolved.items():
            only = "" if version == PYTHONS[0] else f" ; python_version >= '{version}'"
            pinned, _, hashes = rest.partition(" \\")
            if first.get(name, rest).partition(" ")[0] != pinned:
                raise SystemExit(f"Python {version} takes {name}{pinned}, an older one another: pin it.")
            first.setdefault(name, f"{pinned}{only} \\{hashes}")
    return _HEAD + "\n".join(name + rest for name, rest in sorted(first.items())) + "\n"


def _compiled(*options: str) -> dict[str, str]:
    """Name → "==version" with marker and hashes, as uv resolves requirements.txt; torch's index has torch alone."""
    source, text = (["-"], f"torch=={wanted()['torch']}") if "--no-deps" in options else ([str(WANTED)], None)
    command = ["uv", "pip", "compile", *source, "--python", sys.executable, "--quiet", *options]
    command += ["--generate-hashes", "--no-header", "--no-annotate"]
    found = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout
    return dict(re.findall(r"^([\w.-]+)(==.*?(?:\\\n.*?)*)\n(?=\S|\Z)", found, re.MULTILINE))


def licence(name: str) -> str:
    """What a package's metadata says of its licence, in a few words."""
    about = metadata.metadata(name)
    said = about.get("License-Expression") or ""
    plain = about.get("License") or ""
    if not said and "\n" not in plain and 0 < len(plain) <= 60 and plain.upper() != "UNKNOWN":
        said = plain
    classified = [line.rpartition(" :: ")[2] for line in about.get_all("Classifier", []) if line.startswith("License")]
    return said or ", ".join(classified) or _TOLD.get(name, "see its files")


def packages() -> list[tuple[str, str]]:
    """(name, version) of all that is installed, torch among it, by name."""
    return sorted({**locked(), "torch": wanted()["torch"]}.items())


def licences() -> str:
    """docs/licences.md."""
    return _ABOUT + "".join(f"| {name} | {version} | {licence(name)} |\n" for name, version in packages())


def sbom() -> str:
    """docs/sbom.json: no time and no random number in it, so that the same lock gives the same file."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    components = [_component(name, version) for name, version in packages()]
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(components))
    own = {"type": "application", "bom-ref": "lofi", "name": "lofi", "version": project["version"]}
    values = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"component": {**own, "licenses": [{"license": {"id": "MIT"}}]}},
        "components": components,
    }
    return json.dumps(values, indent=1) + "\n"


def _component(name: str, version: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{version}"
    said = licence(name)
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "licenses": [{"license": {"name": said}}],
    }


def main(arguments: list[str]) -> int:
    """Write one of the three files."""
    made = {"lock": locks, "licences": lambda: {LICENCES: licences()}, "sbom": lambda: {SBOM: sbom()}}
    if len(arguments) != 1 or arguments[0] not in made:
        print(__doc__, file=sys.stderr)
        return 2
    for place, text in made[arguments[0]]().items():
        place.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
