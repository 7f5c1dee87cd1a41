"""The processes of a run, as a launcher started them: one, several with all weights each (DDP), or sharing (FSDP2)."""

from datetime import timedelta

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs
from accelerate.utils import DistributedType

from lofi.network.network import LofiNetwork
from train.pretraining.distributed import world
from train.pretraining.recipe import Recipe
from train.pretraining.sharding import share_on_cpu, sharing
from train.pretraining.stopping import Stopped


def one_graph(recipe: Recipe) -> bool:
    """Whether every step goes through the same weights the same way, so that DDP need not look for unused ones.

    Means over no token are 0 times what was computed, not left out. Heat maps are, where a batch asks for none; and a
    step in parts leaves the sums of the first ones out.
    """
    return recipe.accumulate == 1 and not recipe.heat_weight


def accelerator_for(recipe: Recipe, device: torch.device, network: LofiNetwork, shard: bool) -> Accelerator:
    """What accelerate sees of the processes that ``accelerate launch`` or ``torchrun`` started; one without them.

    With ``shard`` they share the weights out. Raises Stopped for what this loop cannot do.
    """
    static = one_graph(recipe)
    ddp = DistributedDataParallelKwargs(static_graph=static, find_unused_parameters=not static)
    plugin = sharing(network) if shard else None
    handlers = [ddp, InitProcessGroupKwargs(timeout=timedelta(minutes=recipe.patience_minutes))]
    accelerator = Accelerator(cpu=device.type == "cpu", kwargs_handlers=handlers, fsdp_plugin=plugin)
    if plugin is not None:
        share_on_cpu(accelerator, plugin)
        if not accelerator.is_fsdp2:
            raise Stopped("one process has nobody to share weights with: start several with torchrun, or leave --shard")
    elif accelerator.distributed_type not in (
        DistributedType.NO,
        DistributedType.MULTI_CPU,
        DistributedType.MULTI_GPU,
    ):
        kind = accelerator.distributed_type.value
        raise Stopped(f"{kind} is not supported: choose one process, DDP, or --shard (FSDP2)")
    if shard and recipe.heat_weight:  # a batch without such phrases would not fetch the text tower a second time
        raise Stopped("the heat-map loss does not go with --shard: set heat_weight=0, or let each process hold all")
    if world() > 1 and not recipe.own_streams:
        raise Stopped("with several processes a recipe must set own_streams=true")
    if recipe.batch % (world() * recipe.accumulate):
        raise Stopped(f"a batch of {recipe.batch} does not divide among {world()} × {recipe.accumulate} parts")
    return accelerator
