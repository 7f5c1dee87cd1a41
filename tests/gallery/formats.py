"""A gallery's folder as format 1 had it."""

import json
from pathlib import Path

from lofi.gallery.storage import sha256_of
from tests.fuzz.seeds import parquet


def as_format_1(folder: Path) -> None:
    """Turn the gallery in a folder, one of format 2, into what the first version wrote."""
    from lofi.gallery import Gallery

    studies = Gallery.open(folder).studies[:]
    about = json.loads((folder / "gallery.json").read_text())
    names = {"vectors": "vectors.safetensors", "regions": "regions.safetensors"}
    for kind, name in names.items():
        if about[f"{kind}_sha256"]:
            next(folder.glob(f"{kind}-*")).rename(folder / name)
    next(folder.glob("records-*")).unlink()
    (folder / "records.parquet").write_bytes(parquet(studies))
    records = sha256_of((folder / "records.parquet").read_bytes())
    regions = about.pop("regions_sha256")
    about |= {"format": 1, "records_sha256": records, "index_sha256": ""}
    about |= {"space": "cosine", "ef": 128, "M": 16, "ef_construction": 200}
    (folder / "gallery.json").write_text(json.dumps(about))
    if regions:
        values = {"format": 2, "fingerprint": about["fingerprint"], "count": 1}
        values |= {"records_sha256": records, "tensors_sha256": regions}
        (folder / "regions.json").write_text(json.dumps(values))
