"""A vision-language model of transformers as the answerer: chat template, pictures, its own box convention.

Chosen by LOFI_GROUNDER, never loaded otherwise. Examples stand before the question as turns of the same talk.
"""

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import torch
from PIL import Image

from lofi.errors import BadQuery, CheckpointError, FilmGone, LofiError
from lofi.film.radiograph import Radiograph, ReadFilm
from lofi.film.stretch import stretch
from lofi.gallery import NO_FILM, Gallery
from lofi.grounding.formats import CONVENTIONS, FAMILIES, Convention, read_boxes, write_boxes
from lofi.grounding.shots import Shot
from lofi.network.checkpoint import pick_device, pinned
from lofi.network.encoder import EncodedFilm
from lofi.report.query import checked_phrase
from lofi.results import Grounding
from lofi.space import with_lent_gpu

SIDE, GRAIN = 896, 28
"""Pictures are shown at up to so many pixels, both sides a multiple of ``GRAIN``: Qwen's processors then leave them as
they are, and boxes in pixels mean these pixels.
"""
MOST_SHOTS = 8
NEW_TOKENS = 256
_ASKED = {
    "xy1000": 'Answer with JSON only: [{"bbox_2d": [x0, y0, x1, y1], "label": "..."}], coordinates 0-1000.',
    "pixels": 'Answer with JSON only: [{"bbox_2d": [x0, y0, x1, y1], "label": "..."}], coordinates in pixels.',
    "yx1000": 'Answer with JSON only: [{"box_2d": [y0, x0, y1, x1], "label": "..."}], coordinates 0-1000.',
    "loc": "Answer with location tokens.",
    "maira": "Answer with box tokens.",
    "unit": "Answer with a list of boxes [[x0, y0, x1, y1]], coordinates 0-1.",
}

ReadStudy = Callable[[str], Radiograph]
"""Study id → its film. Raises LofiError where there is none."""


class VisionLanguage:
    """An Answerer. ``read`` gives the films of shots; a shot whose film cannot be read is left out of the talk."""

    most = MOST_SHOTS

    def __init__(self, name: str, model: Any, processor: Any, convention: Convention, read: ReadStudy) -> None:
        self.name, self.model, self.processor = name, model, processor
        self.convention, self.read = convention, read
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
        settings: dict[str, Any] = {"quantization_config": _quantised(bits)} if bits else {"dtype": "auto"}
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
        words, picture = checked_phrase(phrase), shown(film)
        return [self._answer(picture, words, shots) for shots in sets]

    def _answer(self, picture: Image.Image, words: str, shots: Sequence[Shot]) -> Grounding:
        text, certainty = self._said(self.talk(picture, words, shots))
        return grounding_of(text, words, certainty, self.convention, picture.size)

    @torch.inference_mode()
    def _say(self, talk: list[dict[str, Any]]) -> tuple[str, float]:
        """What the model says next, and how certain it is of it."""
        inputs = self.processor.apply_chat_template(
            talk,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        ).to(self.model.device)
        out = self.model.generate(
            **inputs, max_new_tokens=NEW_TOKENS, do_sample=False, return_dict_in_generate=True, output_scores=True
        )
        ids = out.sequences[0, inputs["input_ids"].shape[1] :]
        text = self.processor.tokenizer.decode(ids, skip_special_tokens=False)
        return text, _certainty(out.scores, ids)

    def talk(self, picture: Image.Image, words: str, shots: Sequence[Shot]) -> list[dict[str, Any]]:
        """The chat: each shot a question with its film and its right answer, then the film that is asked about."""
        turns: list[dict[str, Any]] = []
        for shot in shots:
            try:
                example = shown(self.read(shot.study_id))
            except (LofiError, OSError):
                continue
            answer = write_boxes(shot.boxes, shot.phrase, self.convention, example.size)
            turns.append(self._question(example, shot.phrase))
            turns.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
        return [*turns, self._question(picture, words)]

    def _question(self, picture: Image.Image, words: str) -> dict[str, Any]:
        said = " ".join(words.replace('"', " ").replace("<", " ").replace(">", " ").split())
        text = f'Find every "{said}" on this chest X-ray. {_ASKED[self.convention.name]} If it is absent, answer [].'
        return {"role": "user", "content": [{"type": "image", "image": picture}, {"type": "text", "text": text}]}


def open_answerer(
    name: str, device: str | None, gallery: Gallery | None, read_film: ReadFilm = Radiograph.read
) -> VisionLanguage:
    """The model that LOFI_GROUNDER names, reading its examples' films from the gallery. Raises CheckpointError."""

    def read(study_id: str) -> Radiograph:
        row = None if gallery is None else gallery.row_of(study_id)
        path = None if gallery is None or row is None else gallery.image_path(gallery.studies[row])
        if path is None:
            raise BadQuery(NO_FILM)
        return read_film(path)

    return VisionLanguage.open(name, read, device)


def grounding_of(
    text: str, words: str, certainty: float, convention: Convention, size_wh: tuple[int, int]
) -> Grounding:
    """An answer in words as a Grounding. Such models give no probability: that of their words stands in for it."""
    parsed = read_boxes(text, convention, size_wh)
    found = bool(parsed.boxes)
    confidence = certainty if found else 1 - certainty
    return Grounding(words, found, confidence, parsed.boxes, (certainty,) * len(parsed.boxes))


def shown(film: Radiograph) -> Image.Image:
    """The film as an RGB picture, its sides multiples of ``GRAIN`` and at most ``SIDE``."""
    height, width = film.size_hw
    scale = SIDE / max(height, width)
    size = tuple(max(GRAIN, round(edge * scale / GRAIN) * GRAIN) for edge in (width, height))
    small = cv2.resize(film.pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    grey = np.round(stretch(np.asarray(small, dtype=np.float32), 0.5, 99.5) * 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


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

    return cast(Any, BitsAndBytesConfig)(load_in_8bit=bits == "8bit", load_in_4bit=bits == "4bit")
