"""The paper's model and training (arXiv 2603.19451), as far as it is known: SigLIP 2 so400m, Gemma 3 270M, LoRA.

Learning rate, decay, batch, epochs, adapters, connector and the swap of normal films are those of the authors' later
public code for the same design; N, λ and five sentences are quoted of the paper. So are 8-bit weights (``--set
bits=8``): of Gemma 3 270M they save 0.1 GiB and cost time, so that bfloat16 is the default here. Not established, and
so ours, each with its switch: alpha = 2 · rank, the warm-up, adapters on the text tower too (``text_lora``), the
shared resampler (``ablate:separate_heads``), no 2 × 2 pooling of patches (``ablate:pool_2x2``), augmentation
(``ablate:plain_films``), plain prompts (``ablate:chat``: Gemma's chat template), a share of templates (``templates``).
timm and open_clip keep q, k and v in one layer: ``split_attention`` gives each its adapter; ``paper:fused`` has one
adapter for the three, and in the text tower adapters on the feed-forward layers alone.
"""

from dataclasses import replace

from lofi.network.config import ConnectorConfig, LanguageConfig, ModelConfig, Preprocessing, TextConfig, VisionConfig
from train.pretraining.recipe import Lora, Rates, Recipe, Starts
from train.recipes.smoke import smoke

SIGLIP = "open_clip:ViT-SO400M-16-SigLIP2-512:webli"
GEMMA = LanguageConfig(
    transformers={
        "model_type": "gemma3_text",
        "vocab_size": 262144,
        "hidden_size": 640,
        "intermediate_size": 2048,
        "num_hidden_layers": 18,
        "num_attention_heads": 4,
        "num_key_value_heads": 1,
        "head_dim": 256,
        "query_pre_attn_scalar": 256,
        "sliding_window": 512,
        "max_position_embeddings": 32768,
        "tie_word_embeddings": True,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "bos_token_id": 2,
    },
    locations="digits",
    max_boxes=8,
    max_answer=192,
)
HALF = (0.5, 0.5, 0.5)

MODEL = ModelConfig(
    name="lofi-paper",
    embed_dim=1152,
    preprocessing=Preprocessing(side=512, mean=HALF, std=HALF),
    vision=VisionConfig(
        open_clip={"timm_model_name": "vit_so400m_patch16_siglip_512", "timm_pool": "map", "timm_proj": "none"},
        levels=(),
        width=1152,
    ),
    text=TextConfig(
        open_clip={
            "context_length": 64,
            "vocab_size": 256000,
            "hf_tokenizer_name": "timm/ViT-SO400M-16-SigLIP2-512",
            "tokenizer_kwargs": {"clean": "canonicalize"},
            "width": 1152,
            "heads": 16,
            "layers": 27,
            "mlp_ratio": 3.7362,
            "no_causal_mask": True,
            "proj_bias": True,
            "pool_type": "last",
            "norm_kwargs": {"eps": 1e-6},
            "act_kwargs": {"approximate": "tanh"},
        },
        context=64,
    ),
    connector=ConnectorConfig(queries=256, heads=16, layers=2),
    language=GEMMA,
)

RECIPE = Recipe(
    name="paper",
    model=MODEL,
    shares={},
    swap_normal=0.7,
    epochs=10,
    batch=64,
    warmup=500,
    rates=Rates(image=3e-4, text=3e-4, new=3e-4, language=3e-4),
    weight_decay=1e-2,
    clip=1.0,
    last_rate=0.0,
    betas=(0.9, 0.999),
    location_weight=5.0,
    location="mean",
    questions=6,
    early_share=0.0,
    frozen_stages=0,
    trained_text_layers=None,
    ema=0.0,
    starts=Starts(SIGLIP, SIGLIP, "hub:google/gemma-3-270m-it"),
    split_attention=True,
    image_lora=Lora(16, 32, r"blocks\.\d+\.(attn\.(qkv\.[qkv]|proj)|mlp\.fc[12])"),
    text_lora=Lora(16, 32, r"transformer\.resblocks\.\d+\.(attn\.(qkv\.[qkv]|out_proj)|mlp\.(c_fc|c_proj))"),
    language_lora=Lora(4, 8, r"model\.layers\.\d+\.self_attn\.(q|v)_proj"),
    bits=16,
    precision="bf16",
    bias=None,
    report_sentences=5,
    sentences="sampled",
    own_streams=True,
    checkpointing=None,
    skips=3,
    workers=8,
    evaluated_films=64,
)

SMOKE = smoke(RECIPE)


def _medsiglip() -> Recipe:
    """MedSigLIP in place of SigLIP 2: 448 pixels in patches of 14, SigLIP's own 32,000 words, padded with 1."""
    place = "siglip:google/medsiglip-448"
    vision = replace(
        MODEL.vision, open_clip={**MODEL.vision.open_clip, "timm_model_name": "vit_so400m_patch14_siglip_384"}
    )
    text = {**MODEL.text.open_clip, "vocab_size": 32000, "pad_id": 1, "hf_tokenizer_name": "google/medsiglip-448"}
    model = replace(
        MODEL,
        name="lofi-medsiglip",
        preprocessing=replace(MODEL.preprocessing, side=448),
        vision=vision,
        text=replace(MODEL.text, open_clip=text),
    )
    return replace(RECIPE, name="paper-medsiglip", model=model, starts=replace(RECIPE.starts, image=place, text=place))


VARIANTS: dict[str, Recipe] = {
    "medsiglip": _medsiglip(),
    "fused": replace(
        RECIPE,
        name="paper-fused",
        split_attention=False,
        image_lora=Lora(16, 32, r"blocks\.\d+\.(attn\.(qkv|proj)|mlp\.fc[12])"),
        text_lora=Lora(16, 32, r"transformer\.resblocks\.\d+\.mlp\.(c_fc|c_proj)"),
    ),
}
