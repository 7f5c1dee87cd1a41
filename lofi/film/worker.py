"""The process in which files of strangers are decoded, one at a time, until one of them ends it.

Started by lofi.film.keeper with a fresh interpreter, as ``python -m lofi.film.worker SOCKET PARENT``. It prints
nothing, keeps nothing and has given up all it can (lofi.film.confine) before the first file comes.
"""

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from lofi.film import confine


def main(before: Callable[[bytes], None] = lambda data: None) -> None:
    """Serve until the server is gone. ``before`` sees each file first, in tests that try to break out."""
    detached = confine.detach()
    wire = socket.socket(fileno=int(sys.argv[1]))
    # Only now numpy and the decoders: they may start threads, and a process with threads cannot detach itself.
    from lofi.film.bay import Bay
    from lofi.film.serving import serve_one
    from lofi.film.warm import warm
    from lofi.film.wire import Garbled, send

    warm()
    bay = Bay(int(sys.argv[2]))
    held = confine.lock_down(int(sys.argv[3]), detached, _code())
    try:
        send(wire, {"ready": held})
        while True:
            serve_one(wire, bay, before)
    except (Garbled, OSError):
        os._exit(0)


def _code() -> list[Path]:
    """Folders of Python and of this package, from which a module may still be imported."""
    here = Path(__file__).resolve().parent.parent
    system = [Path(name) for name in ("/usr", "/lib", "/lib64")]
    return [here, Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve(), *system]


if __name__ == "__main__":
    main()
