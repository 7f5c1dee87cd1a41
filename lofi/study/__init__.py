"""What readers say of the model's boxes and hits: kept, read as a study, exported, compared. Free of torch."""

from lofi.study.place import review_file
from lofi.study.store import ReviewStore
from lofi.study.verdict import Decision, Verdict

__all__ = ["Decision", "ReviewStore", "Verdict", "review_file"]
