"""One gallery of many parts, of which each need be open only while it is taken in."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from lofi.errors import GalleryMismatch
from lofi.gallery.gallery import Gallery
from lofi.gallery.table import Records, listed, table_of
from lofi.gallery.vector_index import Rows


def joined(parts: Iterable[Gallery]) -> Gallery:
    """One gallery of several by the same model, in order; a study_id that comes again is left out.

    Nothing of a part is held once its turn is over. Raises GalleryMismatch where there are none, or of two models.
    """
    dropped: Counter[str] = Counter()
    seen: set[str] = set()
    tables, vectors, origins = [], [], []
    for part in parts:
        origins.append((part.fingerprint, part.model, part.folder, part.image_root))
        rows = _new(part, seen)
        dropped.update(part.dropped)
        dropped["Another film has the same study_id."] += len(part) - len(rows)
        tables.append(table_of(part.records).take(pa.array(rows)))
        vectors.append(part.vectors[rows])
    if len({fingerprint for fingerprint, *_ in origins}) != 1:
        raise GalleryMismatch("Galleries can be joined only if there are any and one model built them all.")
    whole = np.concatenate(vectors)
    whole.setflags(write=False)
    fingerprint, model, folder, root = origins[0]
    counts = {reason: count for reason, count in dropped.items() if count}
    return Gallery(Records(pa.concat_tables(tables)), whole, fingerprint, model, counts, folder, root)


def _new(part: Gallery, seen: set[str]) -> Rows:
    """The rows whose study was not there before; ``seen`` grows by them."""
    rows = []
    for row, name in enumerate(listed(part.records.table["study_id"])):
        if name not in seen:
            seen.add(name)
            rows.append(row)
    return np.array(rows, dtype=np.int64)
