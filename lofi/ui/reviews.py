"""A reader's judgements in the reading room: kept by lofi.study, brought back when the same film is opened again."""

from threading import Lock
from typing import Any

from lofi.answers import Answer
from lofi.errors import BadQuery
from lofi.gallery.text import clean
from lofi.study import Decision, ReviewStore, Verdict, review_file
from lofi.study.verdict import MAX_COMMENT
from lofi.ui.asked import Asked
from lofi.ui.caller import caller
from lofi.ui.holdings import Holdings

_FIELDS = ("kind", "phrase", "number", "hit", "model_box", "box", "score", "comment")


class Reviews:
    """The questions about reviews. Where none can be kept, each of them says why."""

    def __init__(self, holdings: Holdings) -> None:
        self.holdings = holdings
        self._store: ReviewStore | None = None
        self._writing = Lock()

    @property
    def store(self) -> ReviewStore:
        """Where reviews are kept. Raises LofiError where they are not."""
        if self._store is None:
            self._store = ReviewStore(review_file(self.holdings.settings.reviews))
        return self._store

    def keep_verdict(self, asked: Asked) -> Answer:
        """Store one verdict of a reader on a film, its box, phrase, hit, comment or case."""
        given: dict[str, Any] = {name: asked.values[name] for name in _FIELDS if asked.values.get(name) is not None}
        verdict = Verdict(
            film=asked.film(),
            reader=asked.text("reader"),
            fingerprint=self.holdings.engine.model.fingerprint,
            decision=_decision(asked.text("decision")),
            user=caller().user,
            **given,
        )
        with self._writing:
            if verdict.kind == "comment":
                self._unseen(verdict, asked)
            return {"said": self.store.record(verdict)[0].to_json()}

    def _unseen(self, verdict: Verdict, asked: Asked) -> None:
        """Raise BadQuery where a comment is stored that who writes this one has not ``seen``: it would be lost."""
        kept = self.store.of(verdict.film, verdict.reader, fingerprint=verdict.fingerprint, user=verdict.user)
        stored = next((one.comment for one in kept.values() if one.decision is Decision.COMMENTED), "")
        if stored not in ("", verdict.comment) and clean(asked.text("seen"), MAX_COMMENT) != stored:
            raise BadQuery("Another comment is stored for this film: it is shown above, join the two and save again.")

    def kept_verdicts(self, asked: Asked) -> Answer:
        """What counts of a reader's verdicts on a film, about this model's answers.

        ``known``: something was stored, be it that all of it was withdrawn: what a browser kept is older then.
        """
        verdicts = [verdict.to_json() for verdict in self.verdicts(asked)]
        return {"verdicts": verdicts, "known": bool(verdicts) or self._knew(asked)}

    def _knew(self, asked: Asked) -> bool:
        """Whether the reader ever said anything of a film about this model's answers."""
        model, reader = self.holdings.engine.model.fingerprint, asked.text("reader")
        return bool(reader) and self.store.knows(asked.film(), reader, fingerprint=model, user=caller().user)

    def verdicts(self, asked: Asked) -> tuple[Verdict, ...]:
        """The verdicts themselves, for ``kept_verdicts`` and for exports; none without initials."""
        reader = asked.text("reader")
        if not reader:
            return ()
        model = self.holdings.engine.model.fingerprint
        kept = self.store.of(asked.film(), reader, fingerprint=model, user=caller().user)
        return tuple(kept.values())


def _decision(word: str) -> Decision:
    try:
        return Decision(word)
    except ValueError:
        raise BadQuery("A review says accepted, rejected, moved, added, absent, relevant or the like.") from None
