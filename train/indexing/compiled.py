"""The towers compiled by OpenVINO, where that is installed and quicker: for archives that a processor embeds.

Only what makes films' vectors; texts, boxes and questions stay with torch.
"""

import importlib.util
import logging
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn import functional

from lofi.network.encoder import Forward
from lofi.network.model import LofiModel

ROUNDS = 5
WORTH = 0.9
"""A copy that takes longer than this share of the original is not worth having."""
ALIKE = 0.9999
"""Cosine between both vectors of a picture, at least."""
_log = logging.getLogger(__name__)


class _Module(nn.Module):
    """A tower as OpenVINO wants it, (1, S, S) → (1, E)."""

    def __init__(self, parts: nn.Module, forward: Forward) -> None:
        super().__init__()
        self.parts, self._forward = parts, forward

    def forward(self, canvases: Tensor) -> Tensor:
        return self._forward(canvases)


def hasten(model: LofiModel) -> float:
    """Compile what makes films' vectors, in place, where OpenVINO is installed, the model is on a processor, the copy
    is quicker and its vectors are the same; how many times as quick films are embedded then, 1 where nothing changed.
    """
    if model.device.type != "cpu" or not importlib.util.find_spec("openvino"):
        return 1.0
    towers, eyes = model.towers, model.eyes
    before, after, cores = 0.0, 0.0, torch.get_num_threads()
    side = model.config.preprocessing.side
    towers.own, old, new = _quicker(_Module(model.network, towers.own), side)
    before, after = before + old, after + new
    if towers.placed is not None and eyes is not None:
        towers.placed, old, new = _quicker(_Module(eyes.network, towers.placed), eyes.preprocessing.side)
        before, after = before + old, after + new
    torch.set_num_threads(cores)  # what threads that are new begin with
    gain = before / after if after else 1.0
    if gain > 1:
        _log.info("Films are embedded by OpenVINO, %.1f times as quick here.", gain)
    return gain


def _quicker(module: _Module, side: int) -> tuple[Forward, float, float]:
    """What to take, and the seconds that the original and what is taken need for a film; 0 where it was not tried."""
    picture = torch.rand(1, side, side, generator=torch.Generator().manual_seed(0))
    original: Forward = module.forward
    try:
        copy = _compiled(module, picture)
        with torch.inference_mode():
            same = functional.cosine_similarity(original(picture), copy(picture)).min() >= ALIKE
    except Exception as error:  # an operator that it does not know, a processor that it does not
        _log.info("OpenVINO could not compile a tower (%s).", type(error).__name__)
        return original, 0.0, 0.0
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as core:
        slow, quick = (core.submit(_seconds, way, picture).result() for way in (original, copy))
    return (copy, slow, quick) if same and quick < WORTH * slow else (original, slow, slow)


def _compiled(module: _Module, picture: Tensor) -> Forward:
    # Where its package for that is missing, OpenVINO tells nobody that it is used; as it comes, it asks nobody first.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it traces, which torch no longer likes
        graph = openvino.convert_model(module.eval(), example_input=picture.clone())
    graph.reshape({0: openvino.PartialShape(list(picture.shape))})
    # In full precision also where the processor has half: vectors of one gallery are made alike. A film a core, as
    # lofi.network.encoder asks for them.
    cores = torch.get_num_threads()
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": cores,
        "NUM_STREAMS": cores,
        "ENABLE_CPU_PINNING": False,
    }
    ready, own = openvino.Core().compile_model(graph, "CPU", settings), threading.local()

    def forward(canvases: Tensor) -> Tensor:
        if not hasattr(own, "request"):
            own.request = ready.create_infer_request()  # which only one thread may use
        return torch.cat([torch.from_numpy(own.request.infer([one[None].numpy()])[0].copy()) for one in canvases])

    return forward


def _seconds(forward: Forward, picture: Tensor) -> float:
    times = []
    with torch.inference_mode():
        for _ in range(ROUNDS + 1):
            start = time.perf_counter()
            forward(picture)
            times.append(time.perf_counter() - start)
    return median(times[1:])
