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
    """The model's boxes name the algorithm; what a reader drew or denied names the reader, and no algorithm."""
    for finding in case.findings:
        code, side = lexicon.finding_code(finding.asked), lexicon.side_code(finding.asked)
        sites = [FindingSite(lexicon.THORAX, laterality=side)] if side is not None else None
        if not finding.model_stands:
            yield _without_box(case, finding, code, sites)
        for box, region in finding.standing:
            group = PlanarROIMeasurementsAndQualitativeEvaluations(
                tracking_identifier=TrackingIdentifier(generate_uid(), finding.named(region)),
                referenced_region=ImageRegion(
                    graphic_type="POLYLINE",
                    graphic_data=outline(source, box),
                    source_image=SourceImageForRegion(source.image.SOPClassUID, source.image.SOPInstanceUID),
                ),
                finding_type=code,
                finding_sites=sites,
                algorithm_id=None if region.reader else _algorithm(case),
                measurements=_figures(finding, region),
                qualitative_evaluations=_evaluations(finding, region),
            )
            yield _by(region.reader, group) if region.reader else group
        if finding.absent_for_reader:
            said = [QualitativeEvaluation(lexicon.PRESENCE, lexicon.ABSENT)]
            yield _by(case.reader, _unplaced(finding, code, sites, said))


def _evaluations(finding: Finding, region: Region) -> list[QualitativeEvaluation]:
    """Of a reader's box the reader's word alone."""
    said = [QualitativeEvaluation(lexicon.VERDICT, lexicon.verdict_code(region.verdict))] if region.verdict else []
    if region.reader:
        return [QualitativeEvaluation(lexicon.PRESENCE, lexicon.PRESENT), *said]
    place = [QualitativeEvaluation(lexicon.PLACE, lexicon.GUESS)] if finding.guess else []
    return [QualitativeEvaluation(lexicon.PRESENCE, _presence(finding)), *_state(finding), *place, *said]


def _without_box(
    case: Case, finding: Finding, code: CodedConcept, sites: list[FindingSite] | None
) -> MeasurementsAndQualitativeEvaluations:
    """The model's answer where none of its boxes stands; what a reader did to them is said beside it."""
    words = dict.fromkeys(region.verdict for region in finding.regions if region.model_box and region.verdict)
    said = [QualitativeEvaluation(lexicon.VERDICT, lexicon.verdict_code(word)) for word in words]
    evaluations = [QualitativeEvaluation(lexicon.PRESENCE, _presence(finding)), *_state(finding), *said]
    return _unplaced(finding, code, sites, evaluations, case)


def _unplaced(
    finding: Finding,
    code: CodedConcept,
    sites: list[FindingSite] | None,
    evaluations: list[QualitativeEvaluation],
    case: Case | None = None,
) -> MeasurementsAndQualitativeEvaluations:
    """A group without a region: the model's, with its figure, where there is a ``case``; else a reader's."""
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(generate_uid(), finding.phrase),
        finding_type=code,
        finding_sites=sites,
        algorithm_id=None if case is None else _algorithm(case),
        measurements=None if case is None else [_percent(lexicon.CONFIDENCE, finding.confidence)],
        qualitative_evaluations=evaluations,
    )


def _by(reader: str, group: Group) -> Group:
    """The group with a person as its observer, in place of the device that observed the rest (TID 1002, 1003)."""
    observer = ObserverContext(codes.DCM.Person, PersonObserverIdentifyingAttributes(f"{reader}^"))
    group[0].ContentSequence.extend(observer)
    return group


def _state(finding: Finding) -> list[QualitativeEvaluation]:
    """What the answer stands for, where "present" or "absent" does not say it."""
    if finding.state in ("found", "not found"):
        return []
    return [QualitativeEvaluation(lexicon.STATE, lexicon.state_code(finding.state))]


def _presence(finding: Finding) -> CodedConcept:
    """What the model says: present where it found it, absent where it did not; a guess leaves it undetermined."""
    if finding.found:
        return lexicon.PRESENT
    return lexicon.ABSENT if finding.state == "not found" else lexicon.UNDETERMINED


def _figures(finding: Finding, region: Region) -> list[Measurement]:
    chance = finding.chance(region)
    if chance is None or region.score is None:  # a reader's own box: the model's figures are not of it
        return []
    return [
        _percent(lexicon.CERTAINTY, chance),
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
    texts = [*provenance(case), *(f"Flag of the film: {flag}" for flag in case.film.flags)]
    texts += [f"{finding.phrase}: {finding.warning}" for finding in case.findings if finding.warning]
    texts += [f"Draft by the model, not reviewed: {clean_line(s.sentence, TEXT_LIMIT)}" for s in case.report or ()]
    if case.marks and not case.reader:  # else the device alone would stand as their observer
        texts.append("The marks and what they measure are a reader's, who gave no initials.")
    if case.comment:
        texts.append(f"Comment by {case.reader}: {case.comment}")
    for text in texts:
        yield TextContentItem(codes.DCM.Comment, text, RelationshipTypeValues.CONTAINS)
