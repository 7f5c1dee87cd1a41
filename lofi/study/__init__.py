"""What readers say of boxes and hits comes in; kept verdicts, reader studies and their agreement go out. No torch."""

from lofi.study.place import review_file
from lofi.study.store import ReviewStore
from lofi.study.verdict import Decision, Verdict

__all__ = ["Decision", "ReviewStore", "Verdict", "review_file"]
