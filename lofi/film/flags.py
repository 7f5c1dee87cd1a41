"""What is told with a film, each a sentence for a person: none holds a value from the file."""

from collections.abc import Iterable

NOT_FRONTAL = "This does not look like a frontal chest film."
BLANK = "The picture is blank: all its pixels are alike, no film can be seen."
NEARLY_BLANK = "The picture is nearly blank: almost all its pixels are alike. Check how the film was exported."
NOISE = "The picture is noise: neighbouring pixels have nothing to do with each other. Check how the film was exported."

UNFIT = (NOT_FRONTAL, BLANK, NEARLY_BLANK, NOISE)
"""Of a film with one of these nothing that a model says can be relied on: no draft, and phrases only on request."""

SAID_LATERAL = "The file calls this a lateral view, but it looks like a frontal chest film: check which it is."
SAID_OTHER_PART = "The file names another body part than the chest{}, but it looks like a frontal chest film."
SAID_OTHER_MODALITY = "The file calls this {}, but it looks like a frontal chest film."

WINDOW_UNUSABLE = (
    "The file's display window is none (two numbers were expected, a width of at least 1): the film's own range of "
    "grey is shown."
)
TABLE_UNUSABLE = "The file's lookup table for display cannot be used: the film is shown without it."
RESCALE_UNUSABLE = (
    "The file's rescale slope or intercept is no number that can be used: the film's own range of grey is shown."
)
MODALITY_TABLE_UNUSABLE = "The file's modality lookup table cannot be used: the film's own range of grey is shown."
POLARITY_UNTOLD = "The file does not say whether its high values are white or black: they are shown white."
STRETCHED = "The picture uses a small part of the 16 bits it has: its grey values are stretched."
END_MISSING = "The end of the picture's data is missing: its last rows may be wrong."

TURNED = "The film is turned, as its file says how the patient stands: the patient's left side is on the right."
STOOD_UP = "The film is turned, as its file says how the patient stands: the head is above."
SIDE_UNTOLD = "The file's word on how the patient stands in the picture makes no sense: check the side marker."
MIRRORED = "The file says that the picture was mirrored, not how the patient stands in it: check the side marker."
NOT_SQUARE = "The film's pixels are not square: it looks stretched in one direction."
SIDES_UNTOLD = frozenset({SIDE_UNTOLD, MIRRORED})
"""With one of these it is not known which side of the picture is the patient's left."""


def unfit(flags: Iterable[str]) -> str:
    """The flag of a film that does not look like a frontal chest film; "" of one that does."""
    return next((flag for flag in flags if flag in UNFIT), "")
