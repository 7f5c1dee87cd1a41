"""Training commands in one process or several, forked from one that has imported everything already.

What torchrun would do anew for every process, seconds of imports, is done once. A test of train.pretrain's processes
launches by torchrun itself.
"""

import multiprocessing
import os
import socket
import sys
from collections.abc import Sequence
from importlib import import_module
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import torch

AHEAD = (
    "lofi.network.network",  # first: it sees to what open_clip imports of torchvision
    *("open_clip", "peft.tuners.lora", "accelerate", "torch.distributed.fsdp"),
    *("transformers.models.gemma3.modeling_gemma3", "train.pretrain", "train.evaluate"),
)
FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload([*AHEAD, __name__])


def begun(command: str, arguments: Sequence[str], said: Path, processes: int = 1) -> list[ForkServerProcess]:
    """The processes of ``python -m command``, started; what they say goes to files beside ``said``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = (processes, port, said, command, list(arguments))
    found = [FORKING.Process(target=_run, args=(number, *told)) for number in range(processes)]
    for process in found:
        process.start()
    return found


def ended(command: str, arguments: Sequence[str], said: Path, processes: int = 1) -> tuple[list[int | None], str]:
    """Exit statuses of a command's processes and all that they said."""
    found = begun(command, arguments, said, processes)
    for process in found:
        process.join(300)
    return [process.exitcode for process in found], "".join(
        said.with_name(f"{said.name}-{number}").read_text() for number in range(processes)
    )


def _run(number: int, processes: int, port: int, said: Path, command: str, arguments: list[str]) -> None:
    os.environ["LOFI_DEVICE"] = "cpu"
    if processes > 1:
        places = {"RANK": number, "LOCAL_RANK": number, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
        os.environ.update({name: str(value) for name, value in places.items()})
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    with said.with_name(f"{said.name}-{number}").open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        status = 1
        try:
            status = import_module(command).main(arguments)
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else 1
            print(stop, file=sys.stderr)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
    os._exit(status)
