"""A socket, or which setting is wrong."""

import socket

import pytest

from lofi.errors import LofiError
from lofi.settings import Settings
from lofi.ui.listening import listen


def test_small_answers_do_not_wait() -> None:
    with (
        listen(Settings(port=0)) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_that_is_taken_is_told() -> None:
    with listen(Settings(port=0)) as listener, pytest.raises(LofiError, match="is in use: set LOFI_PORT"):
        listen(Settings(port=listener.getsockname()[1]))


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "2001:db8::1"])
def test_a_host_that_is_not_this_machine_is_told(host: str) -> None:
    with pytest.raises(LofiError, match="LOFI_HOST is no address of this machine"):
        listen(Settings(host=host, port=0))
