"""A plain folder of films with a CSV: columns file and report, optional labels, view, sex, age, patient, source.

The CSV is read by ``train.data.reports_csv``: any delimiter and encoding, column names in several spellings. It is
``reports.csv`` in the root or the only CSV there. Split: by hash of the patient where the CSV names one, else of the
file.
"""

from collections.abc import Iterator
from pathlib import Path

from lofi.errors import BadQuery
from lofi.gallery.pictures import inside
from train.data import splits
from train.data.film import Film
from train.data.labels import labels
from train.data.reports_csv import read_reports
from train.data.request import Request
from train.data.sentences import split, usable

SPLIT = "by hash of the patient, or of the file where the CSV names no patient"


def films(request: Request) -> Iterator[Film]:
    """A film for each row; files must lie in the root."""
    studies = read_reports(_table(request.root))
    request.tally.expected = len(studies)
    for study in studies:
        path = inside(request.root, study.image)
        if path is None:
            request.tally.drop("the film's file is missing")
            continue
        patient = f"folder-{study.patient_key or study.study_id}"
        yield Film(
            path=path,
            patient=patient,
            source=study.source,
            split=splits.hashed(patient),
            study=study.study_id,
            view=study.view,
            sex=study.sex,
            age=study.age,
            findings=labels(study.labels),
            report=study.report,
            report_kind="report" if study.report else "",
            sentences=usable(split(study.report), request.tally),
        )


def _table(root: Path) -> Path:
    named, others = root / "reports.csv", sorted(root.glob("*.csv"))
    if named.is_file() or len(others) == 1:
        return named if named.is_file() else others[0]
    raise BadQuery("The folder needs a CSV named reports.csv, with the columns file and report.")
