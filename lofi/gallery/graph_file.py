"""Whether a file is a graph that hnswlib can open and walk without leaving its own memory.

hnswlib believes every number of a file: one wrong link ends the process, at once or in the middle of a search, so that
neither a hash (which whoever damaged the file can renew) nor a trial in another process (which walks other paths than
the next query) is enough. The format is small, so each number that hnswlib follows is checked here, with numpy, in a
fortieth of the time that building the graph anew takes. What cannot be told, and does no harm: links to the wrong
neighbours. Similarities are computed from the gallery's vectors, and a poor graph only finds less.

The format, hnswalg.h ``saveIndex``: a header; for each element its ground level, 4 bytes of link count, 2·M links, its
vector, its label; then for each element the size of its upper levels and these, 4 bytes of link count and M links each.
"""

import math
import mmap
import struct

import numpy as np
from numpy.typing import NDArray

from lofi.gallery.vector_index import Vectors

HEADER = struct.Struct("<6QiI3QdQ")
HIGHEST = 64
ROWS_AT_ONCE = 16_384
"""So many are checked at once: a file of gigabytes is looked through in megabytes."""


def is_sound(data: bytes | mmap.mmap, vectors: Vectors, m: int, ef_construction: int) -> bool:
    """Whether ``data`` is the file of a graph with ``m`` links over the rows of (N, E) float32 vectors."""
    count, dim = vectors.shape
    links = 4 * (1 + 2 * m)
    size = links + 4 * dim + 8
    if count == 0 or len(data) < HEADER.size + count * size:
        return False
    offset, room, elements, each, labels, start, highest, entry, most, most_ground, m_said, scale, ef = (
        HEADER.unpack_from(data)
    )
    told = (offset, room, elements, each, labels, start, most, most_ground, m_said, ef)
    if told != (0, count, count, size, size - 8, links, m, 2 * m, m, ef_construction):
        return False
    if not math.isclose(scale, 1 / math.log(m)) or not 0 <= highest <= HIGHEST or entry >= count:
        return False
    ground = np.frombuffer(data, np.uint8, count * size, HEADER.size).reshape(count, size)
    levels = _levels(data, HEADER.size + count * size, count, m)
    if levels is None or levels[entry] != highest or levels.max() != highest:
        return False
    return _ground_is_sound(ground, vectors, m) and _upper_is_sound(data, HEADER.size + count * size, levels, m)


def _ground_is_sound(ground: NDArray[np.uint8], vectors: Vectors, m: int) -> bool:
    """Counts and links of the ground level, labels that name each row once, and vectors that are the gallery's own.

    Threads that build a graph take the rows in no order.
    """
    count, links = len(vectors), 4 * (1 + 2 * m)
    levels, seen = np.zeros(count, np.int8), np.zeros(count, bool)
    for start in range(0, count, ROWS_AT_ONCE):
        part = ground[start : start + ROWS_AT_ONCE]
        if not _linked(np.ascontiguousarray(part[:, :links]).view("<u4"), levels, 0):
            return False
        labels = np.ascontiguousarray(part[:, -8:]).view("<u8")[:, 0]
        if (labels >= count).any() or seen[labels].any():
            return False
        seen[labels] = True
        own = np.ascontiguousarray(vectors[labels], "<f4").view(np.uint8)
        if not np.array_equal(part[:, links:-8], own):
            return False
    return bool(seen.all())


def _levels(data: bytes | mmap.mmap, at: int, count: int, m: int) -> NDArray[np.int8] | None:
    """(N,) how many levels each element has above the ground; None where the sizes do not add up to the file's end."""
    levels, level, read, end = np.zeros(count, np.int8), 4 * (1 + m), struct.Struct("<I").unpack_from, len(data)
    for row in range(count):
        if at + 4 > end:
            return None
        size = read(data, at)[0]
        if size == 0:  # fifteen of sixteen
            at += 4
            continue
        if size % level or size > HIGHEST * level:
            return None
        levels[row] = size // level
        at += 4 + size
    return levels if at == len(data) else None


def _upper_is_sound(data: bytes | mmap.mmap, at: int, levels: NDArray[np.int8], m: int) -> bool:
    """Links above the ground lead only to elements that reach that level."""
    level = 4 * (1 + m)
    here = 0
    for row in np.flatnonzero(levels).tolist():
        at += 4 * (row - here + 1)
        here, reached = row + 1, int(levels[row])
        for height in range(1, reached + 1):
            if not _linked(np.frombuffer(data, "<u4", 1 + m, at)[None], levels, height):
                return False
            at += level
    return True


def _linked(lists: NDArray[np.uint32], levels: NDArray[np.int8], height: int) -> bool:
    """Whether (n, 1 + most) lists, a count and its links each, lead to elements of at least this height.

    The upper half of a count holds hnswlib's mark of a deleted element; there are none in ours.
    """
    counts, links = lists[:, 0], lists[:, 1:]
    if (counts > links.shape[1]).any():
        return False
    used = links[np.arange(links.shape[1]) < counts[:, None]]
    return bool((used < len(levels)).all() and (levels[used] >= height).all())
