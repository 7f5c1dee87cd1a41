"""Train the dense network: ``python -m train.dense --shared ../shared --out RUN [--minutes N] [--resume]``.

Learns from the split train, without the patients kept back as dev, for a given time; writes the state every few
minutes, so that ``--resume`` goes on where it stood. Its last average of weights is what ``train.dense_figures`` reads.
"""

import argparse
import json
import math
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from lofi.network.dense import DenseConfig, DenseNet
from train.densely.batches import Batch, batch_of
from train.densely.canvases import canvases
from train.densely.concepts import CONCEPTS
from train.densely.corpus import films, taught
from train.densely.loss import Losses, losses
from train.densely.sampling import Sampler
from train.densely.state import Average, Progress, load, save

STARTING = "anatomy_unet_lite0.safetensors"
SAVE_EVERY = 180.0
CACHED = 448
"""Side of the decoded canvases; a run may look at smaller ones."""
PARTS = 2


@dataclass(frozen=True)
class Plan:
    """How the run goes: minutes in all, small canvases for the first ``coarse`` share of them, rates, seed."""

    minutes: float
    coarse: float = 0.6
    coarse_side: int = 320
    head_rate: float = 1.5e-3
    tower_rate: float = 3e-4
    seed: int = 0


def starting(network: DenseNet, weights: Path) -> None:
    """The tower as the anatomy network has it; its first blocks stay as they are (edges are edges)."""
    stored = {k[2:]: v for k, v in load_file(weights).items() if k.startswith("e.")}
    own = network.e.state_dict()
    network.e.load_state_dict({k: stored[k].to(v.dtype) for k, v in own.items()})


def freeze(network: DenseNet) -> None:
    """No gradient for the stem and the first two blocks: a third of the cost of a step."""
    for part in (network.e.conv_stem, network.e.bn1, network.e.blocks[0], network.e.blocks[1]):
        part.requires_grad_(False)


def optimiser(network: DenseNet, plan: Plan) -> torch.optim.AdamW:
    tower = [p for name, p in network.named_parameters() if name.startswith("e.") and p.requires_grad]
    head = [p for name, p in network.named_parameters() if not name.startswith("e.")]
    groups = [{"params": tower, "lr": plan.tower_rate}, {"params": head, "lr": plan.head_rate}]
    for group in groups:
        group["peak"] = group["lr"]
    return torch.optim.AdamW(groups, weight_decay=1e-2, fused=True)


def gradients(network: DenseNet, batch: Batch) -> tuple[Losses, list[Tensor | None]]:
    """Losses of a batch and the gradient of each trained parameter; touches no ``grad``, so that threads may share."""
    found = losses(network(batch.films, batch.which, batch.concepts, batch.sides), batch.targets)
    trained = [p for p in network.parameters() if p.requires_grad]
    return found, list(torch.autograd.grad(found.total, trained, allow_unused=True))


def one_step(network: DenseNet, adam: torch.optim.AdamW, batch: Batch, factor: float, pool: Executor) -> Losses:
    """Forward, backward, step, at ``factor`` of the peak rates. Batch norms keep the statistics they came with.

    The batch goes in two parts over two threads of one core each: they meet once a step, where two threads inside each
    operator meet hundreds of times and wait for one another whenever the machine has other work.
    """
    network.train()
    network.e.eval()
    done = list(pool.map(lambda part: gradients(network, part), batch.parts(PARTS)))
    trained = [p for p in network.parameters() if p.requires_grad]
    for place, parameter in enumerate(trained):
        known = [grads[place] for _, grads in done if grads[place] is not None]
        parameter.grad = torch.stack(known).sum(0) / len(done) if known else None
    for group in adam.param_groups:
        group["lr"] = group["peak"] * factor
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    adam.step()
    every = [torch.stack([getattr(f, n).detach() for f, _ in done]).mean() for n in ("heat", "box", "presence")]
    return Losses(*every)


def rate(share: float, step: int) -> float:
    """Warm up over 60 steps, then half a cosine down to 2 % at the end of the time."""
    return min(1.0, (step + 1) / 60) * (0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * min(1.0, share))))


def run(
    plan: Plan, sampler: Sampler, canvas: NDArray[np.uint8], network: DenseNet, out: Path, resume: bool
) -> Progress:
    """Train until the time is spent; the clock stands still between two sittings."""
    freeze(network)
    adam, average = optimiser(network, plan), Average(network)
    progress = load(out, network, adam, average) if resume else Progress()
    last = saved = time.monotonic()
    recent: list[list[float]] = []
    with (
        ThreadPoolExecutor(PARTS, initializer=torch.set_num_threads, initargs=(1,)) as pool,
        (out / "log.jsonl").open("a") as log,
    ):
        while progress.seconds < plan.minutes * 60:
            share = progress.seconds / (plan.minutes * 60)
            side = plan.coarse_side if share < plan.coarse else network.config.side
            batch = batch_of(sampler, canvas, side, progress.step, plan.seed, pool)
            found = one_step(network, adam, batch, rate(share, progress.step), pool)
            progress.step += 1
            average.update(network, progress.step)
            now = time.monotonic()
            progress.seconds, last = progress.seconds + now - last, now
            recent.append([float(v.detach()) for v in (found.heat, found.box, found.presence)])
            if progress.step % 25 == 0:
                heat, box, presence = np.mean(recent, axis=0).round(4).tolist()
                recent = []
                line = {"step": progress.step, "minutes": round(progress.seconds / 60, 2), "side": side}
                line |= {"heat": heat, "box": box, "presence": presence, "questions": len(batch.which)}
                log.write(json.dumps(line) + "\n")
                log.flush()
            if now - saved > SAVE_EVERY:
                save(out, network, adam, average, progress)
                saved = now
        save(out, network, adam, average, progress)
    return progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="the data beside the project")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--cache", type=Path, help="folder for decoded canvases (default: beside the run)")
    parser.add_argument("--minutes", type=float, default=70.0)
    parser.add_argument("--coarse", type=float, default=Plan.coarse, help="share of the time on small canvases")
    parser.add_argument("--side", type=int, default=448, help="of the canvas, at most 448")
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    torch.set_flush_denormal(True)  # moments of small gradients; without it Adam takes as long as a backward pass
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(0)
    options.out.mkdir(parents=True, exist_ok=True)
    corpus = [film for film in films(options.shared, "train") if not film.dev]
    canvas = canvases(corpus, options.shared / "cxr", options.cache or options.out.parent / "cache", CACHED)
    network = DenseNet(DenseConfig(CONCEPTS, side=options.side))
    starting(network, options.shared / "weights" / STARTING)
    plan = Plan(options.minutes, options.coarse)
    described = {"plan": asdict(plan), "config": asdict(network.config), "concepts": taught(corpus)}
    (options.out / "run.json").write_text(json.dumps(described, indent=1))
    progress = run(plan, Sampler(corpus, plan.seed), canvas, network, options.out, options.resume)
    print(f"{progress.step} steps in {progress.seconds / 60:.1f} minutes → {options.out}")


if __name__ == "__main__":
    main()
