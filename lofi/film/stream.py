"""What a compressed stream says of itself, and the refusals that every reader of one shares."""

from dataclasses import dataclass

from lofi.errors import UnreadableFilm


@dataclass(frozen=True)
class StreamHead:
    """Size, samples a pixel and bits a sample that a stream claims. ``marker`` is its start-of-frame byte.

    ``exact`` where the stream gives back the values that were compressed.
    """

    size_hw: tuple[int, int]
    samples: int
    bits: int
    marker: int
    exact: bool = False


class BrokenStream(UnreadableFilm):
    """The refusal of a stream: which file it came from, and so what to do, is its reader's to say."""


def refused() -> BrokenStream:
    """The refusal of a stream that cannot be decoded."""
    return BrokenStream("The compressed image is damaged or of a kind that is not supported: export it uncompressed.")


def incomplete() -> BrokenStream:
    """The refusal of a stream that lacks a part of its image."""
    return BrokenStream("The compressed image is not complete: parts of it are missing. Export it again.")
