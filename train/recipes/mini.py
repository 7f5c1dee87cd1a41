"""``lofi-mini``, the bundled model: EfficientNet-lite0, MiniLM and a language model from scratch, on two cores."""

from dataclasses import replace

from lofi.network.config import ConnectorConfig, LanguageConfig, ModelConfig, Preprocessing, TextConfig, VisionConfig
from train.pretraining.recipe import Recipe

MODEL = ModelConfig(
    name="lofi-mini",
    embed_dim=256,
    preprocessing=Preprocessing(side=320),
    vision=VisionConfig(
        open_clip={"timm_model_name": "tf_efficientnet_lite0", "timm_pool": "avg", "timm_proj": "linear"},
        levels=(3, 4),
        width=256,
    ),
    text=TextConfig(
        open_clip={
            "hf_pooler_type": "mean_pooler",
            "hf_proj_type": "linear",
            # all-MiniLM-L6-v2; the vocabulary's size is filled in when it has been pruned
            "hf_config": {
                "model_type": "bert",
                "hidden_size": 384,
                "num_hidden_layers": 6,
                "num_attention_heads": 12,
                "intermediate_size": 1536,
                "max_position_embeddings": 64,
                "pad_token_id": 0,
                "hidden_dropout_prob": 0.0,
                "attention_probs_dropout_prob": 0.0,
            },
        },
        context=48,
    ),
    connector=ConnectorConfig(queries=100, heads=8, layers=2, kind="grid"),
    local=True,
    language=LanguageConfig(
        transformers={
            "model_type": "llama",
            "hidden_size": 256,
            "intermediate_size": 768,
            "num_hidden_layers": 6,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "max_position_embeddings": 512,
            "tie_word_embeddings": True,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "pad_token_id": 0,
        },
        locations="tokens",
        bins=128,
    ),
)

RECIPE = Recipe(
    name="mini",
    model=MODEL,
    batch=16,
    steps=1450,
    early_share=0.92,
    warmup=150,
    heat_weight=2.0,
    shares={
        "finding_boxes": 0.46,
        "nih": 0.20,
        "adult_lungs": 0.12,
        "lung_boxes": 0.08,
        "normal": 0.08,
        "other": 0.06,
        "simulated": 0.08,
    },
)


def small(recipe: Recipe) -> Recipe:
    """A few steps of a recipe on real films. In float32: a processor without bfloat16 is ten times slower in it."""
    return replace(
        recipe, batch=4, questions=4, steps=3, warmup=2, precision="float32", minutes_between_evaluations=1e9
    )


SMOKE = replace(small(RECIPE), name="mini-smoke")
