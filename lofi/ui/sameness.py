"""Which films of a reader show the same patient, and how many days apart, without telling who or when.

The page gets a word that is the same for files of one patient while this server runs, and a day counted from a secret
beginning that each patient has of its own: differences of two of them are days, one alone says nothing.
"""

import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from lofi.answers import Answer
from lofi.film.origin import Origin, Patient

ROUND = 2**20
"""Days are counted round, modulo this many, so that a day alone tells nothing of its date."""
_NOBODY = re.compile(r"[\W_0]*|anon(ym\w*)?|unknown|none|null|n/?a|test|patient", re.IGNORECASE)
"""Ids that de-identified files share with one another: they say nothing of sameness."""


@dataclass(frozen=True, repr=False)
class Sameness:
    """Words for patients under a key that is made anew at each start."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def of(self, origin: Origin) -> Answer | None:
        """What the page is told: ``patient``, a word, and ``day``, None without a date; None where nobody is named.

        Files are one patient's where id, birth date and sex are the same: an id alone is given twice by two hospitals.
        """
        patient = origin.patient
        if _NOBODY.fullmatch(patient.patient_id):
            return None
        who = "\0".join((patient.patient_id.casefold(), patient.birth_date, patient.sex))
        return {"patient": self._digest("patient", who)[:16], "day": self._day(who, patient)}

    def _day(self, who: str, patient: Patient) -> int | None:
        if not patient.study_date:
            return None
        beginning = int(self._digest("day", who), 16)
        return (datetime.strptime(patient.study_date, "%Y%m%d").toordinal() + beginning) % ROUND

    def _digest(self, what: str, who: str) -> str:
        return hmac.digest(self.key, f"{what}\0{who}".encode(), "sha256").hex()
