"""Query, key and value as three layers, so that each has an adapter of its own, as in the paper.

timm and open_clip keep the three in one. While a run with ``split_attention`` trains they lie apart; its checkpoints
hold them in one again.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional


class Apart(nn.Module):
    """A projection to query, key and value, (…, D) → (…, 3·D), as three layers ``q``, ``k`` and ``v``."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        biases = (None,) * 3 if bias is None else bias.detach().chunk(3)
        for name, rows, offset in zip("qkv", weight.detach().chunk(3), biases, strict=True):
            layer = nn.Linear(rows.shape[1], rows.shape[0], bias=offset is not None)
            layer.weight = nn.Parameter(rows.clone(), requires_grad=weight.requires_grad)
            if offset is not None:
                layer.bias = nn.Parameter(offset.clone(), requires_grad=weight.requires_grad)
            self.add_module(name, layer)

    def forward(self, values: Tensor) -> Tensor:
        """The three side by side, as the one layer had them."""
        return torch.cat([self.q(values), self.k(values), self.v(values)], dim=-1)


class OpenAttention(nn.Module):
    """torch's MultiheadAttention, batch first, on one sequence, with layers that can be adapted."""

    def __init__(self, fused: nn.MultiheadAttention) -> None:
        super().__init__()
        self.heads = fused.num_heads
        self.qkv = Apart(fused.in_proj_weight, fused.in_proj_bias)
        old = fused.out_proj
        self.out_proj = nn.Linear(old.in_features, old.out_features, bias=old.bias is not None)
        self.out_proj.weight = nn.Parameter(old.weight.detach().clone(), requires_grad=old.weight.requires_grad)
        if old.bias is not None:
            self.out_proj.bias = nn.Parameter(old.bias.detach().clone(), requires_grad=old.bias.requires_grad)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        need_weights: bool = False,
        attn_mask: Tensor | None = None,
    ) -> tuple[Tensor, None]:
        """(B, T, D) → (B, T, D); ``key`` and ``value`` must be ``query``, ``attn_mask`` is additive."""
        if key is not query or value is not query or need_weights:
            raise ValueError("only a sequence's attention to itself is taken apart")
        parts = [part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(query).chunk(3, dim=-1)]
        seen = functional.scaled_dot_product_attention(*parts, attn_mask=attn_mask)
        return self.out_proj(seen.transpose(1, 2).flatten(2)), None


def split_attention(model: nn.Module) -> int:
    """Take every ``qkv`` layer and every fused attention of ``model`` apart, in place; how many there were."""
    found = 0
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if name == "qkv" and type(child) is nn.Linear:
                setattr(parent, name, Apart(child.weight, child.bias))
            elif type(child) is nn.MultiheadAttention and name == "attn" and child.batch_first:
                setattr(parent, name, OpenAttention(child))
            else:
                continue
            found += 1
    return found


def together(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Plain weights with query, key and value in one again, under the names of timm and open_clip."""
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        stem, mark, kind = name.rpartition(".qkv.q.")
        if mark:
            rows = torch.cat([state[f"{stem}.qkv.{part}.{kind}"] for part in "qkv"])
            found[f"{stem}.in_proj_{kind}" if name.startswith("text.") else f"{stem}.qkv.{kind}"] = rows
        elif ".qkv.k." not in name and ".qkv.v." not in name:
            found[name] = value
    return found
