"""A case as a DICOM presentation state: a PACS shows the boxes over its own copy of the film."""

from highdicom import PresentationLUTTransformation
from highdicom.color import CIELabColor
from highdicom.pr import (
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GrayscaleSoftcopyPresentationState,
    SoftcopyVOILUTTransformation,
    TextObject,
)
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pydicom.valuerep import DSfloat

from lofi.export.case import NOTE, Case, Finding, Region
from lofi.export.codes import meaning
from lofi.export.mark_items import annotation
from lofi.export.source import UTF8, Source, packed, source_of, stamp
from lofi.export.structured_report import outline
from lofi.export.written import Written
from lofi.film.view import READER_RIM, line_of
from lofi.gallery.text import clean_line
from lofi.results import Box

_LABEL, _NOTE = 80, 1_000
"""Longest texts on the film, in characters; the standard allows 1,024."""


def write_gsps(case: Case, identified: bool = False) -> Written:
    """The presentation state as a DICOM file, or an archive with the film (lofi.export.source).

    The film appears as LoFi showed it, each phrase on a layer of its own colour. Raises BadQuery as ``source_of``.
    """
    source = source_of(case, identified, grey=True)
    layers, annotations = _overlay(case, source)
    rising = source.ends[0] <= source.ends[1]
    black, white = sorted(source.ends)
    made = GrayscaleSoftcopyPresentationState(
        referenced_images=[source.image],
        series_instance_uid=generate_uid(),
        series_number=9002,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="LoFi",
        manufacturer_model_name=meaning(case.model),
        software_versions=case.fingerprint,
        device_serial_number=case.fingerprint,
        content_label="LOFI",
        content_description="LoFi findings. Research use only.",
        content_creator_name=f"{case.reader or case.initials or 'LoFi'}^",
        graphic_layers=layers,
        graphic_annotations=annotations,
        # From black to white in stored values: (x − (c − ½)) / (w − 1) + ½ is 0 at the one and 1 at the other.
        voi_lut_transformations=[
            SoftcopyVOILUTTransformation(window_center=(black + white + 1) / 2, window_width=white - black + 1)
        ],
        presentation_lut_transformation=PresentationLUTTransformation("IDENTITY" if rising else "INVERSE"),
        specific_character_set=UTF8,
    )
    _place(made, case, source)
    stamp(made, case, source, "LoFi overlay. Research use only.")
    return packed(case, source, made, "overlay")


def _place(made: Dataset, case: Case, source: Source) -> None:
    """The displayed area in the form for an image of one frame, with the film's true proportions."""
    made.BodyPartExamined = "CHEST"
    area = made.DisplayedAreaSelectionSequence[0]
    del area.PixelOriginInterpretation
    if case.film.spacing_mm is not None:
        del area.PresentationPixelAspectRatio
        spacing = source.turn.swapped(case.film.spacing_mm)
        area.PresentationPixelSpacing = [DSfloat(value, auto_format=True) for value in spacing]


def _overlay(case: Case, source: Source) -> tuple[list[GraphicLayer], list[GraphicAnnotation]]:
    note = GraphicLayer("NOTE", 1, "Research use, model, what was not found")
    layers, annotations = [note], [_annotation(source, note, texts=[_note(case)])]
    for finding in case.findings:
        model = [one for one in finding.standing if not one[1].reader]
        reader = [one for one in finding.standing if one[1].reader]
        # A reader's boxes on a layer of their own, in white: no viewer can then take them for the model's.
        for name, boxes, about, colour in (
            ("PHRASE", model, finding.phrase, line_of(finding.number)[0]),
            ("READER", reader, f"Drawn by {case.reader}: {finding.phrase}", READER_RIM),
        ):
            if not boxes:
                continue
            layer = GraphicLayer(
                f"{name} {finding.number + 1}", len(layers) + 1, meaning(about), CIELabColor.from_string(colour)
            )
            layers.append(layer)
            lines = [GraphicObject("POLYLINE", outline(source, box), "PIXEL") for box, _ in boxes]
            labels = [_label(source, finding, box, region) for box, region in boxes]
            annotations.append(_annotation(source, layer, lines, labels))
    if (marks := annotation(case, source, len(layers) + 1)) is not None:
        layers.append(marks[0])
        annotations.append(marks[1])
    return layers, annotations


def _annotation(
    source: Source,
    layer: GraphicLayer,
    graphics: list[GraphicObject] | None = None,
    texts: list[TextObject] | None = None,
) -> GraphicAnnotation:
    return GraphicAnnotation([source.image], layer, graphic_objects=graphics, text_objects=texts)


def _label(source: Source, finding: Finding, box: Box, region: Region) -> TextObject:
    """The phrase above its box, below where there is no room; with the model's figure, or the reader's initials."""
    height, width = source.image.Rows, source.image.Columns
    (x0, top), (x1, bottom) = outline(source, box)[[0, 2]].astype(float)
    line = 0.03 * height
    y0 = top - line if top >= line else min(bottom, height - line)
    right = min(float(width), max(x1, x0 + 0.25 * width))
    left = min(x0, right - 1)
    chance = finding.chance(region)
    by = f"drawn by {region.reader}" if chance is None else f"{100 * chance:.0f} %" + " (a guess)" * finding.guess
    number = finding.named(region).removeprefix(finding.phrase)
    text = f"{clean_line(finding.phrase, _LABEL)}{number} {by}"
    return TextObject(_plain(text), "PIXEL", bounding_box=(left, y0, right, y0 + line), text_justification="LEFT")


def _plain(text: str) -> str:
    """Without backslashes, which would divide a value; the greater lengths of UTF-8 fit the standard's limit."""
    return text.replace("\\", "/")


def _note(case: Case) -> TextObject:
    """Fixed to the screen's lower edge, whatever the zoom."""
    gallery = f", gallery {case.gallery.name} {case.gallery.sha256[:12]}" if case.gallery else ""
    about = f"LoFi {case.model}, checkpoint {case.fingerprint[:16]}{gallery}, {case.time}."
    missing: dict[str, list[str]] = {}
    for finding in case.findings:
        if (state := _without(case, finding)) is not None:
            missing.setdefault(state, []).append(finding.phrase)
    listed = [f"{state[0].upper()}{state[1:]}: {', '.join(phrases)}." for state, phrases in missing.items()]
    warned = [f"{finding.phrase}: {finding.warning}" for finding in case.findings if finding.warning]
    text = _plain(clean_line(" ".join([NOTE, *case.film.flags, about, *warned, *listed]), _NOTE))
    return TextObject(text, "DISPLAY", bounding_box=(0.02, 0.94, 0.98, 0.99), text_justification="LEFT")


def _without(case: Case, finding: Finding) -> str | None:
    """What is said of a phrase without a box of the model's; None where one stands, or a reader's in its place."""
    if finding.absent_for_reader:
        return f"absent for {case.reader}"
    if finding.model_stands:
        return None
    if any(region.model_box is not None for region in finding.regions):
        return None if finding.standing else f"rejected by {case.reader}"
    return f"{finding.state} by the model" if finding.standing else finding.state
