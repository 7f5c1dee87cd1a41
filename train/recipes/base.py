"""SigLIP 2 B/16 at 512 pixels with Gemma 3 270M, no adapters on the towers: the paper's design, smaller."""

from dataclasses import replace

from lofi.network.config import ConnectorConfig
from train.pretraining.recipe import Rates, Starts
from train.recipes import paper
from train.recipes.smoke import smoke

SIGLIP = "open_clip:ViT-B-16-SigLIP2-512:webli"

MODEL = replace(
    paper.MODEL,
    name="lofi-base",
    embed_dim=768,
    vision=replace(
        paper.MODEL.vision,
        open_clip={**paper.MODEL.vision.open_clip, "timm_model_name": "vit_base_patch16_siglip_512"},
        width=768,
    ),
    text=replace(
        paper.MODEL.text,
        open_clip={
            **paper.MODEL.text.open_clip,
            "hf_tokenizer_name": "timm/ViT-B-16-SigLIP2-512",
            "width": 768,
            "heads": 12,
            "layers": 12,
            "mlp_ratio": 4.0,
        },
    ),
    connector=ConnectorConfig(queries=128, heads=12, layers=2),
)

RECIPE = replace(
    paper.RECIPE,
    name="base",
    model=MODEL,
    rates=Rates(image=3e-5, text=1e-5, new=3e-4, language=3e-4),
    image_lora=None,
    text_lora=None,
    trained_text_layers=6,
    ema=0.999,
    starts=Starts(SIGLIP, SIGLIP, "hub:google/gemma-3-270m-it"),
)

SMOKE = smoke(replace(RECIPE, trained_text_layers=1))
