"""Who grounds a phrase: the plain model, the model with examples from the gallery, or a vision-language model."""

from collections.abc import Sequence
from dataclasses import dataclass

from lofi.film.radiograph import Radiograph
from lofi.gallery import RegionIndex, Where
from lofi.grounding.answerer import Answerer, ground
from lofi.grounding.incontext import InContext
from lofi.grounding.shots import Shot, ShotFinder
from lofi.network.encoder import EncodedFilm
from lofi.network.model import LofiModel
from lofi.results import Grounding, Study


@dataclass(frozen=True)
class Grounder:
    """Grounds with ``count`` shots where there is a ``finder`` of them and an ``answerer`` that takes them.

    Without either, ``model`` answers alone as it always did.
    """

    model: LofiModel
    finder: ShotFinder | None = None
    answerer: Answerer | None = None
    count: int = 0

    @classmethod
    def of(
        cls, model: LofiModel, regions: RegionIndex | None, count: int, answerer: Answerer | None = None
    ) -> "Grounder":
        """The grounder for a model and the boxes of its gallery; LoFi itself answers unless an ``answerer`` is given,
        with shots only if it was trained with shots: a model that was not is led astray by them.
        """
        able = model.config.shots > 0 and model.grammar.kind == "tokens"
        answerer = answerer or (InContext(model) if able else None)
        wanted = min(count, answerer.most) if answerer is not None else 0
        finder = ShotFinder(model, regions) if regions is not None and wanted else None
        return cls(model, finder, answerer, wanted)

    @property
    def reads_pixels(self) -> bool:
        """Whether the answerer wants the film itself, not what the image tower made of it."""
        return self.answerer is not None and not isinstance(self.answerer, InContext)

    def shots(self, film: EncodedFilm, phrase: str, own: Sequence[Study] = (), by: str = "fused") -> tuple[Shot, ...]:
        """The examples for a phrase; none of ``own`` (gallery studies that the film is from) nor of their patients."""
        if self.finder is None:
            return ()
        hidden = {study.study_id for study in own}
        return self.finder.shots(film, phrase, self.count, by, Where().without(own), not_studies=hidden)

    def ground(
        self,
        film: EncodedFilm,
        phrase: str,
        own: Sequence[Study] = (),
        pixels: Radiograph | None = None,
        examples: bool = True,
    ) -> Grounding:
        """The phrase's boxes, with evidence where shots were in context: never without ``examples``.

        Raises BadQuery for a phrase that is none.
        """
        with_shots = examples and self.finder is not None
        if self.answerer is None or not (with_shots or self.reads_pixels):
            return self.model.locate(film, phrase)
        asked = pixels if self.reads_pixels and pixels is not None else film
        return ground(self.answerer, asked, phrase, self.shots(film, phrase, own) if with_shots else ())
