"""Hannover's COVID-19 image repository (ml-workgroup): films of one hospital's COVID-19 patients, CC BY 3.0.

Format read in: the repository itself. ``data.csv`` has patient_id and image_id (eight hexadecimal digits each), sex (m,
f), age (empty in all rows seen), admission_offset (days), modality (CR, DX), projection (ap, pa) and laboratory values;
films are ``png/<image_id>.png``. ``nii/`` holds the same films and is not read. No report and no box: every patient had
COVID-19, which is the film's one label, as in ``../shared/cxr``; early films may show little of it.

Split: by hash of the patient.
"""

from collections.abc import Iterator
from pathlib import Path

from lofi.gallery.text import age_in_years, sex_letter, view_position
from train.data import splits
from train.data.film import Film
from train.data.request import Request
from train.data.tables import need, table

SPLIT = "by hash of the patient (the repository has no official split)"


def films(request: Request) -> Iterator[Film]:
    """A film for each row."""
    rows = list(table(need(request.root, "data.csv"), ["patient_id", "image_id", "projection"]))
    request.tally.expected = len(rows)
    for row in rows:
        name, subject = row["image_id"], row["patient_id"]
        if not subject or not name or Path(name).name != name:
            request.tally.drop("a row without a patient or a film")
            continue
        patient = f"han-{subject}"
        yield Film(
            path=request.root / "png" / f"{name}.png",
            patient=patient,
            source="hannover_covid",
            split=splits.hashed(patient),
            study=name,
            view=view_position(row["projection"]),
            sex=sex_letter(row.get("sex")),
            age=age_in_years(row.get("age")),
            findings=("COVID-19",),
        )
