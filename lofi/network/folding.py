"""Batch norms folded into the convolutions before them: the same function, two thirds of the time of a tower.

For use only: what was folded can no longer be trained, nor its weights be loaded.
"""

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

_PAIRS = {
    "InvertedResidual": (("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3")),
    "DepthwiseSeparableConv": (("conv_dw", "bn1"), ("conv_pw", "bn2")),
}
"""timm's blocks of an EfficientNet → each convolution and the batch norm behind it, which holds the activation."""


def fold(tower: nn.Module) -> None:
    """Fold, in place, the batch norms of a timm EfficientNet in evaluation mode; other blocks are left as they are."""
    for module in tower.modules():
        pairs = _PAIRS.get(type(module).__name__, ())
        if hasattr(module, "conv_stem") and hasattr(module, "bn1"):
            pairs = (("conv_stem", "bn1"),)
        for convolution, norm in pairs:
            _fold(module, convolution, norm)


def _fold(module: nn.Module, convolution: str, norm: str) -> None:
    conv, batch_norm = getattr(module, convolution), getattr(module, norm)
    if not isinstance(batch_norm, nn.BatchNorm2d) or batch_norm.running_mean is None or batch_norm.running_var is None:
        return
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight,
        conv.bias,
        batch_norm.running_mean,
        batch_norm.running_var,
        batch_norm.eps,
        batch_norm.weight,
        batch_norm.bias,
    )
    setattr(module, norm, getattr(batch_norm, "act", nn.Identity()))
