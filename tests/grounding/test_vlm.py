"""A small random vision-language model, built from a config, saved, opened by name and asked."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from lofi.errors import BadQuery, CheckpointError, LofiError
from lofi.film.radiograph import Radiograph
from lofi.grounding import ShotFinder, ground
from lofi.grounding.asking import Picture, shown
from lofi.grounding.formats import CONVENTIONS, FAMILIES
from lofi.grounding.standing import answered
from lofi.grounding.vlm import NEW_TOKENS, Said, VisionLanguage, _quantised, grounding_of
from lofi.network.model import LofiModel
from tests.doubles import noise_film

TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LLaVA of two layers, its processor and its chat template in one folder."""
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    folder = tmp_path_factory.mktemp("vlm") / "small-vlm"
    signs = ["<pad>", "<s>", "</s>", "<image>", "<unk>", *map(chr, range(32, 127)), "\n", "▁"]
    backend = Tokenizer(models.WordLevel({sign: number for number, sign in enumerate(signs)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    words = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    words.add_special_tokens({"additional_special_tokens": ["<image>"]})
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**size, image_size=28, patch_size=14, projection_dim=32),
        text_config=LlamaConfig(**size, num_key_value_heads=2, vocab_size=len(words), max_position_embeddings=4096),
        image_token_index=words.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
    )
    torch.manual_seed(0)
    pictures = CLIPImageProcessorPil(size={"height": 28, "width": 28}, do_center_crop=False)
    processor = LlavaProcessor(
        pictures,
        words,
        patch_size=14,
        vision_feature_select_strategy="default",
        chat_template=TEMPLATE,
        num_additional_image_tokens=1,
    )
    processor.save_pretrained(folder)
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def answerer(saved: Path) -> VisionLanguage:
    made = VisionLanguage.open(str(saved), lambda study_id: noise_film(int(study_id[1:])), "cpu")
    made.model.generation_config.eos_token_id = None
    return made


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lofi.grounding.vlm.NEW_TOKENS", 6)


@pytest.mark.usefixtures("brief")
def test_it_is_asked_with_shots_and_what_is_cut_off_is_no_answer(
    answerer: VisionLanguage, finder: ShotFinder, film: Radiograph
) -> None:
    shots = finder.shots(film, "mass", 2)
    answer = ground(answerer, film, "mass", shots)  # random words, and no end to them
    assert (answer.phrase, answer.found, answer.confidence, answer.boxes) == ("mass", False, 0.0, ())
    assert answer.standing == "no answer"
    assert answer.note == "small-vlm did not come to an end: this says nothing about the film."
    assert [item.study_id for item in answer.evidence] == [shot.study_id for shot in shots]
    assert NEW_TOKENS == 1000


def test_an_error_in_mid_answer_is_one_sentence(answerer: VisionLanguage, film: Radiograph) -> None:
    def broken(**_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answerer.model, "generate", broken)
        with pytest.raises(LofiError, match="could not answer for want of memory") as told:
            answerer.answer_each(film, "mass", [[]])
    assert "MiB" not in str(told.value)


def test_each_shot_is_a_question_with_its_answer(
    answerer: VisionLanguage, finder: ShotFinder, film: Radiograph
) -> None:
    shots = finder.shots(film, "mass", 2)
    turns = answerer.talk(shown(film), "mass", shots)
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user", "assistant", "user"]
    assert turns[1]["content"][0]["text"].startswith('[{"bbox_2d": [')
    made = VisionLanguage("medgemma", answerer.model, answerer.processor, CONVENTIONS["yx1000"], answerer.read)
    own = made.talk(made.shown(film), "mass", shots)
    assert own[1]["content"][0]["text"].startswith('Final Answer: [{"box_2d": [')
    assert "patient's left side" in own[-1]["content"][1]["text"]
    assert sum(part["type"] == "image" for turn in turns for part in turn["content"]) == 3


def test_a_shot_without_a_film_is_left_out(answerer: VisionLanguage, finder: ShotFinder, film: Radiograph) -> None:
    def gone(study_id: str) -> Radiograph:
        raise BadQuery("not here")

    blind = VisionLanguage("blind", answerer.model, answerer.processor, CONVENTIONS["loc"], gone)
    assert len(blind.talk(shown(film), "mass", finder.shots(film, "mass", 2))) == 1


def test_it_needs_the_film_itself(answerer: VisionLanguage, model: LofiModel, film: Radiograph) -> None:
    with pytest.raises(BadQuery, match="open it again"):
        answerer.answer_each(model.encode(film), "mass", [[]])


@pytest.mark.parametrize("name", ["@3bit", ""], ids=["unknown bits", "no model there"])
def test_what_cannot_be_loaded_is_said(saved: Path, tmp_path: Path, name: str) -> None:
    place = f"{saved}{name}" if name else str(tmp_path)
    with pytest.raises(CheckpointError, match="LOFI_GROUNDER"):
        VisionLanguage.open(place, lambda study_id: noise_film(0), "cpu")


WIDE = Radiograph.from_pixels(np.linspace(0, 1, 6000, dtype=np.float32).reshape(60, 100))


def test_the_picture_keeps_its_shape() -> None:
    picture = shown(WIDE).image
    assert picture.size == (896, 532)
    assert picture.mode == "RGB"


def test_medgemma_sees_a_square_and_its_boxes_come_back_to_the_film() -> None:
    picture = shown(WIDE, square=True)
    pixels = np.asarray(picture.image.convert("L"))
    assert picture.image.size == (896, 896)
    assert pixels[:170].max() == pixels[-170:].max() == 0  # (896 − 538) / 2 rows above and below
    assert pixels[200:-200].max() > 240
    whole, padding = (0.0, 179 / 896, 1.0, 717 / 896), (0.0, 0.0, 1.0, 0.1)
    assert picture.to_film((whole,))[0] == pytest.approx((0, 0, 1, 1), abs=1e-3)
    assert picture.to_film((padding,)) == ()
    assert picture.to_film(picture.to_picture(((0.1, 0.2, 0.3, 0.4),)))[0] == pytest.approx((0.1, 0.2, 0.3, 0.4))


def told(text: str, whole: bool = True, picture: Picture | None = None):  # type: ignore[no-untyped-def]
    return grounding_of(Said(text, 0.9, whole), "mass", CONVENTIONS["xy1000"], picture or shown(WIDE), "some-vlm")


def test_no_boxes_means_not_found() -> None:
    answer = told("[]")
    assert not answer.found
    assert answer.confidence == pytest.approx(0.1)
    assert answer.standing == "not found"
    answer = told("[[100, 100, 200, 200]]")
    assert (answer.found, answer.confidence, answer.scores) == (True, 0.9, (0.9,))


@pytest.mark.parametrize(
    ("text", "whole"),
    [("I cannot help with that.", True), ('[{"bbox_2d": [9, 9, 1, 1]}]', True), ("[[100, 100, 200, 200], [3", False)],
    ids=["a refusal", "a box that is none", "cut off after a box"],
)
def test_what_cannot_be_read_is_no_answer_and_never_not_found(text: str, whole: bool) -> None:
    answer = told(text, whole)
    assert (answer.standing, answer.confidence, answer.boxes) == ("no answer", 0.0, ())
    assert "says nothing about the film" in answer.note
    stands = answered("mass", None, "some-vlm", lambda _: answer, 0.0, 0.0)
    assert (stands.standing, stands.to_json()["state"], stands.note) == ("no answer", "no answer", answer.note)


def test_a_model_without_a_chat_is_asked_as_paligemma_or_refused(saved: Path, film: Radiograph, tmp_path: Path) -> None:
    mute = shutil.copytree(saved, tmp_path / "mute")
    for name in ("chat_template.jinja", "chat_template.json"):
        (mute / name).unlink(missing_ok=True)
    with pytest.raises(CheckpointError, match="no chat template"):
        VisionLanguage.open(str(mute), lambda study_id: noise_film(0), "cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FAMILIES, "llava", "loc")
        patch.setattr("lofi.grounding.vlm.NEW_TOKENS", 6)
        asked = VisionLanguage.open(str(mute), lambda study_id: noise_film(0), "cpu")
        assert asked.most == 0
        inputs = asked._inputs(asked.talk(asked.shown(film), "left mass", []))
        assert asked.processor.tokenizer.decode(inputs["input_ids"][0]).replace(" ", "").endswith("detectleftmass")
        assert asked.answer_each(film, "left mass", [[]])[0].phrase == "left mass"


def test_four_bits_are_nf4_in_bfloat16() -> None:
    settings = _quantised("4bit")
    assert (settings.bnb_4bit_quant_type, settings.bnb_4bit_compute_dtype) == ("nf4", torch.bfloat16)
    assert _quantised("8bit").load_in_8bit
