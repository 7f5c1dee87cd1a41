"""A small random vision-language model, built from a config, saved, opened by name and asked."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from lofi.errors import BadQuery, CheckpointError
from lofi.film.radiograph import Radiograph
from lofi.grounding import ShotFinder, ground
from lofi.grounding.formats import CONVENTIONS
from lofi.grounding.vlm import VisionLanguage, grounding_of, shown
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
def test_it_answers_with_shots_in_its_talk(answerer: VisionLanguage, finder: ShotFinder, film: Radiograph) -> None:
    shots = finder.shots(film, "mass", 2)
    answer = ground(answerer, film, "mass", shots)
    assert answer.phrase == "mass"
    assert 0 <= answer.confidence <= 1
    assert [item.study_id for item in answer.evidence] == [shot.study_id for shot in shots]
    assert answerer.name == "small-vlm"


def test_each_shot_is_a_question_with_its_answer(
    answerer: VisionLanguage, finder: ShotFinder, film: Radiograph
) -> None:
    shots = finder.shots(film, "mass", 2)
    turns = answerer.talk(shown(film), "mass", shots)
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user", "assistant", "user"]
    assert turns[1]["content"][0]["text"].startswith('[{"bbox_2d": [')
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


def test_the_picture_keeps_its_shape() -> None:
    picture = shown(Radiograph.from_pixels(np.linspace(0, 1, 6000, dtype=np.float32).reshape(60, 100)))
    assert picture.size == (896, 532)
    assert picture.mode == "RGB"


def test_no_boxes_means_not_found() -> None:
    answer = grounding_of("[]", "mass", 0.9, CONVENTIONS["xy1000"], (896, 896))
    assert not answer.found
    assert answer.confidence == pytest.approx(0.1)
    answer = grounding_of("[[100, 100, 200, 200]]", "mass", 0.9, CONVENTIONS["xy1000"], (896, 896))
    assert (answer.found, answer.confidence, answer.scores) == (True, 0.9, (0.9,))
