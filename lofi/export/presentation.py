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

from lofi.export.case import NOTE, Case, Finding
from lofi.export.codes import meaning
from lofi.export.mark_items import annotation
from lofi.export.source import UTF8, Source, packed, source_of, stamp
from lofi.export.structured_report import outline
from lofi.export.written import Written
from lofi.film.view import GUESSED, line_of
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
        content_creator_name="LoFi^",
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
        if not finding.standing:
            continue
        layer = GraphicLayer(
            f"PHRASE {finding.number + 1}",
            len(layers) + 1,
            meaning(finding.phrase),
            CIELabColor.from_string(line_of(finding.number)[0]),
        )
        boxes = [box for box, _ in finding.standing]
        layers.append(layer)
        annotations.append(
            _annotation(
                source,
                layer,
                [GraphicObject("POLYLINE", outline(source, box), "PIXEL") for box in boxes],
                [_label(source, finding, box) for box in boxes],
            )
        )
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


def _label(source: Source, finding: Finding, box: Box) -> TextObject:
    """The phrase above its box, below where there is no room."""
    height, width = source.image.Rows, source.image.Columns
    (x0, top), (x1, bottom) = outline(source, box)[[0, 2]].astype(float)
    line = 0.03 * height
    y0 = top - line if top >= line else min(bottom, height - line)
    right = min(float(width), max(x1, x0 + 0.25 * width))
    left = min(x0, right - 1)
    guess = f" ({finding.state})" if finding.state in GUESSED else ""
    text = f"{clean_line(finding.phrase, _LABEL)} {100 * finding.confidence:.0f} %{guess}"
    return TextObject(_plain(text), "PIXEL", bounding_box=(left, y0, right, y0 + line), text_justification="LEFT")


def _plain(text: str) -> str:
    """Without backslashes, which would divide a value; the greater lengths of UTF-8 fit the standard's limit."""
    return text.replace("\\", "/")


def _note(case: Case) -> TextObject:
    """Fixed to the screen's lower edge, whatever the zoom."""
    without = [finding for finding in case.findings if not finding.standing]
    states = dict.fromkeys(_state(finding) for finding in without)
    gallery = f", gallery {case.gallery.name} {case.gallery.sha256[:12]}" if case.gallery else ""
    about = f"LoFi {case.model}, checkpoint {case.fingerprint[:16]}{gallery}, {case.time}."
    missing = "".join(
        f" {state.capitalize()}: {', '.join(finding.phrase for finding in without if _state(finding) == state)}."
        for state in states
    )
    text = _plain(clean_line(f"{NOTE} {about}{missing}", _NOTE))
    return TextObject(text, "DISPLAY", bounding_box=(0.02, 0.94, 0.98, 0.99), text_justification="LEFT")


def _state(finding: Finding) -> str:
    """What is said of a phrase without a standing box; rejected boxes leave it not found."""
    return "not found" if finding.state == "found" else finding.state
