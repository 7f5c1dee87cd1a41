"""Studies and vectors come in, hits go out: build, open, search, filter. No torch; knows no model, only an Embedder."""

from lofi.gallery.embedding import Embedder, FilmRecord
from lofi.gallery.gallery import NO_FILM, Gallery
from lofi.gallery.joining import joined
from lofi.gallery.place import open_gallery
from lofi.gallery.records import read_jsonl, study_from_record
from lofi.gallery.regions import RegionHit, RegionIndex
from lofi.gallery.searchable import Searchable
from lofi.gallery.vector_index import VectorIndex
from lofi.gallery.where import Where, parse_where

__all__ = [
    "NO_FILM",
    "Embedder",
    "FilmRecord",
    "Gallery",
    "RegionHit",
    "RegionIndex",
    "Searchable",
    "VectorIndex",
    "Where",
    "joined",
    "open_gallery",
    "parse_where",
    "read_jsonl",
    "study_from_record",
]
