"""The films that the page offers to try: of each finding one, those chosen on which the model finds it."""

import json
from functools import cache
from typing import Any

from lofi.gallery import Searchable
from lofi.results import Study
from lofi.settings import BUNDLED_EXAMPLES

MOST = 8
LOOKED_AT = 2_000
"""Studies among which examples are looked for."""


def offered(gallery: Searchable) -> tuple[Study, ...]:
    """Those that `train.examples` chose where the gallery has them all, else as different ones as it has."""
    wanted = [str(one["study_id"]) for one in _measured()["examples"]]
    there = {study.study_id: study for study in gallery.first(LOOKED_AT) if study.study_id in wanted}
    return tuple(there[one] for one in wanted) if wanted and len(there) == len(wanted) else varied(gallery, MOST)


def missed(fingerprint: str) -> frozenset[str]:
    """Examples on which the model of this fingerprint was seen to miss what they show; none of a model never tried."""
    measured = _measured()
    if measured["model"] != fingerprint:
        return frozenset()
    return frozenset(str(one["study_id"]) for one in measured["examples"] if one["iou"] <= measured["found_above"])


def varied(gallery: Searchable, count: int) -> tuple[Study, ...]:
    """The first study of each label, normal ones last, until there are ``count``; then any others that have a film."""
    usable = [study for study in gallery.first(LOOKED_AT) if gallery.image_path(study) is not None]
    by_label: dict[str, Study] = {}
    for study in sorted(usable, key=lambda study: ("No Finding" in study.labels, len(study.labels))):
        for label in study.labels[:1]:
            by_label.setdefault(label, study)
    chosen = {study.study_id: study for study in [*by_label.values(), *usable]}
    return tuple(chosen.values())[:count]


@cache
def _measured() -> dict[str, Any]:
    try:
        measured: dict[str, Any] = json.loads(BUNDLED_EXAMPLES.read_text("utf-8"))
    except OSError:  # an installation without the bundled films
        return {"model": "", "found_above": 0.0, "examples": []}
    return measured
