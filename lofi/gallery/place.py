"""Where a gallery lies: a folder, or Milvus."""

from os import PathLike
from pathlib import Path

from lofi.gallery.gallery import Gallery
from lofi.gallery.milvus import MilvusGallery
from lofi.gallery.milvus_place import MilvusPlace, is_milvus
from lofi.gallery.searchable import Searchable


def open_gallery(
    place: str | PathLike[str], fingerprint: str | None = None, image_root: Path | None = None
) -> Searchable:
    """The gallery in a folder or, for ``milvus://…``, in Milvus. Raises GalleryMismatch, LofiError for a bad address.

    ``fingerprint`` is that of the model that must have built it; ``image_root`` the folder of its films.
    """
    if isinstance(place, str) and is_milvus(place):
        return MilvusGallery.open(MilvusPlace.of(place), fingerprint, image_root)
    return Gallery.open(place, fingerprint, image_root)
