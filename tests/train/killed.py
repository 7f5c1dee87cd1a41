"""Changes to a gallery that are killed: python -m tests.train.killed OUT FILMS, then a line for each change on stdin.

A line is a word (build, add, update, remove) and the number of the file operation at which the process that makes the
change is killed, as by kill −9, or the seconds after which it is. Answered by a line: "killed" or "done".
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lofi.results import Study
from tests.doubles import TinyEmbedder
from train.indexing.arguments import studies_of_records
from train.indexing.building import Options
from train.indexing.changes import add, index, remove

OPTIONS = Options(thumbs=True, copy_images=True, shard=2, quiet=True)
OPERATIONS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree"}


def kill_at(number: int, out: Path) -> None:
    """End this process at its ``number``-th operation on files of the gallery that may change one."""
    left = [number]

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event not in OPERATIONS or str(out) not in str(arguments[0]):
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            return
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def change(word: str, studies: Sequence[Study], films: Path, out: Path) -> None:
    match word:
        case "build":
            index(studies[:4], films, TinyEmbedder(), out, OPTIONS)
        case "add":
            add(studies, films, TinyEmbedder(), out, OPTIONS)
        case "update":
            add(studies, films, TinyEmbedder(), out, OPTIONS, update=True)
        case "remove":
            remove([studies[0].study_id, studies[2].study_id], out)


def main(out: Path, films: Path) -> None:
    for line in sys.stdin:
        word, moment = line.split()
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            if "." not in moment:
                kill_at(int(moment), out)
            change(word, studies_of_records(films / "records.jsonl", None, None), films, out)
            os._exit(0)
        if "." in moment:
            time.sleep(float(moment))
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        print("killed" if os.WIFSIGNALED(status) else f"done {status}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
