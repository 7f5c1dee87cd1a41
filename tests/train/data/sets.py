"""Tiny look-alikes of published sets: exact file names, columns and JSON shapes; pictures are generated noise."""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SUBJECT, STUDY, DICOM = "10000032", "50414267", "02aa804e-bde0afdd-112c0b34-7bc16630-4e384014"
LATERAL = "174413ec-4ec4c1f7-34ea26b7-c5f994f8-79ef1962"
OTHER, OTHER_STUDY, OTHER_DICOM = "10003502", "50084553", "70d7e600-373c1311-929f5ff9-23ee3621-ff551ff9"
FILM_WH = (250, 200)
"""Not square, so that swapped axes are seen."""


def picture(path: Path, size_wh: tuple[int, int] = FILM_WH, seed: int = 0) -> Path:
    """A grey picture of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size_wh[1], size_wh[0]), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def csv_text(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return sink.getvalue()


def write_csv(path: Path, names: Sequence[str], rows: Iterable[Sequence[object]], encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = csv_text(names, rows).encode(encoding)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def mimic_path(subject: str, study: str, dicom: str) -> str:
    return f"files/p{subject[:2]}/p{subject}/s{study}/{dicom}.jpg"


def mimic(root: Path, more: Sequence[tuple[str, str, str]] = ()) -> Path:
    """MIMIC-CXR-JPG with two frontal films and a lateral one; ``Rows`` and ``Columns`` are twice the files' size.

    ``more`` are further films of train: subject, study, DICOM id.
    """
    films = [
        (SUBJECT, STUDY, DICOM, "PA"),
        (SUBJECT, STUDY, LATERAL, "LATERAL"),
        (OTHER, OTHER_STUDY, OTHER_DICOM, "AP"),
        *((*one, "PA") for one in more),
    ]
    for number, (subject, study, dicom, _) in enumerate(films):
        picture(root / mimic_path(subject, study, dicom), seed=number)
    columns = (
        "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate,StudyTime"
    )
    write_csv(
        root / "mimic-cxr-2.0.0-metadata.csv.gz",
        columns.split(","),
        [
            (dicom, subject, study, "CHEST", view, 400, 500, 21800506, 213014.531)
            for subject, study, dicom, view in films
        ],
    )
    write_csv(
        root / "mimic-cxr-2.0.0-split.csv.gz",
        ["dicom_id", "study_id", "subject_id", "split"],
        [(dicom, study, subject, "validate" if subject == OTHER else "train") for subject, study, dicom, _ in films],
    )
    write_csv(
        root / "mimic-cxr-2.0.0-chexpert.csv.gz",
        ["subject_id", "study_id", "Atelectasis", "Cardiomegaly", "No Finding", "Pleural Effusion", "Pneumothorax"],
        [(SUBJECT, STUDY, "", -1.0, "", 1.0, 0.0), (OTHER, OTHER_STUDY, "", "", 1.0, "", "")],
    )
    return root


def llava_rad(subject: str, study: str, dicom: str, findings: str, method: str = "gpt4") -> dict[str, Any]:
    """An entry of LLaVA-Rad's annotations."""
    return {
        "id": f"{subject}_{study}",
        "image": f"mimic/p{subject[:2]}/p{subject}/s{study}/{dicom}.jpg",
        "generate_method": method,
        "reason": "___ year old woman with dyspnea",
        "impression": None,
        "indication": None,
        "history": None,
        "view": "AP",
        "orientation": "Erect",
        "chexpert_labels": {"Atelectasis": 1.0, "Edema": float("nan")},
        "conversations": [
            {"from": "human", "value": "<image>\nDescribe the findings of the chest x-ray.\n"},
            {"from": "gpt", "value": findings},
        ],
    }


def reports(root: Path, **entries: list[Any]) -> Path:
    """LLaVA-Rad's files for train, dev and test."""
    for part in ("train", "dev", "test"):
        write_json(root / f"chat_{part}_MIMIC_CXR_all_gpt4extract_rulebased_v1.json", entries.get(part, []))
    return root


def observation(sentence: str, boxes: list[list[Any]], dicom: str = DICOM, **changed: Any) -> dict[str, Any]:
    """An observation node of MIMIC-Ext-CXR-QBA."""
    place = {
        "image_id": dicom,
        "localization_reference_ids": ["lungs"],
        "bboxes": boxes,
        "instance_mask_ids": ["lungs"],
        "missing_localization": [],
        "is_fallback": changed.pop("is_fallback", False),
    }
    return {
        "obs_id": "O01",
        "name": sentence.casefold(),
        "summary_sentence": sentence,
        "child_type": None,
        "child_level": 0,
        "regions": [{"region": "lungs", "distances": []}],
        "obs_entities": ["pleural effusion"],
        "probability": "positive",
        "certainty": "certain",
        "positiveness": "pos",
        "from_report": True,
        "localization": {dicom: place},
    } | changed


def scene_graph(*observations: dict[str, Any], subject: str = SUBJECT, study: str = STUDY) -> dict[str, Any]:
    """A scene graph of MIMIC-Ext-CXR-QBA."""
    return {
        "patient_id": f"p{subject}",
        "study_id": f"s{study}",
        "sentences": {
            "S01": {"sent_id": "S01", "section": "HISTORY", "section_type": "INDICATION", "sentence": "Dyspnea."},
            "S02": {"sent_id": "S02", "section": "FINDINGS", "section_type": "FINDINGS", "sentence": "Left effusion."},
        },
        "top_level_obs_ids": [f"O{number:02d}" for number in range(1, len(observations) + 1)],
        "observations": {f"O{number:02d}": value for number, value in enumerate(observations, start=1)},
        "regions": {},
    }


def thing(name: str, box: tuple[float, float, float, float], dicom: str = DICOM) -> dict[str, Any]:
    """An object of a Chest ImaGenome scene graph; the 224-pixel corners are there to lead astray."""
    x0, y0, x1, y1 = box
    return {
        "object_id": f"{dicom}_{name}",
        "x1": 1,
        "y1": 2,
        "x2": 3,
        "y2": 4,
        "width": 2,
        "height": 2,
        "bbox_name": name,
        "synsets": [],
        "name": name.title(),
        "original_x1": x0,
        "original_y1": y0,
        "original_x2": x1,
        "original_y2": y1,
        "original_width": x1 - x0,
        "original_height": y1 - y0,
    }


def attribute(name: str, *stated: tuple[str, str, list[str]], dicom: str = DICOM) -> dict[str, Any]:
    """What a scene graph says of a region: (phrase id, phrase, attributes) for each sentence."""
    empty: list[list[str]] = [[] for _ in stated]
    return {
        name: True,
        "bbox_name": name,
        "synsets": [],
        "name": name.title(),
        "attributes": [attributes for _, _, attributes in stated],
        "attributes_ids": empty,
        "phrases": [phrase for _, phrase, _ in stated],
        "phrase_IDs": [order for order, _, _ in stated],
        "sections": ["finalreport" for _ in stated],
        **{f"{cue}_cues": empty for cue in ("comparison", "temporal", "severity", "texture")},
        "object_id": f"{dicom}_{name}",
    }
