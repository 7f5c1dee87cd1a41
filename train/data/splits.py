"""Splits by patient: by hash where a set has none of its own, and validation cut from an official train part."""

import hashlib

from train.data.records import SPLITS

VAL_SHARE = 0.1
TEST_SHARE = 0.1
_OFFICIAL = {"train": "train", "training": "train", "val": "val", "valid": "val", "validate": "val", "dev": "val"}
_OFFICIAL |= {"validation": "val", "test": "test", "testing": "test"}


def fraction(patient: str) -> float:
    """A number in [0, 1) that depends on the patient alone: the same in every run, set and version."""
    return int.from_bytes(hashlib.sha256(patient.encode("utf-8", "surrogatepass")).digest()[:8], "big") / 2**64


def hashed(patient: str, val: float = VAL_SHARE, test: float = TEST_SHARE) -> str:
    """The split of a patient by hash: shares ``test`` and ``val`` of the patients, the rest for training."""
    at = fraction(patient)
    return "test" if at < test else "val" if at < test + val else "train"


def official(name: str) -> str:
    """train, val or test for the ways sets write them; "" for anything else."""
    found = _OFFICIAL.get(name.strip().casefold(), "")
    return found if found in SPLITS else ""


def carved(part: str, patient: str, val: float = VAL_SHARE) -> str:
    """The split where a set has only train and test: the share ``val`` of the train patients is validation, by hash."""
    return "test" if part == "test" else hashed(patient, val, 0.0)
