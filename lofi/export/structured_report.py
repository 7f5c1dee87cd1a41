"""A case as a DICOM structured report by template 1500: each standing box a region with its finding and figures."""

from collections.abc import Iterator

import numpy as np
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    ImageRegion,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForRegion,
    TextContentItem,
    TrackingIdentifier,
)
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from lofi.errors import BadQuery
from lofi.export import codes as lexicon
from lofi.export.case import TEXT_LIMIT, Case, Finding, Region
from lofi.export.mark_items import groups
from lofi.export.source import UTF8, Source, packed, provenance, source_of, stamp
from lofi.export.written import Written
from lofi.gallery.text import clean_line
from lofi.results import Box

Group = PlanarROIMeasurementsAndQualitativeEvaluations | MeasurementsAndQualitativeEvaluations


def write_sr(case: Case, identified: bool = False) -> Written:
    """The report as a DICOM file, or an archive with the film where that is no DICOM image (lofi.export.source).

    Rejected boxes are left out, moved ones are where the reader put them. Raises BadQuery as ``source_of`` does, and
    where nothing was asked.
    """
    if not case.groundings and not case.marks:
        raise BadQuery("A structured report tells what was found: ask for a phrase first, or mark something.")
    source = source_of(case, identified)
    report = MeasurementReport(
        observation_context=_observers(case),
        procedure_reported=lexicon.CHEST_FILM,
        imaging_measurements=[*_groups(case, source), *groups(case, source)],
        title=codes.DCM.ImagingMeasurementReport,
    )
    report[0].ContentSequence.extend(_comments(case))
    made = ComprehensiveSR(
        evidence=[source.image],
        content=report,
        series_instance_uid=generate_uid(),
        series_number=9001,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="LoFi",
        specific_character_set=UTF8,
        coding_schemes=[CodingSchemeIdentificationItem(lexicon.SCHEME, name="LoFi", responsible_organization="LoFi")],
    )
    stamp(made, case, source, "LoFi findings. Research use only.")
    return packed(case, source, made, "findings")


def outline(source: Source, box: Box) -> NDArray[np.float32]:
    """(5, 2) closed rectangle (x, y) in pixels of the referenced image of a box of the film.

    (0, 0) is the upper left corner of the upper left pixel (PS3.3 C.18.6). Where the film was turned to be shown, the
    image in the archive was not.
    """
    height, width = source.image.Rows, source.image.Columns
    x0, y0, x1, y1 = np.array(source.turn.stored_box(box)) * (width, height, width, height)
    points = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]], dtype=np.float32)
    return np.clip(points, 0, np.array([width, height], dtype=np.float32))


def _groups(case: Case, source: Source) -> Iterator[Group]:
    for finding in case.findings:
        code, side = lexicon.finding_code(finding.asked), lexicon.side_code(finding.asked)
        sites = [FindingSite(lexicon.THORAX, laterality=side)] if side is not None else None
        if not finding.standing:
            yield _without_box(case, finding, code, sites)
        for box, region in finding.standing:
            yield PlanarROIMeasurementsAndQualitativeEvaluations(
                tracking_identifier=TrackingIdentifier(generate_uid(), _title(finding, region)),
                referenced_region=ImageRegion(
                    graphic_type="POLYLINE",
                    graphic_data=outline(source, box),
                    source_image=SourceImageForRegion(source.image.SOPClassUID, source.image.SOPInstanceUID),
                ),
                finding_type=code,
                finding_sites=sites,
                algorithm_id=_algorithm(case),
                measurements=_figures(finding, region),
                qualitative_evaluations=[
                    QualitativeEvaluation(lexicon.PRESENCE, _presence(finding, region)),
                    *_state(finding),
                    *(
                        [QualitativeEvaluation(lexicon.VERDICT, lexicon.verdict_code(region.verdict))]
                        * bool(region.verdict)
                    ),
                ],
            )


def _without_box(
    case: Case, finding: Finding, code: CodedConcept, sites: list[FindingSite] | None
) -> MeasurementsAndQualitativeEvaluations:
    """A phrase that is not there, or that is there without a place."""
    rejected = bool(finding.regions) or finding.absent_for_reader
    known = finding.state in ("found", "not found") or rejected
    present = finding.found and not rejected
    presence = (lexicon.PRESENT if present else lexicon.ABSENT) if known else lexicon.UNDETERMINED
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(generate_uid(), finding.phrase),
        finding_type=code,
        finding_sites=sites,
        algorithm_id=_algorithm(case),
        measurements=[_percent(lexicon.CONFIDENCE, finding.confidence)],
        qualitative_evaluations=[
            QualitativeEvaluation(lexicon.PRESENCE, presence),
            *_state(finding),
            *([QualitativeEvaluation(lexicon.VERDICT, lexicon.verdict_code("rejected"))] * rejected),
        ],
    )


def _state(finding: Finding) -> list[QualitativeEvaluation]:
    """What the answer stands for, where "present" or "absent" does not say it."""
    if finding.state in ("found", "not found"):
        return []
    return [QualitativeEvaluation(lexicon.STATE, lexicon.state_code(finding.state))]


def _presence(finding: Finding, region: Region) -> CodedConcept:
    """Present where the model found it or the reader stands behind the box; a guess leaves it undetermined."""
    by_reader = region.verdict in ("accepted", "moved", "redrawn", "added")
    return lexicon.PRESENT if finding.found or by_reader else lexicon.UNDETERMINED


def _title(finding: Finding, region: Region) -> str:
    """What a viewer shows for a region: the phrase, numbered where it has several boxes."""
    several = len(finding.standing) > 1
    return f"{finding.phrase} ({region.number + 1})" if several else finding.phrase


def _figures(finding: Finding, region: Region) -> list[Measurement]:
    if region.score is None:  # a reader's own box: the model's figures are not of it
        return []
    return [
        _percent(lexicon.CERTAINTY, finding.confidence),
        Measurement(lexicon.BOX_SCORE, round(float(region.score), 4), codes.UCUM.NoUnits),
    ]


def _percent(name: CodedConcept, share: float) -> Measurement:
    return Measurement(name, round(100 * float(share), 2), codes.UCUM.Percent)


def _algorithm(case: Case) -> AlgorithmIdentification:
    return AlgorithmIdentification(f"LoFi {case.model}", case.fingerprint, parameters=list(provenance(case)))


def _observers(case: Case) -> ObservationContext:
    device = DeviceObserverIdentifyingAttributes(
        generate_uid(entropy_srcs=["LoFi device", case.fingerprint]),
        name="LoFi",
        manufacturer_name="LoFi",
        model_name=case.model,
        serial_number=case.fingerprint,
    )
    person = PersonObserverIdentifyingAttributes(f"{case.reader}^") if case.reader else None
    return ObservationContext(
        observer_person_context=ObserverContext(codes.DCM.Person, person) if person else None,
        observer_device_context=ObserverContext(codes.DCM.Device, device),
    )


def _comments(case: Case) -> Iterator[Dataset]:
    """Text after the measurements, which template 1500 allows: it is extensible."""
    texts = list(provenance(case))
    texts += [f"Draft by the model, not reviewed: {clean_line(s.sentence, TEXT_LIMIT)}" for s in case.report or ()]
    if case.comment:
        texts.append(f"Comment by {case.reader}: {case.comment}")
    for text in texts:
        yield TextContentItem(codes.DCM.Comment, text, RelationshipTypeValues.CONTAINS)
