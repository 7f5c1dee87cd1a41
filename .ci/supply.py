"""What the app is made of: ``python .ci/supply.py lock|licences|sbom``.

lock      .ci/requirements.lock: every package that ``make demo`` installs, with the hashes of its files; needs uv
licences  docs/licences.md, from the metadata of what is installed
sbom      docs/sbom.json, CycloneDX 1.6, from the lock and the same metadata

torch is in neither lock nor hashes: a machine with a GPU takes another build of it than one without, and the CUDA
libraries come with the first.
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
LICENCES, SBOM = REPOSITORY / "docs" / "licences.md", REPOSITORY / "docs" / "sbom.json"
PYTHONS = ("3.11", "3.12", "3.13")
LEFT_TO_TORCH = re.compile(r"torch|triton|setuptools|nvidia-.*|cuda-.*")
"""What comes with torch, by platform; setuptools is what a build of it may ask for."""
_HEAD = """# What `make demo` installs on Python 3.11, 3.12 and 3.13, without torch and what its GPU build brings along:
# exact versions, hashes of their files. Written by `make lock` from requirements.txt; pip refuses a file with another
# hash.
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


def lock() -> str:
    """The lock, resolved by uv for each Python with the installed versions where they are allowed.

    A package that only newer ones need says so; a version that differs between them would need a lock each.
    """
    found = (f"{one.name}=={one.version.partition('+')[0]}" for one in metadata.distributions())
    constraint = REPOSITORY / ".venv" / "lock-constraint.txt"
    constraint.write_text("\n".join(sorted(found)), "utf-8")
    first: dict[str, str] = {}
    for version in PYTHONS:
        resolved = _resolved(version, constraint)
        if missing := sorted(set(first) - set(resolved)):
            raise SystemExit(f"Python {version} takes no {missing[0]}: write a marker for what only older ones need.")
        for name, rest in resolved.items():
            only = "" if version == PYTHONS[0] else f" ; python_version >= '{version}'"
            pinned, _, hashes = rest.partition(" \\")
            if first.get(name, rest).partition(" ")[0] != pinned:
                raise SystemExit(f"Python {version} takes {name}{pinned}, an older one another: pin it.")
            first.setdefault(name, f"{pinned}{only} \\{hashes}")
    return _HEAD + "\n".join(name + rest for name, rest in sorted(first.items())) + "\n"


def _resolved(version: str, constraint: Path) -> dict[str, str]:
    """Name → "==version" with its hashes, for one version of Python."""
    command = ["uv", "pip", "compile", str(WANTED), "--python", sys.executable, "--python-version", version, "--quiet"]
    command += ["--generate-hashes", "--no-header", "--no-annotate", "--constraint", str(constraint)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    blocks = re.findall(r"^([\w.-]+)(==.*?(?:\\\n.*?)*)\n(?=\S|\Z)", text, re.MULTILINE)
    return {name: rest for name, rest in blocks if not LEFT_TO_TORCH.fullmatch(name)}


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
    places = {"lock": (lock, LOCK), "licences": (licences, LICENCES), "sbom": (sbom, SBOM)}
    if len(arguments) != 1 or arguments[0] not in places:
        print(__doc__, file=sys.stderr)
        return 2
    make, place = places[arguments[0]]
    place.write_text(make(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
