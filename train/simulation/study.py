"""One simulated film from a seed: patient, exposure, findings, boxes, report."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lofi.errors import BadQuery
from lofi.results import Box, RegionBox, Study
from train.simulation import skeleton, vasculature
from train.simulation.anatomy import LEFT, RIGHT, Patient, draw_patient
from train.simulation.beam import Beam, Map, soften
from train.simulation.film import develop, draw_exposure
from train.simulation.finding import Finding
from train.simulation.findings import MAKERS, draw_findings
from train.simulation.projection import Shadow, add_cloud, cast, draw_beam
from train.simulation.reports import write_report

VISIBLE = 0.2
"""A finding's box holds what reaches this share of its strongest change of the optical path."""


@dataclass(frozen=True)
class SimulatedStudy:
    """``pixels`` (H, W) float32 in 0–1, bone white; ``study`` with exact boxes and report."""

    pixels: Map
    study: Study


@dataclass(frozen=True)
class Scene:
    """What the film saw: optical path (H, W), each finding's share of it, and the organs' boxes."""

    patient: Patient
    view: str
    path: Map
    findings: tuple[Finding, ...]
    shares: tuple[Map, ...]
    lungs: dict[int, NDArray[np.bool_]]
    heart: Map


def visible_box(share: Map) -> Box | None:
    """Outer pixel edges of the region where a change is seen, 0–1; None where nothing is."""
    return mask_box(np.abs(share) > VISIBLE * np.abs(share).max()) if np.abs(share).max() > 0.004 else None


def mask_box(mask: NDArray[np.bool_]) -> Box | None:
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    if len(columns) == 0:
        return None
    height, width = mask.shape
    return (
        float(columns[0] / width),
        float(rows[0] / height),
        float((columns[-1] + 1) / width),
        float((rows[-1] + 1) / height),
    )


def draw_names(rng: np.random.Generator) -> tuple[str, ...]:
    """None, one or two findings."""
    count = int(rng.choice(3, p=[0.15, 0.6, 0.25]))
    return tuple(str(name) for name in rng.choice(list(MAKERS), size=count, replace=False))


def cast_roles(
    seed: int, names: Sequence[str], view: str, sex: str | None = None
) -> tuple[Patient, tuple[Finding, ...]]:
    """The patient and the findings of a film, without the film."""
    if set(names) - set(MAKERS) or view not in ("PA", "AP"):
        raise BadQuery(f"Findings are {', '.join(MAKERS)}; the view is PA or AP.")
    patient = draw_patient(np.random.default_rng([seed, 1]), view, "Cardiomegaly" in names, sex)
    return patient, tuple(draw_findings(tuple(names), patient, seed))


def report_of(seed: int, findings: Sequence[Finding], patient: Patient, view: str) -> str:
    return write_report(findings, patient, view, np.random.default_rng([seed, 6]))


def expose(seed: int, names: Sequence[str], view: str, side: int, sex: str | None = None) -> Scene:
    """Ray sums of one patient. Only cardiomegaly and edema change the anatomy; other findings add to it."""
    patient, findings = cast_roles(seed, names, view, sex)
    beam = draw_beam(np.random.default_rng([seed, 2]), view, patient, side)
    volumes = [volume for finding in findings for volume in finding.volumes]
    shadow = cast(patient, beam, volumes)
    rng = np.random.default_rng([seed, 3])
    trees = vasculature.vessels(patient, rng, float(rng.uniform(0.9, 1.08)) * (1.16 if "Edema" in names else 1.0))
    path = shadow.path
    for tree in trees.values():
        path = path + add_cloud(beam, tree, 0.3)
    path = path + _still_life(patient, beam, view, seed)
    path = path + _parenchyma(shadow.lungs[RIGHT] + shadow.lungs[LEFT], beam, np.random.default_rng([seed, 8]))
    chords = iter(shadow.volumes)
    shares = []
    for finding in findings:
        share = np.zeros_like(path)
        for volume in finding.volumes:
            share += np.float32(volume.contrast) * next(chords)
            if volume.empties:
                points, weights = trees[volume.side]
                x, y, z = points.T
                gone = volume.shape({volume.side: patient.pleural_space(volume.side, x, y, z)}, x, y, z) > 0
                share -= add_cloud(beam, (points[gone], weights[gone]), 0.3)
        shares.append(settle(share, finding, beam))
    if "Cardiomegaly" in names:
        shares[[f.label for f in findings].index("Cardiomegaly")] = shadow.heart
    total = path + sum((s for s, f in zip(shares, findings, strict=True) if f.label != "Cardiomegaly"), np.float32(0))
    return Scene(patient, view, total, findings, tuple(shares), lung_fields(shadow), shadow.heart)


