"""JSRT: 247 PA films of the Japanese Society of Radiological Technology, 154 with one nodule each; SCR's organs.

Format read in: public code that reads it, several programs that agree, and ``../shared/cxr``. Films are
``JPCLN001.IMG`` (with a nodule) and ``JPCNN001.IMG`` (without), anywhere below the root: no header, 2048 × 2048 samples
of 16 bits, the high byte first, 12 bits used, dark where they are high; 0.175 mm a pixel. They are written as PNG into
``films/`` beside the records, because nothing else reads them; where ``JPCLN001.png`` (or .IMG.png) lies below the
root, it is taken as it is. ``CLNDAT_EN.txt`` has, tab-separated and without names: film, subtlety (1–5), size (mm),
age, sex, x and y of the nodule's centre in pixels, malignant or benign, place ("l.upper lobe(S1+2)"), diagnosis;
``CNNDAT_EN.txt`` (or .TXT): film, age, sex, "non-nodule". Line ends are missing here and there and spaces stand inside
words ("r.middl e lobe"), so both are cut at the films' names. A nodule's box is the square of its size about its
centre: "inferred". The diagnosis is not on the film and not read.

SCR (van Ginneken et al. 2006) is a set of its own: ``fold1/masks/<organ>/JPCLN001.gif`` and ``fold2/``, organ "left
lung", "right lung", "heart", "left clavicle" or "right clavicle", anywhere below the root, hand-drawn; boxes are those
of the masks. Which side its folders mean was not confirmed: a mask is named by where it lies (the patient's right is on
the film's left).

Split: by hash of the film (none official; each is taken for one patient).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from lofi.boxes import side_of
from lofi.gallery.text import age_in_years, sex_letter
from train.data import splits
from train.data.film import Film
from train.data.lexicon import CANONICAL
from train.data.records import BoxRecord
from train.data.regions import boxed, on_film
from train.data.request import Request, Tally
from train.data.tables import decoded, need, number

SPLIT = "by hash of the film (no official split; each film is taken for one patient)"
SIDE, DEPTH = 2_048, 4_095
MILLIMETRES = 0.175
"""Of a pixel of the film as published."""
_FILM = re.compile(r"(JPC[LN]N\d{3})\.(?:IMG|png|IMG\.png)", re.IGNORECASE)
_ROW = re.compile(r"(JPC[LN]N\d{3})\.IMG", re.IGNORECASE)
_PLACE = re.compile(r"(?:malignant|benign)(?:([lr])\.(upper|middle|lower)lobe|(left|right)lung)", re.IGNORECASE)
_ORGANS = ("left lung", "right lung", "heart", "left clavicle", "right clavicle")
_LARGEST_MASK = 4_096


@dataclass(frozen=True)
class _Entry:
    """A film of the tables; ``words`` are the cells behind its name."""

    name: str
    words: tuple[str, ...]

    @property
    def nodule(self) -> bool:
        return self.name.startswith("JPCLN")

    @property
    def place(self) -> str:
        """As "left upper lobe" or "right lung"; "" where it is not told."""
        match = _PLACE.search("".join(self.words))
        if not match:
            return ""
        side = {"l": "left", "r": "right"}.get((match[1] or "").lower(), (match[3] or "").lower())
        return f"{side} {match[2].lower()} lobe" if match[2] else f"{side} lung"

    @property
    def millimetres(self) -> float | None:
        return number(self.words[1]) if self.nodule and len(self.words) > 1 else None

    @property
    def report(self) -> str:
        """The table's entry in words: size and lobe."""
        if not self.nodule:
            return "No nodule."
        size = f"{self.millimetres:g} mm nodule" if self.millimetres else "Nodule"
        return f"{size} in the {self.place}." if self.place else f"{size}."


