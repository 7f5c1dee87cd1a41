"""What a proxy says is believed from a listed one only, and is taken off every request."""

from typing import Any

import pytest

from lofi.errors import LofiError
from lofi.ui.proxies import Hosts, Proxies, host_name

SAID = [
    (b"x-forwarded-for", b"203.0.113.9"),
    (b"x-forwarded-host", b"lofi.hospital.example"),
    (b"x-forwarded-proto", b"https"),
    (b"x-gradio-server", b"http://evil.example"),
    (b"forwarded", b"for=192.0.2.1"),
]


def request(peer: str, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "client": (peer, 5), "scheme": "http", "headers": [(b"host", b"inside:7860"), *headers]}


def test_a_stranger_is_not_believed_and_nobody_behind_can() -> None:
    scope = request("198.51.100.7", *SAID, (b"accept", b"*/*"))
    seen = Proxies("10.0.0.0/8").seen(scope)
    assert (seen.address, seen.host, seen.scheme, seen.proxied) == ("198.51.100.7", "inside:7860", "", False)
    assert seen.relayed
    assert scope["headers"] == [(b"accept", b"*/*"), (b"host", b"inside:7860")]
    assert scope["scheme"] == "http"


@pytest.mark.parametrize("peer", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_a_listed_proxy_is_believed(peer: str) -> None:
    scope = request(peer, *SAID)
    seen = Proxies("127.0.0.1, 10.0.0.0/8").seen(scope)
    assert (seen.address, seen.host, seen.scheme) == ("203.0.113.9", "lofi.hospital.example", "https")
    assert scope["headers"] == [(b"host", b"lofi.hospital.example")]
    assert (scope["scheme"], scope["client"]) == ("https", ("203.0.113.9", 0))


@pytest.mark.parametrize(
    ("chain", "sender"),
    [
        (b"1.2.3.4, 203.0.113.9", "203.0.113.9"),  # the first was made up by the sender
        (b"1.2.3.4, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (b"203.0.113.9:5000", "203.0.113.9"),
        (b"[2001:db8::1]:80", "2001:db8::1"),
        (b"10.0.0.3", "10.0.0.3"),
        (b"nonsense", "10.0.0.1"),
        (b"203.0.113.9, nonsense", "10.0.0.1"),
        (b"", "10.0.0.1"),
    ],
)
def test_the_sender_is_the_last_that_is_no_proxy(chain: bytes, sender: str) -> None:
    assert Proxies("10.0.0.0/8").seen(request("10.0.0.1", (b"x-forwarded-for", chain))).address == sender


def test_two_hosts_are_none() -> None:
    assert Proxies("").seen(request("10.0.0.1", (b"host", b"other"))).host == ""


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.0/99", "10.0.0.1;rm"])
def test_a_wrong_proxy_is_told(text: str) -> None:
    with pytest.raises(LofiError, match="LOFI_PROXIES must be"):
        Proxies(text)


def test_in_a_space_its_proxy_is_believed() -> None:
    assert "10.9.9.9" in Proxies.of("", {"SPACE_ID": "a/b"})
    assert "10.9.9.9" not in Proxies.of("127.0.0.1", {"SPACE_ID": "a/b"})
    assert "10.9.9.9" not in Proxies.of("", {})


@pytest.mark.parametrize(
    ("setting", "listening", "host", "known"),
    [
        ("", "127.0.0.1", "localhost:7860", True),
        ("", "127.0.0.1", "127.0.0.1:7860", True),
        ("", "::1", "[::1]:7860", True),
        ("", "127.0.0.1", "evil.example", False),
        ("", "127.0.0.1", "localhost.evil.example", False),
        ("", "192.0.2.4", "192.0.2.4:7860", True),
        ("", "0.0.0.0", "anything.example", True),
        ("lofi.example", "0.0.0.0", "LoFi.example:443", True),
        ("lofi.example", "0.0.0.0", "anything.example", False),
        ("lofi.example", "0.0.0.0", "localhost", True),
        ("*", "127.0.0.1", "anything.example", True),
        ("*", "127.0.0.1", "", False),
        ("*", "127.0.0.1", "a b", False),
        ("*", "127.0.0.1", "user@lofi.example", False),
        ("*", "127.0.0.1", "lofi.example:80x", False),
        ("*", "127.0.0.1", "lofi.example/x", False),
    ],
)
def test_names_of_the_server(setting: str, listening: str, host: str, known: bool) -> None:
    assert (host in Hosts(setting, listening)) is known


@pytest.mark.parametrize("setting", ["http://lofi.example", "lofi.example:80", "a/b", "-x"])
def test_a_wrong_name_is_told(setting: str) -> None:
    with pytest.raises(LofiError, match="LOFI_HOSTS must be"):
        Hosts(setting, "127.0.0.1")


def test_the_name_in_a_host() -> None:
    assert host_name("A.example:80") == "a.example"
    assert host_name("[::1]") == "[::1]"
    assert host_name("[::1]:80") == "[::1]"
    assert host_name("::1") == ""
