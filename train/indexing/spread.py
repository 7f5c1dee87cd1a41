"""Pieces of an archive embedded by many processes or machines, with ray's data library.

Each process loads the model once and makes one piece after another, in a folder that all of them see. A piece is there
whole or not at all, under the name that train.index looks for; what was there before is not made again. A process, or
a machine, that is lost costs the piece it was at, which another one makes.
"""

import importlib.util
import math
import os
import pickle
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from lofi.errors import BadQuery, GalleryMismatch, LofiError
from lofi.gallery import Gallery
from lofi.gallery.manifest import FILE as MANIFEST
from lofi.results import Study
from train.indexing.building import Options, kept, made_before, make, pieces
from train.indexing.known import Known
from train.indexing.model import Model
from train.indexing.pieces import Step, waves, with_earlier

REPOSITORY = Path(__file__).resolve().parent.parent.parent
HOW = (
    "--workers is ray://HOST:PORT, the client's port of a ray cluster (10001 unless told otherwise), or ray://local:N "
    "for N processes on this machine."
)
_ADDRESS = re.compile(
    r"ray://(?:local:(?P<processes>[1-9]\d{0,3})|(?!local:)(?P<cluster>[\w.-]+:\d{1,5}|\[[\da-f:]+\]:\d{1,5}))"
)
LOOK = 5.0
"""Seconds after which the folder is looked at anew, to tell how far the cluster is."""
OWN = 1
"""Cores that ray's data library asks for itself."""
_LEFT_OUT = [".git", ".venv", ".ci", "build", "docs", "tests", "shared", "**/__pycache__"]
"""What the machines of a cluster do not need of the repository."""


class Done(NamedTuple):
    """Films in all, those that the networks were asked about, and those left out because they cannot be read."""

    films: int
    embedded: int
    left_out: int

    def plus(self, films: int, embedded: int, left_out: int) -> "Done":
        """Both together."""
        return Done(self.films + films, self.embedded + embedded, self.left_out + left_out)


@dataclass(frozen=True)
class Job:
    """What each process needs to know: films below ``root``, pieces below ``out``; ``load`` gives the model."""

    load: Callable[[], Model]
    fingerprint: str
    root: Path
    out: Path
    options: Options


class Share(NamedTuple):
    """What each process takes."""

    cpus: float
    gpus: float


Counts = dict[str, int]
Tick = Callable[[int], object]


class Maker:
    """One process: a model, and what was made before the run began."""

    def __init__(self, job: Job) -> None:
        self._job, model = job, job.load()
        if model.fingerprint != job.fingerprint:
            raise GalleryMismatch("A worker has another checkpoint under that name: give each machine the same one.")
        self._known = Known(model)
        self._known.learn(made_before(job.out, job.fingerprint))

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """One piece, made unless another process has made it meanwhile."""
        step, job = pickle.loads(row["step"]), self._job
        known = self._known.beside(Gallery.open(piece.place, job.fingerprint) for piece in step.earlier)
        part = kept(step.piece, job.fingerprint, job.out, job.options)
        if part is None:
            part = make(step.piece, job.root, known, job.out, job.options)
        return {"films": len(step.piece.studies), "embedded": known.embedded, "left_out": sum(part.dropped.values())}


def check_workers(workers: str) -> None:
    """Raises BadQuery where ``workers`` names none, or ray is not there."""
    if not _ADDRESS.fullmatch(workers):
        raise BadQuery(HOW)
    if importlib.util.find_spec("ray") is None:
        raise BadQuery("ray is not installed, and embeds on many machines: pip install 'lofi[scale]'.")


def spread(studies: Sequence[Study], job: Job, workers: str, cpus: float = 1, gpus: float = 0) -> Done:
    """Embed the films of ``studies`` (``image`` relative to the job's root) that are not kept yet.

    Each process takes ``cpus`` cores and ``gpus`` GPUs. Raises LofiError.
    """
    check_workers(workers)
    steps = with_earlier(pieces(studies, job.root, job.fingerprint, job.out, job.options), job.root)
    done = Done(0, 0, 0)
    todo = []
    for step in steps:
        part = kept(step.piece, job.fingerprint, job.out, job.options)
        if part is None:
            todo.append(step)
        else:
            done = done.plus(len(step.piece.studies), 0, sum(part.dropped.values()))
    with tqdm(total=len(studies), initial=done.films, unit=" films", disable=job.options.quiet) as bar:
        for made in _made(todo, job, workers, Share(cpus, gpus), bar.update) if todo else ():
            done = done.plus(**made)
    return done


