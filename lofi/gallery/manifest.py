"""The manifest gallery.json: which model a gallery belongs to, and the hashes that its files must have."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from lofi.errors import GalleryMismatch
from lofi.files import plain

FORMAT = 2
FILE = "gallery.json"
SIZE_LIMIT = 4_000_000
_DAMAGED = f"The gallery's {FILE} is damaged: build the gallery again."
_FORMAT_1 = {"space": str, "ef": int, "M": int, "ef_construction": int, "index_sha256": str}
"""Keys that only manifests of format 1 have: how its index was made."""


@dataclass(frozen=True)
class Manifest:
    """What gallery.json holds. ``regions_sha256`` is empty where no boxes are indexed.

    ``image_root`` is the folder of the films where they are not inside the gallery, relative to the gallery's; it and
    the hashes are the owner's word, the records are not. ``dropped`` counts the films left out, by reason.
    """

    format: int = FORMAT
    model: str = ""
    fingerprint: str = ""
    dim: int = 0
    count: int = 0
    vectors_sha256: str = ""
    records_sha256: str = ""
    regions_sha256: str = ""
    image_root: str = ""
    dropped: dict[str, int] = field(default_factory=dict)

    def to_text(self) -> str:
        """The JSON text of gallery.json."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    @property
    def vectors_file(self) -> str:
        """The name of the file that holds the vectors."""
        return "vectors.safetensors" if self.format == 1 else f"vectors-{self.vectors_sha256[:16]}.safetensors"

    @property
    def records_file(self) -> str:
        """The name of the file that holds the records."""
        return "records.parquet" if self.format == 1 else f"records-{self.records_sha256[:16]}.arrow"

    @property
    def regions_file(self) -> str:
        """The name of the file that holds the index of boxes; "" where there is none."""
        if self.format == 1:
            return "regions.safetensors"
        return f"regions-{self.regions_sha256[:16]}.safetensors" if self.regions_sha256 else ""

    @property
    def index_name(self) -> str:
        """The name, without its ending, of the graph over these vectors and of what was measured of it."""
        return f"index-{self.vectors_sha256[:16]}"

    @property
    def files(self) -> set[str]:
        """The names of all files that are this gallery, beside gallery.json and pictures."""
        index = {f"{self.index_name}.hnsw", f"{self.index_name}.json"}
        return {self.vectors_file, self.records_file, *index} | ({self.regions_file} - {""})

    def check_model(self, fingerprint: str) -> None:
        """Raises GalleryMismatch unless the gallery was built by the model with this fingerprint."""
        if fingerprint != self.fingerprint:
            raise GalleryMismatch(
                f"This gallery was built by another model ({self.fingerprint[:8]}) than the one in use "
                f"({fingerprint[:8]}): build it again with python -m train.index, or load its own model."
            )


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a gallery folder. Raises GalleryMismatch when it is missing, damaged or of another format."""
    try:
        values = plain.read_object(folder / FILE, SIZE_LIMIT)
    except OSError:
        raise GalleryMismatch(
            f"This folder holds no readable {FILE}, so it is no gallery or an unfinished one: build it again "
            "with python -m train.index."
        ) from None
    except plain.Unfit:
        raise GalleryMismatch(_DAMAGED) from None
    known = {item.name: type(getattr(Manifest(), item.name)) for item in fields(Manifest)}
    if values.get("format") == 1:
        known = {name: kind for name, kind in known.items() if name != "regions_sha256"} | _FORMAT_1
    elif values.get("format") != FORMAT:
        raise GalleryMismatch(f"The gallery is not of format {FORMAT}: build it again with this version of lofi.")
    # Missing keys are damage too: a manifest without a hash would vouch for anything.
    if set(values) != set(known) or any(type(values[name]) is not known[name] for name in known):
        raise GalleryMismatch(_DAMAGED)
    try:
        _check(values)
    except plain.Unfit:
        raise GalleryMismatch(_DAMAGED) from None
    return Manifest(**{name: value for name, value in values.items() if name not in _FORMAT_1})


def _check(values: dict[str, Any]) -> None:
    """Values whose types are right. Raises Unfit."""
    plain.whole(values["dim"], "dim", 1, 2**20)
    plain.whole(values["count"], "count", 0, 2**31)
    for name in ("vectors_sha256", "records_sha256"):
        plain.sha256(values[name], name)
    if values.get("regions_sha256"):
        plain.sha256(values["regions_sha256"], "regions_sha256")
    for name in ("model", "fingerprint"):
        plain.text(values[name], name)
    # A path of a file system; a null byte would end it early.
    if "\x00" in plain.text(values["image_root"], "image_root", 4_096):
        raise plain.Unfit("image_root must be a folder's path")
    for reason, count in values["dropped"].items():
        plain.text(reason, "dropped", 500)
        plain.whole(count, "dropped", 0, 2**31)
