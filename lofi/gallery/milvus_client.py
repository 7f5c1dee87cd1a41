"""A collection in Milvus: opened, made, asked. Whatever its client raises is one sentence here.

The collection itself holds the studies; a second one of one row, named after it with _about behind, says by which model
they were embedded and what they can be filtered by. Milvus knows no collection without vectors.
"""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from lofi.errors import GalleryMismatch
from lofi.gallery.milvus_place import MilvusPlace
from lofi.gallery.milvus_rows import MOST_LABELS, SHORT_BYTES, TEXT_BYTES
from lofi.gallery.vector_index import Neighbours, Vectors

if TYPE_CHECKING:
    pass

MOST = 16_384
"""Of rows that Milvus answers at once."""
SECONDS = 30.0
_ABOUT_KEY = 1
_TEXTS = {"report": TEXT_BYTES, "record": TEXT_BYTES, "words": TEXT_BYTES, "state": 32}
_SHORTS = ("view", "sex", "source", "patient")
_MISSING = (
    "A gallery in Milvus needs a client that is not installed here: pip install 'pymilvus[milvus-lite]' (or lofi's "
    "extra, scale)."
)
T = TypeVar("T")


class Collection:
    """The collection at a place. Every method raises GalleryMismatch where Milvus does not answer as it should."""

    def __init__(self, place: MilvusPlace) -> None:
        try:
            from pymilvus import MilvusClient, MilvusException
        except ImportError:
            raise GalleryMismatch(_MISSING) from None
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # each failed call would be told with a traceback
        self.name, self._about = place.collection, f"{place.collection}_about"
        self._errors: tuple[type[Exception], ...] = (MilvusException, OSError, ValueError, TypeError, RuntimeError)
        self._client: MilvusClient = self._asked(lambda: MilvusClient(place.uri, token=place.token, timeout=SECONDS))

    def __len__(self) -> int:
        return int(self.query("", ["count(*)"])[0]["count(*)"])

    def close(self) -> None:
        """Let the connection go, and with it the file of Milvus Lite."""
        with suppress(Exception):
            self._client.close()

    @property
    def exists(self) -> bool:
        """Whether there is a gallery of this name, begun at least."""
        if not self._asked(lambda: self._client.has_collection(self._about)):
            return False
        self._asked(lambda: self._client.load_collection(self._about))
        return bool(self._asked(lambda: self._client.get(self._about, ids=[_ABOUT_KEY], output_fields=["key"])))

    def about(self) -> dict[str, Any]:
        """What is said of the studies. Raises GalleryMismatch where there is no gallery."""
        if not self.exists:
            raise GalleryMismatch(
                "Milvus has no gallery of this name: load one with python -m train.index --out GALLERY --to milvus://…"
            )
        try:
            row = self._asked(lambda: self._client.get(self._about, ids=[_ABOUT_KEY], output_fields=["text"]))[0]
            found = json.loads(row["text"])
            good = {name: found[name] for name in ("fingerprint", "model", "dim", "digest", "simulated", "values")}
        except (ValueError, KeyError, TypeError, IndexError):
            raise GalleryMismatch("What Milvus says of this gallery is damaged: load it again with --to.") from None
        self._asked(lambda: self._client.load_collection(self.name))
        return good

    def say(self, about: dict[str, Any]) -> None:
        """Write what is said of the studies."""
        row = {"key": _ABOUT_KEY, "text": json.dumps(about, ensure_ascii=False), "vector": np.ones(2, np.float32)}
        self._asked(lambda: self._client.upsert(self._about, [row]))

    def make(self, dim: int) -> None:
        """The two collections, empty; what is there already stays."""
        from pymilvus import DataType

        schema, params = self._schema(dim), self._client.prepare_index_params()
        params.add_index("vector", index_type="AUTOINDEX", metric_type="COSINE")
        params.add_index("sparse", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
        self._create(self.name, schema, params)
        about = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        about.add_field("key", DataType.INT64, is_primary=True)
        about.add_field("text", DataType.VARCHAR, max_length=TEXT_BYTES)
        about.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
        params = self._client.prepare_index_params()
        params.add_index("vector", index_type="AUTOINDEX", metric_type="COSINE")
        self._create(self._about, about, params)

    def _create(self, name: str, schema: Any, params: Any) -> None:
        if not self._asked(lambda: self._client.has_collection(name)):
            options = {"schema": schema, "index_params": params, "consistency_level": "Strong"}
            self._asked(lambda: self._client.create_collection(name, **options))
        self._asked(lambda: self._client.load_collection(name))

    def _schema(self, dim: int) -> Any:
        from pymilvus import DataType, Function, FunctionType

        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("key", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
        for name, size in {**_TEXTS, **dict.fromkeys(_SHORTS, SHORT_BYTES)}.items():
            schema.add_field(name, DataType.VARCHAR, max_length=size, enable_analyzer=name == "words")
        labels = {"element_type": DataType.VARCHAR, "max_capacity": MOST_LABELS, "max_length": SHORT_BYTES}
        schema.add_field("labels", DataType.ARRAY, **labels)
        schema.add_field("years", DataType.INT16)
        schema.add_field("simulated", DataType.BOOL)
        schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
        said = {"input_field_names": ["words"], "output_field_names": ["sparse"]}
        schema.add_function(Function(name="said", function_type=FunctionType.BM25, **said))
        return schema

    def upsert(self, rows: list[dict[str, Any]]) -> None:
        """Write rows; those of the same keys are replaced."""
        self._asked(lambda: self._client.upsert(self.name, rows))

    def delete(self, keys: list[int]) -> None:
        """Take rows out."""
        self._asked(lambda: self._client.delete(self.name, ids=keys))

    def get(self, keys: list[int], fields: list[str]) -> dict[int, dict[str, Any]]:
        """The rows of some keys, those that there are."""
        parts = [keys[start : start + 1_000] for start in range(0, len(keys), 1_000)]
        rows = [row for part in parts for row in self._asked(lambda p=part: self._client.get(self.name, p, fields))]  # type: ignore[misc]
        return {int(row["key"]): dict(row) for row in rows}

    def query(self, filter: str, fields: list[str], limit: int | None = None) -> list[dict[str, Any]]:
        """Rows that a filter lets through."""
        more = {} if limit is None else {"limit": limit}
        return list(self._asked(lambda: self._client.query(self.name, filter, output_fields=fields, **more)))

    def each(self, filter: str, fields: list[str], batch: int = 1_000) -> Iterator[dict[str, Any]]:
        """All rows that a filter lets through, however many."""
        options = {"filter": filter, "output_fields": fields, "batch_size": batch}
        rows = self._asked(lambda: self._client.query_iterator(self.name, **options))
        while part := self._asked(rows.next):
            yield from part
        rows.close()

    def search(self, query: Vectors, k: int, allowed: str | None = None) -> Neighbours:
        """As lofi.gallery.vector_index.VectorIndex, ``allowed`` being an expression."""
        return self._found(query, "vector", k, allowed)

    def said(self, words: str, k: int, allowed: str | None = None) -> Neighbours:
        """Rows whose words (lofi.gallery.milvus_rows) are among these, best first by BM25; scores above 0."""
        found = self._found(words, "sparse", k, allowed)
        return Neighbours(found.rows, np.abs(found.similarities))  # Milvus Lite counts them as distances

    def _found(self, asked: Vectors | str, field: str, k: int, allowed: str | None) -> Neighbours:
        options = {"anns_field": field, "limit": min(max(1, k), MOST), "filter": allowed or ""}
        hits = self._asked(lambda: self._client.search(self.name, data=[asked], **options))[0]
        rows = np.array([int(hit["key"]) for hit in hits], dtype=np.int64)
        return Neighbours(rows, np.array([float(hit["distance"]) for hit in hits], dtype=np.float32))

    def _asked(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except self._errors as error:
            raise GalleryMismatch(
                "Milvus does not answer, or not as expected: look whether it runs at the address of LOFI_GALLERY or "
                f"--to, and who may ask it ({type(error).__name__}, code {getattr(error, 'code', 'unknown')})."
            ) from error
