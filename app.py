"""Start the app: settings from the environment, engine in the background, page and API on one address."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lofi.settings import Settings

# Before gradio and huggingface_hub are imported, which read these once: nothing is fetched, nothing is sent.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
# Before numpy: threads of its BLAS spin for a tenth of a second after a product, on the cores that torch needs next. A
# search of the gallery takes milliseconds with one thread; the phrase asked after it took five times as long with two.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def main() -> int:
    """Serve until stopped; status 1 and one sentence where a setting cannot be used."""
    from lofi.errors import LofiError
    from lofi.settings import Settings

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        settings = Settings.from_environment()
    except LofiError as error:
        print(error, file=sys.stderr)
        return 1
    # Uploads live in a folder of this run only; each is deleted once read, the folder at the end.
    with tempfile.TemporaryDirectory(prefix="lofi-", ignore_cleanup_errors=True) as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads
        return serve(settings)


def serve(settings: "Settings") -> int:
    """Run the server and print its address as soon as it answers."""
    import socket

    import uvicorn

    from lofi.errors import LofiError
    from lofi.ui.server import application

    try:
        listener = socket.create_server((settings.host, settings.port))
    except OSError:
        print(f"Port {settings.port} is in use: set LOFI_PORT to another one.", file=sys.stderr)
        return 1
    # asyncio does it only for sockets that name their protocol, and this one does not: without it the second half of
    # every small answer waits 40 ms for the receipt of the first. What is accepted here inherits it.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        app = application(settings)
    except LofiError as error:
        print(error, file=sys.stderr)
        return 1
    address = f"http://{settings.host}:{settings.port}{settings.root_path}"
    print(f"LoFi is at {address}  (stop with Ctrl+C)", flush=True)
    if settings.study is not None:
        print(f"Readers of the study go to {address}/study", flush=True)
    # A page left open keeps a connection for ever; it is not waited for longer than this.
    quiet = {"log_level": "warning", "access_log": False, "proxy_headers": False, "server_header": False}
    config = uvicorn.Config(app, timeout_graceful_shutdown=5, **quiet)
    logging.getLogger("uvicorn.error").addFilter(_is_worth_a_line)
    # uvicorn stops in order and then raises the signal again: end quietly, and clean up on SIGTERM too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
    return 0


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """False for the traces of connections that were cut because the app is stopping."""
    cut = record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not cut and "timeout graceful shutdown exceeded" not in record.getMessage()


if __name__ == "__main__":
    sys.exit(main())
