"""torch.compile for the blocks that a network consists of, and sizes that few graphs serve.

Block by block, since all blocks of a stack are one graph: what compiling takes does not grow with their number.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lofi.network.network import LofiNetwork

PLACES = 128
"""Rows of the language model are padded to a multiple of so many places."""
SENTENCES = 32
"""Sentences for the text tower are filled up to a multiple of so many."""
GRAPHS = 64
"""So many graphs at most; torch counts those of all modules together, and compiles no more than 8 if not told."""


def compile_blocks(network: LofiNetwork, backend: str) -> int:
    """Compile the blocks of the towers and the language model in place; their number. Weights keep their names."""
    text = network.text.transformer
    stacks = (
        getattr(network.image.visual.trunk, "blocks", ()),
        text.encoder.layer if hasattr(text, "encoder") else text.resblocks,
        network.language.model.model.layers,
    )
    blocks: list[nn.Module] = [block for stack in stacks for block in stack]
    torch._dynamo.config.recompile_limit = max(GRAPHS, torch._dynamo.config.recompile_limit)
    for block in blocks:
        block.compile(backend=backend, dynamic=False)
    return len(blocks)


def filled(ids: Tensor) -> Tensor:
    """(M, T) ids with empty sentences up to a multiple of SENTENCES."""
    return functional.pad(ids, (0, 0, 0, -len(ids) % SENTENCES))
