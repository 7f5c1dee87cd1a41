"""A vision-language model of transformers as the answerer: chat template, pictures, its own box convention.

Chosen by LOFI_GROUNDER, never loaded otherwise. Examples stand before the question as turns of the same talk.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from lofi.errors import BadQuery, CheckpointError, FilmGone, LofiError
from lofi.film.radiograph import Radiograph, ReadFilm
from lofi.gallery import NO_FILM, Searchable
from lofi.grounding.asking import Picture, question, shown
from lofi.grounding.formats import CONVENTIONS, FAMILIES, Convention, read_boxes, write_boxes
from lofi.grounding.shots import Shot
from lofi.network.checkpoint import pick_device, pinned
from lofi.network.encoder import EncodedFilm
from lofi.report.query import checked_phrase
from lofi.results import Grounding
from lofi.space import with_lent_gpu

MOST_SHOTS = 8
NEW_TOKENS = 1000
"""Room for an answer that reasons first; one that fills it was cut off."""
UNREADABLE = "{name} answered in a way that cannot be read: this says nothing about the film."
CUT_OFF = "{name} did not come to an end: this says nothing about the film."

ReadStudy = Callable[[str], Radiograph]
"""Study id → its film. Raises LofiError where there is none."""


@dataclass(frozen=True)
class Said:
    """``text`` that a model wrote, how certain it was of its words (0 … 1), and whether it came to an end."""

    text: str
    certainty: float
    whole: bool = True


class VisionLanguage:
    """An Answerer. ``read`` gives the films of shots; a shot whose film cannot be read is left out of the talk."""

    def __init__(self, name: str, model: Any, processor: Any, convention: Convention, read: ReadStudy) -> None:
        self.name, self.model, self.processor = name, model, processor
        self.convention, self.read = convention, read
        self.talks = bool(getattr(processor, "chat_template", None))
        self.most = MOST_SHOTS if self.talks else 0
        self._said = with_lent_gpu(self._say)

    @classmethod
    def open(cls, name: str, read: ReadStudy, device: str | None = None) -> "VisionLanguage":
        """The model in a folder or of a hub id; ``@8bit`` or ``@4bit`` at the end loads it so (bitsandbytes).

        ``owner/name@REVISION`` (and ``owner/name@REVISION@8bit``) takes that commit, branch or tag of the hub.

        Raises CheckpointError, in words, where it cannot be had.
        """
        from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

        place, revision, bits = parts_of(name)
        target = pick_device(device)
        settings: dict[str, Any] = {"dtype": torch.bfloat16 if bits else "auto"}
        if bits:
            settings["quantization_config"] = _quantised(bits)
        # Weights as safetensors only: a pickle would run whatever its maker wrote. Nor is code of the hub's run.
        settings["use_safetensors"] = True
        pin: dict[str, Any] = {"revision": revision} if revision else {}
        try:
            config = cast(Any, AutoConfig).from_pretrained(place, **pin)
            processor = cast(Any, AutoProcessor).from_pretrained(place, **pin)
            model = cast(Any, AutoModelForImageTextToText).from_pretrained(place, **settings, **pin)
        except (OSError, ValueError, ImportError, KeyError) as error:
            raise CheckpointError(
                "LOFI_GROUNDER names no vision-language model that transformers can load: a folder or a hub id, with "
                "its processor, is expected (and bitsandbytes for @8bit and @4bit)."
            ) from error
        if not bits:
            model = model.to(target)
        family = FAMILIES.get(str(config.model_type), "xy1000")
        if not getattr(processor, "chat_template", None) and family != "loc":
            raise CheckpointError(
                "The model of LOFI_GROUNDER has no chat template, so that nobody can ask it: take one that is tuned to "
                "instructions, or PaliGemma, which is asked in its own way."
            )
        return cls(place.rstrip("/").rsplit("/", 1)[-1], model.eval(), processor, CONVENTIONS[family], read)

    def hears(self, shot: Shot) -> bool:
        """It hears every shot: its own eyes may be better than those of the model that found it."""
        return True

    def answer_each(
        self, film: Radiograph | EncodedFilm, phrase: str, sets: Sequence[Sequence[Shot]]
    ) -> list[Grounding]:
        """One answer a set, one after the other. Raises FilmGone where only an encoded film is at hand."""
        if not isinstance(film, Radiograph):
            raise FilmGone
        words, picture = checked_phrase(phrase), self.shown(film)
        return [self._answer(picture, words, shots) for shots in sets]

    def shown(self, film: Radiograph) -> Picture:
        """The film as this family is shown it: MedGemma's makers pad it to a square."""
        return shown(film, square=self.convention.name == "yx1000")

    def _answer(self, picture: Picture, words: str, shots: Sequence[Shot]) -> Grounding:
        try:
            said = self._said(self.talk(picture, words, shots))
        except LofiError:
            raise
        except (RuntimeError, ValueError, TypeError, IndexError, KeyError, MemoryError) as error:
            full = isinstance(error, torch.OutOfMemoryError | MemoryError)
            raise LofiError(
                f"{self.name} could not answer{' for want of memory' if full else ''}: ask with fewer examples "
                "(LOFI_SHOTS), or take another model for LOFI_GROUNDER."
            ) from error
        return grounding_of(said, words, self.convention, picture, self.name)

    @torch.inference_mode()
    def _say(self, talk: list[dict[str, Any]]) -> Said:
        """What the model says next."""
        inputs = self._inputs(talk).to(self.model.device)
        out = self.model.generate(
            **inputs, max_new_tokens=NEW_TOKENS, do_sample=False, return_dict_in_generate=True, output_scores=True
        )
        ids = out.sequences[0, inputs["input_ids"].shape[1] :]
        text = self.processor.tokenizer.decode(ids, skip_special_tokens=False)
        return Said(text, _certainty(out.scores, ids), whole=len(ids) < NEW_TOKENS)

    def _inputs(self, talk: list[dict[str, Any]]) -> Any:
        if self.talks:
            return self.processor.apply_chat_template(
                talk, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
            )
        picture, text = (part for part in talk[-1]["content"])
        words = f"{getattr(self.processor, 'image_token', '<image>')}{text['text']}"
        return self.processor(images=picture["image"], text=words, return_tensors="pt")

    def talk(self, picture: Picture, words: str, shots: Sequence[Shot]) -> list[dict[str, Any]]:
        """The chat: each shot a question with its film and its right answer, then the film that is asked about."""
        turns: list[dict[str, Any]] = []
        for shot in shots:
            try:
                example = self.shown(self.read(shot.study_id))
            except (LofiError, OSError):
                continue
            boxes = example.to_picture(shot.boxes)
            answer = write_boxes(boxes, shot.phrase, self.convention, example.image.size)
            if self.convention.name == "yx1000":
                answer = f"Final Answer: {answer}"
            turns.append(self._question(example, shot.phrase))
            turns.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
        return [*turns, self._question(picture, words)]

    def _question(self, picture: Picture, words: str) -> dict[str, Any]:
        text = question(words, self.convention)
        return {"role": "user", "content": [{"type": "image", "image": picture.image}, {"type": "text", "text": text}]}


