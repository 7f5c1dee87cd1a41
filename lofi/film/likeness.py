"""Whether two files show the same film: a print of the pixels that survives another encoding, size or depth.

The print is the sign pattern of the lowest cosine frequencies of a small picture of the film (Zauner, Implementation
and Benchmarking of Perceptual Image Hash Functions, 2010), with 16 × 16 of them in place of his 8 × 8: chest films are
so alike that 64 bits cannot tell two films of one patient apart.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 64
KEPT = 16
BITS = KEPT * KEPT
SAME = 28
"""Prints that differ in at most so many of 256 bits are of one film.

Of 500 films of the training and validation splits none moves further when it is written as JPEG (quality 75: 4 bits at
most), resized (2) or read from a DICOM file with a window of its own (26). Of 3,225 pairs of two films of one patient 3
come nearer, two of which are the same picture twice; of 92 million pairs of two patients none does (36 at the nearest).
"""


def print_of(pixels: NDArray[np.float32]) -> str:
    """The print of (H, W) pixels, 64 hexadecimal digits; "" of a film without any contrast, which is like all such."""
    small = cv2.resize(np.asarray(pixels, dtype=np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    if float(np.ptp(small)) < 1e-3:
        return ""
    waves = cv2.dct(small)[: KEPT + 1, : KEPT + 1]
    # The first row and column hold brightness and its slope, which a change of window moves.
    kept = waves[1:, 1:].ravel()
    return np.packbits(kept > np.median(kept)).tobytes().hex()


def distances(prints: NDArray[np.uint64], film: str) -> NDArray[np.int64]:
    """(N,) bits in which (N, 4) prints differ from one; BITS where either is not known (zeros, "")."""
    if not film:
        return np.full(len(prints), BITS)
    own = np.frombuffer(bytes.fromhex(film), np.uint64)
    found = np.bitwise_count(prints ^ own).sum(axis=1, dtype=np.int64)
    return np.where(prints.any(axis=1), found, BITS)


def differing(first: str, second: str) -> int:
    """In how many bits two prints differ; BITS where either is not known."""
    if not first:
        return BITS
    return int(distances(np.frombuffer(bytes.fromhex(first), np.uint64)[None], second)[0])
