"""Starting the app: settings from the environment, engine in the background, page and API on one address.

Nothing but the standard library is imported before ``start`` has prepared the process for it.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

from lofi.film.allocator import keep_warm

if TYPE_CHECKING:
    from lofi.settings import Settings


def prepare() -> None:
    """Set what libraries read once, when they are imported."""
    # Before gradio and huggingface_hub: nothing is fetched, nothing is sent.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    # Before numpy: threads of its BLAS spin for a tenth of a second after a product, on the cores that torch needs
    # next. A search of the gallery takes milliseconds with one thread; the phrase asked after it took five times as
    # long with two.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Before torch: its threads wait for one another asleep, not spinning. With other work on the cores, four films took
    # 4 s of processor time to encode while they spun, 0.6 s asleep.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    keep_warm()


def start() -> int:
    """Serve until stopped; status 1 and one sentence where a setting cannot be used."""
    prepare()
    from lofi.errors import LofiError
    from lofi.settings import Settings
    from lofi.ui.logs import log_to_stderr
    from lofi.ui.run_folder import run_folder

    log_to_stderr()
    try:
        settings = Settings.from_environment()
    except LofiError as error:
        print(error, file=sys.stderr)
        return 1
    # Uploads live in a folder of this run only; each is deleted once read, the folder at the end.
    with run_folder() as uploads:
        os.environ["GRADIO_TEMP_DIR"] = str(uploads)
        return serve(settings)


def serve(settings: "Settings") -> int:
    """Run the server and print its address as soon as it answers."""
    from lofi.errors import LofiError
    from lofi.space import begin_lending, in_space

    begin_lending()
    import uvicorn

    from lofi.ui.listening import listen
    from lofi.ui.server import application

    try:
        listener = listen(settings)
    except LofiError as error:
        print(error, file=sys.stderr)
        return 1
    try:
        app = application(settings)
    except LofiError as error:
        print(error, file=sys.stderr)
        return 1
    if not settings.local and not settings.auth and not in_space():
        print("Anybody who reaches this address may use the app: set LOFI_AUTH, and LOFI_HOSTS.", file=sys.stderr)
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{shown}:{settings.port}{settings.root_path}"
    print(f"LoFi is at {address}  (stop with Ctrl+C)", flush=True)
    if settings.study is not None:
        print(f"Readers of the study go to {address}/study", flush=True)
    # A page left open keeps a connection for ever; it is not waited for longer than this.
    config = uvicorn.Config(
        app,
        timeout_graceful_shutdown=5,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_config=None,
    )
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
