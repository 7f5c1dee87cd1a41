"""The only errors a user sees: one sentence for a person, never an identifier of a patient."""


class LofiError(Exception):
    """Base of every error whose message may be shown: what was expected, what came, what to do."""


class UnreadableFilm(LofiError):
    """The bytes are no film that can be decoded safely (damaged, unsupported, too large)."""


class NotAChestFilm(LofiError):
    """The file decodes, but its own tags say that it is something else (CT, ultrasound, a hip)."""


class BadQuery(LofiError):
    """A phrase, box, filter or number that a caller gave cannot be used."""


class FilmGone(BadQuery):
    """A film that was opened before is no longer held: whoever has it sends it again, and the question is answered."""

    def __init__(self) -> None:
        super().__init__("This film is no longer held here: open it again.")


class GalleryMismatch(LofiError):
    """A gallery on disk is damaged or was built by another model."""


class CheckpointError(LofiError):
    """A checkpoint is missing, damaged or of an unknown format."""


class Busy(LofiError):
    """More is asked for at the moment than can wait in turn."""
