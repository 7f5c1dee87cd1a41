"""bitsandbytes layers in place of linear ones. Imported only where a recipe asks for it: that takes a second."""

from collections.abc import Callable
from typing import Any, Self

import bitsandbytes as bnb
import torch
from torch import Tensor, nn


class Int8Linear(bnb.nn.Linear8bitLt):  # type: ignore[misc]
    """LLM.int8 (arXiv 2208.07339) of a linear layer, whose 8-bit weights and their scales move with its parents.

    bitsandbytes keeps both a second time, as ``CB`` and ``SCB`` of the weight and, from the first forward pass on, of
    the layer's state. ``Module.to`` of a parent replaces the weight's data alone, so that the rest would stay on the
    CPU, and the first forward pass on a GPU raises (bitsandbytes 0.50 moves them only in the layer's own ``to``).
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        for holder in (self.weight, self.state):
            if holder.CB is not None:
                holder.CB = self.weight.data
            if holder.SCB is not None:
                holder.SCB = fn(holder.SCB).float()  # scales stay in float32 whatever a model is cast to
        return self


def low_layer(layer: nn.Linear, bits: int, threshold: float, compute: torch.dtype) -> nn.Module:
    """The 8- or 4-bit layer of a linear one, quantised on the device where its weights lie.

    ``threshold``: inputs beyond it are multiplied in 16 bits (8 bits only; 0: none). ``compute``: type of the products
    of 4-bit weights.
    """
    size, bias, data = (layer.in_features, layer.out_features), layer.bias is not None, layer.weight.data.cpu()
    made: Any
    if bits == 8:
        made = Int8Linear(*size, bias, has_fp16_weights=False, threshold=threshold, device="meta")
        made.weight = bnb.nn.Int8Params(data, requires_grad=False, has_fp16_weights=False)
    else:
        made = bnb.nn.Linear4bit(*size, bias, compute_dtype=compute, quant_type="nf4", device="meta")
        made.weight = bnb.nn.Params4bit(data, requires_grad=False, quant_type="nf4")
    if bias:
        made.bias = nn.Parameter(layer.bias.data, requires_grad=False)
    return made.to(layer.weight.device)  # type: ignore[no-any-return]  # the move is what quantises
