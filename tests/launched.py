"""Commands of the project in one process or several, forked from one that has imported everything already.

What each process would do anew, seconds of imports, is done once. That they start from nothing too is for the tests of
the package and of torchrun to show.
"""

import multiprocessing
import os
import socket
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import NamedTuple

import torch

AHEAD = (
    "lofi.network.network",  # first: it sees to what open_clip imports of torchvision
    *("open_clip", "bitsandbytes", "peft.tuners.lora", "accelerate", "torch.distributed.fsdp", "torch._dynamo"),
    *("transformers.models.gemma3.modeling_gemma3", "transformers.models.siglip.modeling_siglip"),
    *("lofi.cli", "train.pretrain", "train.evaluate", "pytest", "psutil", "tests.benchmarks.bench_step"),
)
FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload([*AHEAD, __name__])


class Ended(NamedTuple):
    """Exit statuses of a command's processes, and what they said."""

    statuses: list[int | None]
    out: str
    err: str


def begun(
    command: str, arguments: Sequence[str], said: Path, processes: int = 1, **settings: str
) -> list[ForkServerProcess]:
    """The processes of ``main`` of the module ``command``, started; what they say goes to files beside ``said``.

    ``settings`` are environment variables.
    """
    if processes > 1:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            settings |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
        settings |= {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes)}
    found = []
    for number in range(processes):
        own = settings | ({"RANK": str(number), "LOCAL_RANK": str(number)} if processes > 1 else {})
        place = said.with_name(f"{said.name}-{number}")
        found.append(FORKING.Process(target=_run, args=(place, command, list(arguments), own)))
        found[-1].start()
    return found


def ended(command: str, arguments: Sequence[str], said: Path, processes: int = 1, **settings: str) -> Ended:
    """As ``begun``, waited for."""
    found = begun(command, arguments, said, processes, **settings)
    for process in found:
        process.join(300)
    told = [
        "".join(said.with_name(f"{said.name}-{number}.{kind}").read_text() for number in range(processes))
        for kind in ("out", "err")
    ]
    return Ended([process.exitcode for process in found], *told)


def _run(said: Path, command: str, arguments: list[str], settings: dict[str, str]) -> None:
    os.environ.update(LOFI_DEVICE="cpu", **settings)
    os.chdir(settings.get("PWD", "."))
    torch.set_num_threads(1)
    with open(f"{said}.out", "w") as out, open(f"{said}.err", "w") as err:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        status = 1
        try:
            status = import_module(command).main(arguments)
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else 1
            print(stop, file=sys.stderr)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            if torch.distributed.is_initialized():
                torch.distributed.destroy_process_group()
    os._exit(status)
