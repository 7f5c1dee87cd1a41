"""Train the dense network: ``python -m train.dense --shared ../shared --out RUN [--minutes N] [--resume]``.

Learns from the split train, without the patients kept back as dev, for a given time; writes the state every few
minutes, so that ``--resume`` goes on where it stood. Its last average of weights is what ``train.dense_figures`` reads.

``--device cuda`` trains all of the network on large batches that ``--workers`` processes make. ``--words CHECKPOINT``
adds a vector of the whole film, taught by reports and labels as that checkpoint's text tower embeds them. ``--found
RUN`` adds the boxes that an earlier run finds for labels without any. ``--start RUN`` begins with the weights of an
earlier run, of the same tower. docs/training.md has the commands of the bundled network.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from lofi.network.checkpoint import load as load_checkpoint
from lofi.network.dense import DenseConfig, DenseNet
from train.densely.answers import Film
from train.densely.canvases import canvases
from train.densely.concepts import CONCEPTS
from train.densely.corpus import films, taught
from train.densely.found import askable, found_on, kept, read_again
from train.densely.run import Plan, run, starting
from train.densely.sampling import Sampler
from train.densely.shadows import Shadows
from train.densely.state import begin, trained
from train.densely.stepping import Told
from train.densely.worded import words_of
from train.densely.words import Bank

TOWERS = {
    "tf_efficientnet_lite0": "anatomy_unet_lite0.safetensors",
    "tf_efficientnet_lite1": "tf_efficientnet_lite1.imagenet.safetensors",
    "tf_efficientnet_lite2": "tf_efficientnet_lite2.imagenet.safetensors",
}
"""Tower → the weights that it starts from."""
CACHED = 448
"""Side of the decoded canvases; a run may look at smaller ones."""
LARGE = Plan(
    minutes=0,
    coarse=0.0,
    head_rate=2e-3,
    tower_rate=5e-4,
    weight_decay=5e-2,
    warm=200,
    decay=0.999,
    rounds=4,
    skipped=0.15,
    dropout=0.3,
)
"""What an accelerator's run uses where the command line is silent."""


FOUND = "found.json"
"""What an earlier run found, beside the run that learns from it."""


def completed(corpus: Sequence[Film], canvas: NDArray[np.uint8], run_folder: Path, device: str) -> list[Film]:
    """The films with the boxes that an earlier run finds on them."""
    eyes, known = trained(run_folder), askable(corpus)
    eyes.network.to(device)
    return [found_on(eyes, film, np.asarray(own), known) for film, own in zip(corpus, canvas, strict=True)]


def with_found(corpus: Sequence[Film], canvas: NDArray[np.uint8], options: argparse.Namespace) -> list[Film]:
    """``completed``, kept beside the run and read again where it is taken up."""
    path: Path = options.out / FOUND
    if options.resume and path.is_file():
        return read_again(corpus, path)
    found = completed(corpus, canvas, options.found, options.device)
    kept(corpus, found, path)
    return found


def planned(options: argparse.Namespace) -> Plan:
    """The plan of the command line."""
    if options.device == "cpu":
        plan = Plan(options.minutes, Plan.coarse if options.coarse is None else options.coarse)
    else:
        plan = replace(LARGE, minutes=options.minutes, workers=options.workers, coarse=options.coarse or 0.0)
    return replace(plan, **dict(options.set))


def setting(text: str) -> tuple[str, float | int]:
    """``NAME=VALUE`` of a number of the plan. Raises ArgumentTypeError."""
    name, _, value = text.partition("=")
    kind = {field.name: type(getattr(LARGE, field.name)) for field in fields(Plan)}.get(name)
    if kind is None:
        raise argparse.ArgumentTypeError(f"no number of the plan: {name}")
    try:
        return name, kind(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a number is expected: {text}") from None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="the data beside the project")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--cache", type=Path, help="folder for decoded canvases (default: beside the run)")
    parser.add_argument("--minutes", type=float, default=70.0)
    parser.add_argument("--coarse", type=float, help="share of the time on small canvases (0.6; on a GPU 0)")
    parser.add_argument("--side", type=int, default=448, help="of the canvas, at most 448")
    parser.add_argument("--tower", choices=sorted(TOWERS), default="tf_efficientnet_lite0")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=8, help="processes that make batches, on a GPU")
    parser.add_argument("--set", type=setting, action="append", default=[], help="NAME=VALUE of the plan")
    parser.add_argument("--words", type=Path, help="checkpoint whose text tower says what films are called")
    parser.add_argument("--found", type=Path, help="an earlier run that finds boxes for labels without any")
    parser.add_argument("--start", type=Path, help="an earlier run whose weights this one begins with")
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    torch.set_flush_denormal(True)  # moments of small gradients; without it Adam takes as long as a backward pass
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(0)
    options.out.mkdir(parents=True, exist_ok=True)
    cache = options.cache or options.out.parent / "cache"
    corpus = [film for film in films(options.shared, "train") if not film.dev]
    canvas = canvases(corpus, options.shared / "cxr", cache, CACHED)
    plan, told, width = planned(options), None, 0
    if options.words:
        model = load_checkpoint(options.words, "cpu")
        width = model.text_dim
        words = words_of(corpus, options.shared, model, cache).to(torch.device(options.device))
        told = Told(words, Bank(len(corpus), width, torch.device(options.device)))
    network = DenseNet(
        DenseConfig(CONCEPTS, side=options.side, tower=options.tower, embed=width), plan.skipped, plan.dropout
    )
    if options.start:
        try:
            begin(network, options.start)
        except (OSError, ValueError) as error:
            parser.error(f"--start: {error}")
    else:
        starting(network, options.shared / "weights" / TOWERS[options.tower])
    if options.found:
        corpus = with_found(corpus, canvas, options)
    described = {"plan": asdict(plan), "config": asdict(network.config), "concepts": taught(corpus)}
    (options.out / "run.json").write_text(json.dumps(described, indent=1))
    reported = [] if told is None else torch.nonzero(told.words.report_of >= 0)[:, 0].tolist()
    sampler = Sampler(corpus, plan.seed, rounds=plan.rounds, told=reported, shadows=Shadows())
    # Depthwise layers want their channels last; float32 that is left of a step may go through tensor cores.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    network.to(torch.device(options.device), memory_format=torch.channels_last)
    progress = run(plan, sampler, canvas, network, options.out, options.resume, told)
    print(f"{progress.step} steps in {progress.seconds / 60:.1f} minutes → {options.out}")


if __name__ == "__main__":
    main()
