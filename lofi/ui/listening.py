"""The socket on which the app listens, or one sentence that says which setting is wrong."""

import errno
import socket

from lofi.errors import LofiError
from lofi.settings import Settings


def listen(settings: Settings) -> socket.socket:
    """Raises LofiError where the host is none of this machine or the port is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        raise LofiError(_told(settings, error)) from None
    # asyncio does it only for sockets that name their protocol, and this one does not: without it the second half of
    # every small answer waits 40 ms for the receipt of the first. What is accepted here inherits it.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _told(settings: Settings, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {settings.port} is in use: set LOFI_PORT to another one."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"Port {settings.port} may not be opened by this account: set LOFI_PORT to one above 1023."
    return "LOFI_HOST is no address of this machine: 127.0.0.1 for this machine alone, 0.0.0.0 for all its addresses."
