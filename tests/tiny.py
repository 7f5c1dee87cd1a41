"""A complete LofiModel with random weights, small enough to build in a test."""

import json

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from lofi.network.config import ConnectorConfig, LanguageConfig, ModelConfig, Preprocessing, TextConfig, VisionConfig
from lofi.network.model import LofiModel
from lofi.network.network import LofiNetwork
from lofi.network.text import Tokens, location_tokens

BINS = 32
WORDS = """
detect all instances of " describe the regions : write report . left right pleural effusion mass no lung opacity is
clear lungs are , [ ] 0 1 2 3 4 5 6 7 8 9
""".split()  # noqa: SIM905 (a list of forty strings is no clearer)


def tokenizer(leading: list[str]) -> Tokenizer:
    """A WordPiece tokenizer over a handful of words and all letters."""
    letters = [chr(code) for code in range(97, 123)]
    names = [*leading, "[UNK]", "[CLS]", "[SEP]", *WORDS, *letters, *(f"##{letter}" for letter in letters)]
    names += [f"##{digit}" for digit in range(10)]
    made = Tokenizer(models.WordPiece(vocab={name: index for index, name in enumerate(names)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.add_special_tokens(leading)
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", names.index("[CLS]")), ("[SEP]", names.index("[SEP]"))]
    )
    return made


def tokenizers() -> tuple[Tokens, Tokens]:
    """Of the text tower and of the language model."""
    return Tokens(tokenizer(["[PAD]"])), Tokens(tokenizer(location_tokens(BINS)))


def config(locations: str = "tokens", kind: str = "llama", local: bool = False) -> ModelConfig:
    """A tiny model: a real EfficientNet-lite0 at 64 px, two-layer transformers 32 wide."""
    text, language = tokenizers()
    bert = {
        "model_type": "bert",
        "vocab_size": len(text),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 32,
        "pad_token_id": 0,
    }
    causal = {
        "model_type": kind,
        "vocab_size": len(language),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "max_position_embeddings": 256,
        "tie_word_embeddings": True,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    return ModelConfig(
        name="tiny",
        embed_dim=16,
        preprocessing=Preprocessing(side=64),
        vision=VisionConfig(
            open_clip={"timm_model_name": "tf_efficientnet_lite0", "timm_pool": "avg", "timm_proj": "linear"},
            width=32,
        ),
        text=TextConfig(
            open_clip={"hf_pooler_type": "mean_pooler", "hf_proj_type": "linear", "hf_config": bert}, context=16
        ),
        connector=ConnectorConfig(queries=9, heads=2, layers=1),
        language=LanguageConfig(transformers=causal, locations=locations, bins=BINS, max_boxes=3, max_answer=12),
        local=local,
    )


def network(locations: str = "tokens", kind: str = "llama", local: bool = False) -> LofiNetwork:
    """The tiny network, the same weights every time."""
    torch.manual_seed(0)
    return LofiNetwork(config(locations, kind, local)).eval()


def model(locations: str = "tokens", kind: str = "llama", local: bool = False) -> LofiModel:
    """The tiny model on the CPU."""
    text, language = tokenizers()
    return LofiModel(network(locations, kind, local), text, language, "tiny", torch.device("cpu"), threshold=0.0)


def tokenizer_files() -> dict[str, str]:
    """The two tokenizers as a checkpoint stores them."""
    text, language = tokenizers()
    names = ("text_tokenizer.json", "language_tokenizer.json")
    return {
        name: json.dumps(json.loads(made.backend.to_str())) for name, made in zip(names, (text, language), strict=True)
    }
