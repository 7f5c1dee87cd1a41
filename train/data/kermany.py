"""Kermany et al. 2018: 5,856 AP films of children of one to five years, read as pneumonia or normal.

Format read in: public listings of the files, READMEs that describe them, and the names under ``../shared/cxr``. The
films are ``{train,val,test}/{NORMAL,PNEUMONIA}/*.jpeg``, below ``chest_xray/`` or in the root. As Kaggle has them:
"person124_bacteria_592.jpeg", "person25_virus_59.jpeg", "IM-0115-0001.jpeg", "NORMAL2-IM-1163-0001.jpeg" (and
"-0001-0002"); as Mendeley Data has them since its second version: "BACTERIA-40699-0001.jpeg", "VIRUS-…", "NORMAL-…"
(disease, patient, number), without val. Whether a person whose films are bacterial and viral is one child is not known:
both are kept in one split. V7's masks of the lungs are a set of their own and not read. No table, no age and no sex a
film; anterior-posterior is said by the paper. "No Finding" is its reading of the lungs.

Split: the folder test, and val with train, of which a tenth of the patients, by hash, is validation (the published val
holds 16 films); a patient whose name stands in test is in test with all films.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from lofi.errors import BadQuery
from train.data import splits
from train.data.film import NO_FINDING, Film
from train.data.request import Request
from train.data.tables import find

SPLIT = "the set's own test folder; a tenth of the other patients, by hash, is validation"
_PARTS = ("train", "val", "test")
_FINDINGS = {"NORMAL": NO_FINDING, "PNEUMONIA": "Pneumonia"}
_NAMES = (
    re.compile(r"(?P<child>person\d+)_(?P<kind>bacteria|virus)_\d+(?:_\d+)?"),
    re.compile(r"(?P<child>(?:NORMAL\d+-)?IM-\d+)(?:-\d+)+"),
    re.compile(r"(?P<child>(?:BACTERIA|VIRUS|NORMAL)-\d+)-\d+"),
)


def films(request: Request) -> Iterator[Film]:
    """A film for each picture."""
    root = find(request.root, "chest_xray", "*/chest_xray") or request.root
    found = [
        (part, folder, path)
        for part in _PARTS
        for folder in _FINDINGS
        for path in sorted((root / part / folder).glob("*.jpeg"))
        if not path.name.startswith(".")
    ]
    if not found:
        raise BadQuery("The folder of the set lacks train/NORMAL, train/PNEUMONIA and test with files *.jpeg.")
    request.tally.expected = len(found)
    tested = {_child(path)[0] for part, _, path in found if part == "test"}
    for part, folder, path in found:
        child, patient = _child(path)
        if not child:
            request.tally.drop("a file name that tells no patient")
            continue
        official = splits.carved("test" if child in tested else part, child)
        yield Film(
            path=path,
            patient=f"kermany-{patient}",
            source="kermany_pneumonia",
            split=splits.hashed(child) if request.hashed else official,
            study=path.stem,
            view="AP",
            findings=(_FINDINGS[folder],),
        )


def _child(path: Path) -> tuple[str, str]:
    """(who is kept in one split, the patient as ``../shared/cxr`` names it); empty where the name tells none."""
    match = next((match for names in _NAMES if (match := names.fullmatch(path.stem))), None)
    if match is None:
        return "", ""
    kind = match.groupdict().get("kind")
    return match["child"], f"{match['child']}-{kind}" if kind else match["child"]