def films(request: Request) -> Iterator[Film]:
    """A film for each entry of both tables."""
    entries = [
        *_entries(need(request.root, "CLNDAT_EN.*", "*/CLNDAT_EN.*", "*/*/CLNDAT_EN.*")),
        *_entries(need(request.root, "CNNDAT_EN.*", "*/CNNDAT_EN.*", "*/*/CNNDAT_EN.*")),
    ]
    request.tally.expected = len(entries)
    places, masks = _places(request.root), _masks(request.root)
    if not masks:
        request.tally.notes["no mask of SCR below the root: no boxes of organs"] += 1
    for entry in entries:
        first = 2 if entry.nodule else 0
        age, sex = (*entry.words[first : first + 2], "", "")[:2]
        patient = f"jsrt-{entry.name}"
        nodule = _nodule(entry, request.tally) if entry.nodule else None
        organs = _organs(
            {organ: masks[key] for organ in _ORGANS if (key := (organ, entry.name)) in masks}, request.tally
        )
        yield Film(
            path=_readable(places.get(entry.name, request.root / f"{entry.name}.IMG"), entry.name, request),
            patient=patient,
            source="jsrt",
            split=splits.hashed(patient),
            study=entry.name,
            view="PA",
            sex=sex_letter(sex),
            age=age_in_years(age),
            findings=("Nodule",) if entry.nodule else (),
            absent=() if entry.nodule else ("Nodule",),
            report=entry.report,
            report_kind="database entry (size, lobe), in our words",
            boxes=(*organs, *([nodule] if nodule else [])),
        )


def _entries(path: Path) -> Iterator[_Entry]:
    parts = _ROW.split(decoded(path.read_bytes()))
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        yield _Entry(name.upper(), tuple(text.split()))


def _places(root: Path) -> dict[str, Path]:
    """Film → its file, a PNG before an IMG."""
    found: dict[str, Path] = {}
    for path in sorted(root.rglob("*")):
        match = _FILM.fullmatch(path.name)
        if match and "masks" not in path.parts and (path.suffix.lower() == ".png" or match[1].upper() not in found):
            found[match[1].upper()] = path
    return found


def _masks(root: Path) -> dict[tuple[str, str], Path]:
    """(organ, film) → its mask."""
    return {(path.parent.name, path.stem.upper()): path for path in root.rglob("masks/*/JPC*.gif")}


def _readable(path: Path, name: str, request: Request) -> Path:
    """The film as a picture; the file itself where it is none, or no film of 2048 × 2048."""
    if path.suffix.lower() == ".png" or not path.is_file() or path.stat().st_size != 2 * SIDE * SIDE:
        return path
    made = (request.made or request.root) / f"{name}.png"
    if not made.is_file():
        samples = np.fromfile(path, ">u2").reshape(SIDE, SIDE)
        grey = ((DEPTH - np.minimum(samples, DEPTH)) * 16).astype(np.uint16)
        made.parent.mkdir(parents=True, exist_ok=True)
        partial = made.with_suffix(".partial")
        Image.fromarray(grey).save(partial, "PNG")
        partial.replace(made)
    return made


def _nodule(entry: _Entry, tally: Tally) -> BoxRecord | None:
    centre = [number(word) for word in entry.words[4:6]]
    if entry.millimetres is None or len(centre) < 2 or None in centre:
        tally.drop_box("a nodule whose size or place is not told")
        return None
    x, y = (value or 0.0 for value in centre)
    half = entry.millimetres / MILLIMETRES / 2
    box = on_film([x - half, y - half, x + half, y + half], (SIDE, SIDE), tally)
    return boxed(CANONICAL["Nodule"], "Nodule", box, tally, quality="inferred") if box else None


def _organs(masks: dict[str, Path], tally: Tally) -> Iterator[BoxRecord]:
    for organ, path in masks.items():
        try:
            with Image.open(path) as picture:
                if max(picture.size) > _LARGEST_MASK:
                    raise ValueError
                drawn = np.argwhere(np.asarray(picture.convert("L")) > 0)
                size = picture.size
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            tally.drop_box("a mask that cannot be read")
            continue
        if not len(drawn):
            tally.drop_box("an empty mask")
            continue
        (y0, x0), (y1, x1) = drawn.min(0), drawn.max(0) + 1
        if box := on_film([float(x0), float(y0), float(x1), float(y1)], size, tally):
            side, _, part = organ.rpartition(" ")
            lies = (side_of(box) or side) if side else ""
            if lies != side:
                tally.notes["mask on the other side than its folder names: named by where it lies"] += 1
            phrase = f"{lies} {part}".strip()
            yield boxed(phrase, phrase.title(), box, tally, kind="anatomy")