def _made(steps: Sequence[Step], job: Job, workers: str, share: Share, tick: Tick) -> Iterator[Counts]:
    """What came of each piece, wave by wave; ``tick`` is told how many films are done."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    import ray

    try:
        local = _begun(ray, workers, share.cpus)
        size = _processes(ray.cluster_resources(), share)
        for wave in waves(steps):
            way = _here if local else _there
            yield from way(wave, job, min(size, len(wave)), share, tick)
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None)
        told = str(cause) if isinstance(cause, LofiError) else type(cause or error).__name__
        raise BadQuery(f"A worker failed: {told} The same command goes on from here.") from error
    except ConnectionError as error:
        raise BadQuery(
            "The ray cluster does not answer: look at its address, whether it runs, and whether it wants a token "
            "(RAY_AUTH_MODE=token, RAY_AUTH_TOKEN_PATH)."
        ) from error
    finally:
        ray.shutdown()


def _begun(ray: Any, workers: str, cpus: float) -> bool:
    try:
        return _begin(ray, workers, cpus)
    except ConnectionError:
        raise
    except Exception as error:  # what ray raises where its processes do not start has no class of its own
        raise BadQuery("ray's processes did not start: run the command again when the machine is less busy.") from error


def _begin(ray: Any, workers: str, cpus: float) -> bool:
    """Start ray's processes on this machine (True), or meet a cluster, which is sent this repository's code."""
    found = _ADDRESS.fullmatch(workers)
    quiet = {"log_to_driver": False, "logging_level": "error"}
    if found is None or not found["processes"]:
        ray.init(workers, runtime_env={"working_dir": str(REPOSITORY), "excludes": _LEFT_OUT}, **quiet)
        return False
    slots = math.ceil(int(found["processes"]) * cpus)
    with _found_here():
        ray.init(num_cpus=slots + OWN, include_dashboard=False, **quiet)
    return True


@contextmanager
def _found_here() -> Iterator[None]:
    """Processes that are started meanwhile find this repository's packages, wherever they are started."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPOSITORY), before]))
    try:
        yield
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before


def _processes(there: dict[str, float], share: Share) -> int:
    """How many processes the cluster has room for. Raises BadQuery where it has none."""
    room = [(there.get("CPU", 0) - OWN) / share.cpus]
    if share.gpus:
        room.append(there.get("GPU", 0) / share.gpus)
    if min(room) < 1:
        raise BadQuery("The cluster has no room for one process: look at --cpus and --gpus.")
    return int(min(room))


def _here(wave: Sequence[Step], job: Job, size: int, share: Share, tick: Tick = int) -> Iterator[Counts]:
    """Make the pieces of a wave; each is told of when it is done. In a process that is of the cluster."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    rows = ray.data.from_items([{"step": pickle.dumps(step)} for step in wave], override_num_blocks=len(wave))
    pool = ray.data.ActorPoolStrategy(size=size)
    needed = {"num_cpus": share.cpus, "num_gpus": share.gpus}
    for made in rows.map(Maker, fn_constructor_args=(job,), compute=pool, **needed).iter_rows():
        tick(made["films"])
        yield made


def _there(wave: Sequence[Step], job: Job, size: int, share: Share, tick: Tick) -> Iterator[Counts]:
    """The same from outside of the cluster, where ray's data library does not run: a task runs it there."""
    import ray

    task = ray.remote(num_cpus=0)(_all_here).remote(list(wave), job, size, share)
    waiting = list(wave)
    while waiting:
        ended, _ = ray.wait([task], timeout=LOOK)
        done = [step for step in waiting if ended or (step.piece.place / MANIFEST).exists()]
        waiting = [step for step in waiting if step not in done]
        tick(sum(len(step.piece.studies) for step in done))
        if ended:
            break
    yield from ray.get(task)


def _all_here(wave: Sequence[Step], job: Job, size: int, share: Share) -> list[Counts]:
    return list(_here(wave, job, size, share))