def open_answerer(
    name: str, device: str | None, gallery: Searchable | None, read_film: ReadFilm = Radiograph.read
) -> VisionLanguage:
    """The model that LOFI_GROUNDER names, reading its examples' films from the gallery. Raises CheckpointError."""

    def read(study_id: str) -> Radiograph:
        row = None if gallery is None else gallery.row_of(study_id)
        path = None if gallery is None or row is None else gallery.image_path(gallery.studies_at([row])[0])
        if path is None:
            raise BadQuery(NO_FILM)
        return read_film(path)

    return VisionLanguage.open(name, read, device)


def grounding_of(said: Said, words: str, convention: Convention, picture: Picture, name: str) -> Grounding:
    """An answer in words as a Grounding. Such models give no probability: that of their words stands in for it.

    What was cut off, or cannot be read, is no answer: it says neither that the phrase is there nor that it is not.
    """
    parsed = read_boxes(said.text, convention, picture.image.size)
    boxes = picture.to_film(parsed.boxes)
    if not said.whole or not (boxes or parsed.none):
        note = (UNREADABLE if said.whole else CUT_OFF).format(name=name)
        return Grounding(words, False, 0.0, state="no answer", note=note)
    found = bool(boxes)
    confidence = said.certainty if found else 1 - said.certainty
    return Grounding(words, found, confidence, boxes, (said.certainty,) * len(boxes))


def parts_of(name: str) -> tuple[str, str | None, str]:
    """The folder or hub id of a setting, its revision where one is named, and "8bit", "4bit" or "".

    Raises CheckpointError.
    """
    place, _, bits = name.rpartition("@")
    if bits not in ("8bit", "4bit"):
        place, bits = name, ""
    told = "LOFI_GROUNDER takes @REVISION (of a hub id, not of a folder), @8bit or @4bit behind the model's name."
    try:
        place, revision = pinned(place)
    except CheckpointError:
        raise CheckpointError(told) from None
    if revision is not None and (re.fullmatch(r"\d+bit", revision) or Path(place).exists()):
        raise CheckpointError(told)
    return place, revision, bits


def _certainty(scores: Sequence[torch.Tensor], ids: torch.Tensor) -> float:
    """Geometric mean of the chances of the tokens that were said, 0 … 1."""
    if not len(scores):
        return 0.0
    logs = [float(torch.log_softmax(row[0].float(), 0)[token]) for row, token in zip(scores, ids, strict=False)]
    return math.exp(max(-50.0, sum(logs) / len(logs)))


def _quantised(bits: str) -> Any:
    from transformers import BitsAndBytesConfig

    if bits == "8bit":
        return cast(Any, BitsAndBytesConfig)(load_in_8bit=True)
    return cast(Any, BitsAndBytesConfig)(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
    )
