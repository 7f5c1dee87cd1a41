"""Weights shared out over the processes (FSDP2): each keeps its part of every tensor and fetches a layer as it runs.

A layer is fetched in float32 and let go again; gradients come back averaged, as under DDP. What is not shared out: the
loss's two scalars, which torch refuses to cut, and 8- or 4-bit weights, which are small and more than a tensor.
"""

from collections.abc import Iterable, Sequence

import torch
import torch.distributed as dist
from accelerate import Accelerator, FullyShardedDataParallelPlugin, PartialState
from accelerate.utils import DistributedType
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from lofi.network.network import LofiNetwork
from train.pretraining.distributed import world


def sharing(network: LofiNetwork) -> FullyShardedDataParallelPlugin:
    """How accelerate is to share the network out: block by block, the rest with the whole.

    The blocks of a convolutional trunk stay with the whole: all of them are smaller than one block of a transformer.
    """
    trunk, text = network.image.visual.trunk, network.text.transformer
    stacks = (
        getattr(trunk, "blocks", ()),
        text.encoder.layer if hasattr(text, "encoder") else text.resblocks,
        network.language.model.model.layers,
        getattr(network.connector, "blocks", ()) or getattr(network.connector, "heads", ()),
    )
    blocks = {type(block).__name__ for stack in stacks for block in stack if not isinstance(block, nn.Sequential)}
    uncut = [weight for weight in network.parameters() if weight.ndim == 0 or not weight.is_floating_point()]
    return FullyShardedDataParallelPlugin(
        fsdp_version=2,
        auto_wrap_policy="transformer_based_wrap",
        transformer_cls_names_to_wrap=sorted(blocks),
        ignored_modules=[nn.ParameterList(uncut)],  # it asks for modules, and takes their parameters
        reshard_after_forward=True,
        cpu_ram_efficient_loading=False,
    )


def share_on_cpu(accelerator: Accelerator, plugin: FullyShardedDataParallelPlugin) -> None:
    """Let accelerate share out on CPUs too: torch can, with gloo, but accelerate 1.15 asks for GPUs (state.py).

    So the same code runs in tests as on GPUs.
    """
    if accelerator.distributed_type == DistributedType.MULTI_CPU:
        PartialState._shared_state["distributed_type"] = DistributedType.FSDP
        accelerator.state.distributed_type = DistributedType.FSDP
        accelerator.state.fsdp_plugin = plugin


def whole(tensor: Tensor) -> Tensor:
    """The tensor with all processes' parts; all of them must call it. The tensor itself where it is not shared out."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def gathered(tensors: Iterable[tuple[str, Tensor]], keep: bool) -> dict[str, Tensor]:
    """Whole tensors by name, in main memory, one at a time; empty in processes that do not ``keep`` them.

    All processes must call it with the same names in the same order.
    """
    found = {}
    for name, tensor in tensors:
        full = whole(tensor.detach())
        if keep:
            found[name] = full.cpu()
    return found


def spread(value: Tensor, like: Tensor) -> Tensor:
    """The part of a whole ``value`` that belongs here, cut and placed as ``like`` is; nothing is sent."""
    value = value.to(like.device)
    if not isinstance(like, DTensor):
        return value
    return distribute_tensor(value, like.device_mesh, like.placements, src_data_rank=None)


def local(tensor: Tensor) -> Tensor:
    """The part of a tensor that lies here, sharing its memory."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def average_whole(parameters: Sequence[Tensor]) -> None:
    """Average the gradients of what was not shared out; those of the rest arrive averaged."""
    for parameter in parameters:
        if not isinstance(parameter, DTensor) and parameter.grad is not None:
            dist.all_reduce(parameter.grad)
            parameter.grad /= world()


@torch.no_grad()
def clip(parameters: Sequence[Tensor], most: float) -> Tensor:
    """Scale all gradients so that their common norm is at most ``most``; the norm before, the same in each process.

    torch's own does not take tensors that are shared out beside some that are not.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    squares = [torch.zeros((), device=gradients[0].device) for _ in range(2)]
    for gradient in gradients:
        squares[isinstance(gradient, DTensor)] += local(gradient).float().square().sum()
    dist.all_reduce(squares[True])
    norm = torch.stack(squares).sum().sqrt()
    scale = (most / (norm + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        local(gradient).mul_(scale)
    return norm
