"""The manifest gallery.json: which model a gallery belongs to, and the hashes that its files must have."""

import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from lofi.errors import GalleryMismatch
from lofi.files import plain
from lofi.gallery import hnsw

FORMAT = 1
FILE = "gallery.json"
SIZE_LIMIT = 4_000_000


@dataclass(frozen=True)
class Manifest:
    """What gallery.json holds. ``index_sha256`` is empty where there is no index file.

    ``image_root`` is the folder of the films where they are not inside the gallery; it and the hashes are
    the owner's word, the records are not. ``dropped`` counts the films left out, by reason.
    """

    format: int = FORMAT
    model: str = ""
    fingerprint: str = ""
    dim: int = 0
    count: int = 0
    space: str = "cosine"
    ef: int = 0
    M: int = hnsw.M
    ef_construction: int = hnsw.EF_CONSTRUCTION
    vectors_sha256: str = ""
    records_sha256: str = ""
    index_sha256: str = ""
    image_root: str = ""
    dropped: dict[str, int] = field(default_factory=dict)

    def to_text(self) -> str:
        """The JSON text of gallery.json."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    def check_model(self, fingerprint: str) -> None:
        """Raises GalleryMismatch unless the gallery was built by the model with this fingerprint."""
        if fingerprint != self.fingerprint:
            raise GalleryMismatch(
                f"This gallery was built by another model ({self.fingerprint[:8]}) than the one in use "
                f"({fingerprint[:8]}): build it again with python -m train.index, or load its own model."
            )

    def with_index(self, sha256: str) -> "Manifest":
        """The same manifest, vouching for an index file that this version has just made."""
        return replace(
            self,
            index_sha256=sha256,
            space="cosine",
            ef=hnsw.ef_for(self.count),
            M=hnsw.M,
            ef_construction=hnsw.EF_CONSTRUCTION,
        )

    @property
    def index_is_current(self) -> bool:
        """Whether the index file, if its hash is right, is one that this version would make."""
        return bool(self.index_sha256) and self == self.with_index(self.index_sha256)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a gallery folder. Raises GalleryMismatch when it is missing, damaged or of another format."""
    path = folder / FILE
    damaged = f"The gallery's {FILE} is damaged: build the gallery again."
    try:
        values = plain.read_object(path, SIZE_LIMIT)
    except OSError:
        raise GalleryMismatch(
            f"This folder holds no readable {FILE}, so it is no gallery or an unfinished one: build it again "
            "with python -m train.index."
        ) from None
    except plain.Unfit:
        raise GalleryMismatch(damaged) from None
    if values.get("format") != FORMAT:
        raise GalleryMismatch(f"The gallery is not of format {FORMAT}: build it again with this version of lofi.")
    defaults = {item.name: getattr(Manifest(), item.name) for item in fields(Manifest)}
    # Missing keys are damage too: a manifest without a hash would vouch for anything.
    if set(values) != set(defaults) or any(type(values[name]) is not type(defaults[name]) for name in values):
        raise GalleryMismatch(damaged)
    try:
        _check(values)
    except plain.Unfit:
        raise GalleryMismatch(damaged) from None
    return Manifest(**values)


def _check(values: dict[str, Any]) -> None:
    """Values whose types are right. Raises Unfit."""
    plain.whole(values["dim"], "dim", 1, 2**20)
    plain.whole(values["count"], "count", 0, 2**31)
    for name in ("vectors_sha256", "records_sha256"):
        plain.sha256(values[name], name)
    for name in ("model", "fingerprint"):
        plain.text(values[name], name)
    # A path of a file system; a null byte would end it early.
    if "\x00" in plain.text(values["image_root"], "image_root", 4_096):
        raise plain.Unfit("image_root must be a folder's path")
    for reason, count in values["dropped"].items():
        plain.text(reason, "dropped", 500)
        plain.whole(count, "dropped", 0, 2**31)
