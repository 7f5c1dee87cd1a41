"""Where a request comes from, under which name and scheme; what a proxy says of it is believed from listed ones."""

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from lofi.errors import LofiError
from lofi.space import NEAR, in_space

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]")
_SAID = frozenset(
    {
        *(b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-port"),
        *(b"x-forwarded-prefix", b"x-forwarded-server", b"x-real-ip", b"x-gradio-server", b"x-original-url"),
        *(b"x-rewrite-url", b"x-http-method-override"),
    }
)
"""Headers with which a sender, or a proxy, says something of a request that is then believed by somebody."""
LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True)
class Seen:
    """``address`` of the sender, ``host`` and ``scheme`` under which it knows the app; ``scheme`` "" where unknown.

    ``peer`` is who really holds the connection; ``proxied`` says that it is a proxy that is believed, ``relayed`` that
    another, unlisted one was on the way.
    """

    address: str
    peer: str
    host: str
    scheme: str
    proxied: bool
    relayed: bool


class Proxies:
    """The addresses and networks of LOFI_PROXIES. Raises LofiError on one that is none."""

    def __init__(self, text: str = "") -> None:
        try:
            self._networks = tuple(ipaddress.ip_network(word, strict=False) for word in words(text))
        except ValueError:
            raise LofiError("LOFI_PROXIES must be addresses or networks, such as 127.0.0.1, 10.1.0.0/16.") from None

    @classmethod
    def of(cls, setting: str, environ: Mapping[str, str] = os.environ) -> "Proxies":
        """Those of the setting; in a Space everything comes through its proxy, and nothing else can."""
        return cls(setting or (NEAR if in_space(environ) else ""))

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, address: object) -> bool:
        try:
            given = ipaddress.ip_address(str(address))
        except ValueError:
            return False
        mapped = getattr(given, "ipv4_mapped", None)
        return any((mapped or given) in network for network in self._networks)

    def seen(self, scope: MutableMapping[str, Any]) -> Seen:
        """Read what is said of the request, and take it off the request, so that nobody behind believes it."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        said = {name: value.decode("latin-1") for name, value in headers if name in _SAID}  # the last of each counts
        hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
        peer = str((scope.get("client") or ("",))[0])
        proxied = peer in self
        address, host, scheme = peer, hosts[0] if len(hosts) == 1 else "", ""
        if proxied:
            chain = [v.decode("latin-1") for name, v in headers if name == b"x-forwarded-for"]
            address = self._first_stranger(",".join(chain).split(",")) or peer
            host = _last(said.get(b"x-forwarded-host", "")) or host
            scheme = _last(said.get(b"x-forwarded-proto", "")).lower()
            scheme = scheme if scheme in ("http", "https") else ""
        scope["headers"] = [(name, value) for name, value in headers if name not in _SAID and name != b"host"]
        scope["headers"].append((b"host", host.encode("latin-1")))
        scope["client"] = (address, 0)
        scope["scheme"] = scheme or scope.get("scheme", "http")
        return Seen(address, peer, host, scheme, proxied, bool(said) and not proxied)

    def _first_stranger(self, chain: Iterable[str]) -> str:
        """Each proxy appends whom it saw: the last that is no proxy of ours is the sender."""
        known = ""
        for word in reversed([word.strip() for word in chain]):
            bare = word.removeprefix("[").partition("]")[0] if word.startswith("[") else word
            bare = bare.rpartition(":")[0] if bare.count(":") == 1 else bare
            try:
                known = str(ipaddress.ip_address(bare))
            except ValueError:
                return known
            if known not in self:
                return known
        return known


class Hosts:
    """The names under which the app answers: LOFI_HOSTS, else those of this machine; any where nothing can be known."""

    def __init__(self, text: str, listening: str) -> None:
        given = {word.lower() for word in words(text)}
        if any(not _NAME.fullmatch(name) and name != "*" for name in given):
            raise LofiError("LOFI_HOSTS must be names without port, such as lofi.hospital.example.")
        everywhere = listening in ("0.0.0.0", "::", "")
        self.any = "*" in given or (everywhere and not given)
        own = f"[{listening}]" if ":" in listening else listening.lower()
        self._names = given | LOCAL | ({own} if not everywhere else set())

    def __contains__(self, host: object) -> bool:
        name = host_name(str(host))
        return bool(name) and (self.any or name in self._names)


def words(text: str) -> tuple[str, ...]:
    """The parts of a list written with commas or spaces."""
    return tuple(word for word in re.split(r"[,\s]+", text) if word)


def host_name(host: str) -> str:
    """The name in "name:port", in small letters; "" where it is none."""
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    name = name if colon else host
    fits = _NAME.fullmatch(name) and (not colon or (port.isascii() and port.isdigit() and len(port) <= 5))
    return name.lower() if fits else ""


def _last(value: str) -> str:
    return value.rpartition(",")[2].strip()