def lung_fields(shadow: Shadow) -> dict[int, NDArray[np.bool_]]:
    """(H, W) where each lung is seen: neither behind the heart nor below the diaphragm."""
    return {lung: (chord > 8) & (shadow.abdomen < 12) & (shadow.heart < 25) for lung, chord in shadow.lungs.items()}


def settle(share: Map, finding: Finding, beam: Beam) -> Map:
    """Add a finding's clouds and balls to its volumes' sums."""
    for cloud in finding.clouds:
        share = share + add_cloud(beam, cloud, finding.blur_mm)
    if finding.balls:
        chords = [np.float32(ball.contrast) * beam.ball(ball.centre, ball.radii) for ball in finding.balls]
        share = share + soften(np.maximum.reduce(chords), finding.blur_mm / beam.pixel_mm)
    return share


def _parenchyma(chord: Map, beam: Beam, rng: np.random.Generator) -> Map:
    """What lies below the size of a drawn vessel: fine texture, growing as the root of a ray's way."""
    grain = rng.standard_normal(chord.shape).astype(np.float32)
    texture = np.zeros_like(chord)
    for size_mm, depth in ((0.9, 0.010), (2.2, 0.010), (7.0, 0.009), (26.0, 0.016)):
        wave = soften(grain, size_mm / beam.pixel_mm)
        texture += np.float32(depth) * wave / (wave.std() + np.float32(1e-9))
        grain = grain[::-1, ::-1]
    return np.asarray(texture * np.sqrt(np.maximum(chord, 0) / 150), dtype=np.float32)


def _still_life(patient: Patient, beam: Beam, view: str, seed: int) -> Map:
    """Bones, airways, gas in the gut, leads: all that no finding changes."""
    rng = np.random.default_rng([seed, 4])
    raised, spread = (
        (rng.uniform(8, 30), rng.uniform(0.7, 1.2)) if view == "PA" else (rng.uniform(14, 44), rng.uniform(0, 0.5))
    )
    bones = [skeleton.ribs(patient, rng), skeleton.spine(patient, rng), skeleton.girdle(patient, rng, raised, spread)]
    path = add_cloud(beam, skeleton.joined(bones), 0.5)
    path = path + add_cloud(beam, vasculature.airways(patient, rng), 0.6)
    path = path - vasculature.gut_gas(patient, beam, rng)
    if view == "AP" and rng.random() < 0.6:
        path = path + add_cloud(beam, vasculature.devices(patient, rng), 0.3)
    return path


def region_boxes(scene: Scene) -> tuple[RegionBox, ...]:
    """Boxes of findings first, then lungs and heart."""
    boxes = []
    for finding, share in zip(scene.findings, scene.shares, strict=True):
        box = mask_box(share > 14) if finding.label == "Cardiomegaly" else visible_box(share)
        if box is not None:
            boxes.append(RegionBox(finding.phrase, box, finding.label, "finding"))
    anatomy = (
        ("right lung", "Right Lung", scene.lungs[RIGHT]),
        ("left lung", "Left Lung", scene.lungs[LEFT]),
        ("heart", "Heart", scene.heart > 14),
    )
    for phrase, label, mask in anatomy:
        box = mask_box(mask)
        if box is not None:
            boxes.append(RegionBox(phrase, box, label, "anatomy"))
    return tuple(boxes)


def simulate(
    seed: int,
    findings: Sequence[str] | None = None,
    view: str | None = None,
    side: int = 512,
    sex: str | None = None,
) -> SimulatedStudy:
    """One film of ``side`` pixels. ``findings`` and ``view`` are drawn from the seed where None."""
    rng = np.random.default_rng([seed, 0])
    names = draw_names(rng) if findings is None else tuple(name for name in findings if name != "No Finding")
    view = view or ("PA" if rng.random() < 0.6 else "AP")
    scene = expose(seed, names, view, side, sex)
    rng = np.random.default_rng([seed, 5])
    pixels = develop(scene.path, draw_exposure(rng, view, side), rng, view)
    report = report_of(seed, scene.findings, scene.patient, view)
    study = Study(
        study_id=f"sim-{seed:06d}",
        report=report,
        labels=tuple(name for name in MAKERS if name in names) or ("No Finding",),
        view=view,
        source="simulated",
        sex=scene.patient.sex,
        age=float(scene.patient.age),
        patient_key=f"sim-{seed:06d}",
        boxes=region_boxes(scene),
        simulated=True,
    )
    return SimulatedStudy(pixels, study)
