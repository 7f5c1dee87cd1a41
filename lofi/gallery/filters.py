"""The columns of a gallery that answer a filter: for each value the rows that hold it."""

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lofi.errors import BadQuery
from lofi.gallery.table import Records, listed
from lofi.gallery.text import clean_line, fold
from lofi.gallery.vector_index import Rows
from lofi.gallery.where import Where

SHOWN = 30
"""Labels that an answer to an unknown one names, the most frequent first."""


class _Values(NamedTuple):
    """``rows`` sorted by value, those of a value ascending; ``ends`` says where those of a folded value lie.

    ``spelled`` counts each value as it is written.
    """

    rows: NDArray[np.int32]
    ends: dict[str, tuple[int, int]]
    spelled: Counter[str]

    def of(self, value: str) -> Rows:
        first, last = self.ends.get(fold(value), (0, 0))
        return self.rows[first:last].astype(np.int64)


class Columns:
    """The searchable fields of N studies, each turned round when it is first asked for."""

    def __init__(self, records: Records) -> None:
        self.count, self._table = len(records), records.table

    def select(self, where: Where | None) -> Rows | None:
        """(n,) ascending rows that ``where`` lets through; None stands for all of them.

        Raises BadQuery, with the labels there are, for a label or source that no study has.
        """
        if where is None or where == Where():
            return None
        found = [self._any_of(name, wanted) for name in _FIELDS if (wanted := getattr(where, name))]
        if where.age is not None:
            # Floor: a child of 4.5 years is 4 years old, and "age=4" means it.
            years = np.floor(self._ages)
            found.append(np.flatnonzero((years >= where.age[0]) & (years <= where.age[1])))
        hidden = self._of_patients(where.not_patient)
        if len(found) == 1 and len(hidden) == 0:
            return found[0]
        keep = np.ones(self.count, dtype=bool)
        for rows in found:
            passing = np.zeros(self.count, dtype=bool)
            passing[rows] = True
            keep &= passing
        keep[hidden] = False
        return np.flatnonzero(keep)

    def values(self, name: str) -> Counter[str]:
        """How often each value of a field occurs, as it is written."""
        return self._values(name).spelled

    @cached_property
    def simulated(self) -> int:
        """How many studies are simulated."""
        return int(pc.sum(self._table["simulated"]).as_py() or 0)

    def _any_of(self, name: str, wanted: Iterable[str]) -> Rows:
        """The ascending rows that hold one of the values."""
        values = self._values(name)
        if name in ("label", "source") and not all(fold(value) in values.ends for value in wanted):
            raise BadQuery(unknown(name, values.spelled))
        parts = [values.of(value) for value in wanted]
        return parts[0] if len(parts) == 1 else np.unique(np.concatenate(parts))

    def _of_patients(self, keys: Iterable[str]) -> Rows:
        # A patient key is an identifier, not a word: it is compared as it is.
        wanted = pa.array([key for key in keys if key], pa.string())
        if len(wanted) == 0:
            return np.zeros(0, dtype=np.int64)
        return np.flatnonzero(pc.is_in(self._table["patient_key"], value_set=wanted).to_numpy())

    @cached_property
    def _ages(self) -> NDArray[np.float64]:
        return np.asarray(self._table["age"].to_numpy(), dtype=np.float64)

    def _values(self, name: str) -> _Values:
        if name not in self._turned:
            self._turned[name] = self._turn(name)
        return self._turned[name]

    @cached_property
    def _turned(self) -> dict[str, _Values]:
        return {}

    def _turn(self, name: str) -> _Values:
        column = self._table[_FIELDS[name]].combine_chunks()
        if name == "label":
            rows = pc.list_parent_indices(column).to_numpy(zero_copy_only=False).astype(np.int32)
            column = pc.list_flatten(column)
        else:
            rows = np.arange(self.count, dtype=np.int32)
        coded = column.dictionary_encode()
        names = [clean_line(value) for value in listed(coded.dictionary)]
        folded = {value: number for number, value in enumerate(dict.fromkeys(map(fold, names)))}
        codes = coded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
        counts = np.bincount(codes, minlength=len(names) + 1)
        spelled: Counter[str] = Counter()
        for value, count in zip(names, counts.tolist(), strict=False):
            spelled[value] += count
        del spelled[""]  # not known
        merged = np.array([folded[fold(value)] for value in names] + [len(folded)], np.int32)[codes]
        order = np.argsort(merged, kind="stable")
        ends = np.searchsorted(merged[order], np.arange(len(folded) + 1)).tolist()
        places = {value: (ends[number], ends[number + 1]) for value, number in folded.items() if value}
        return _Values(rows[order], places, spelled)


_FIELDS = {"view": "view", "sex": "sex", "source": "source", "label": "labels"}


def unknown(name: str, spelled: Counter[str]) -> str:
    """What is said of a value that no study has."""
    if not spelled:
        return f"No study of this gallery has a {name}."
    shown = [value for value, _ in spelled.most_common(SHOWN)]
    more = f" and {len(spelled) - SHOWN:,} more" if len(spelled) > SHOWN else ""
    return f"The gallery has no such {name}. Its {name}s: {', '.join(shown)}{more}."
