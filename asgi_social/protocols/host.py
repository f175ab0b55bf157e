"""A host to which a provider's access tokens may be sent, as its data or the app's settings write it."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import idna

HOST_GRAMMAR = 'hosts such as "api.example.com", "*.example.com" or "api.example.com:8443"'
_ENTRY = re.compile(r"(\*\.)?(?:\[([^\]]*:[^\]]*)\]|([^:]+))(?::([0-9]{1,5}))?")
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_PORTS = {"https": 443, "http": 80}
# A name and nothing else before the path: no user info, no port.
_PLAIN = re.compile(r"https://[a-z0-9]+(?:[.-][a-z0-9]+)*/")
_PLAIN_LOOPBACK = re.compile(r"http://(?:localhost|127\.0\.0\.1)(?::[1-5]?[0-9]{1,4})?/")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPattern:
    """One host, or all that end in a name; :func:`host_pattern` makes one.

    Attributes:
        name: As names are compared: ASCII, lower case, without a dot at the end.
        port: None: the scheme's own port alone.
        is_suffix: Whether it is every name of one or more labels more, and not the name itself.
    """

    name: str
    port: int | None = None
    is_suffix: bool = False

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return ("*." if self.is_suffix else "") + name + (f":{self.port}" if self.port else "")

    def covers(self, host: str, port: int | None) -> bool:
        """Say whether a host, and the port where it is not the scheme's own, is this one or one of these."""
        name = _comparable(host)
        if name is None or port != self.port:
            return False
        return name.endswith(f".{self.name}") if self.is_suffix else name == self.name


def host_pattern(text: str) -> HostPattern | None:
    """Read a host with or without port, or ``*.`` and a name of at least two labels; None where it is neither.

    >>> str(host_pattern("*.Example.COM.:443")), host_pattern("*.com"), host_pattern("https://api.example.com")
    ('*.example.com', None, None)
    """
    found = _ENTRY.fullmatch(text)
    name = _comparable(found[2] or found[3]) if found else None
    if found is None or name is None:
        return None
    port, (above, _, last) = int(found[4] or _PORTS["https"]), name.rpartition(".")
    # Neither a whole top-level domain nor the end of an address is somebody's own.
    if not 0 < port < 65536 or (found[1] and (not above or last.isdigit())):
        return None
    return HostPattern(name=name, port=None if port == _PORTS["https"] else port, is_suffix=bool(found[1]))


def host_of(url: str) -> HostPattern | None:
    """Give the host of an address that may be asked; None where it has none.

    >>> str(host_of("https://API.example.com/me")), str(host_of("http://localhost:8001/me"))
    ('api.example.com', 'localhost:8001')
    """
    parts = urlsplit(url)
    name = _comparable(parts.hostname or "")
    port = None if parts.port == _PORTS.get(parts.scheme) else parts.port
    return None if name is None else HostPattern(name=name, port=port)


def allowed_address(url: str, *, development: bool) -> bool:
    """Say whether a request may go to a URL: https, without user info; in development http to a loopback host too."""
    # As nearly all are; an app that starts has fifty of them.
    if _PLAIN.match(url) or (development and _PLAIN_LOOPBACK.match(url)):
        return True
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.password is not None:
        return False
    return parts.scheme == "https" or (development and parts.scheme == "http" and host in LOOPBACK)


def _comparable(host: str) -> str | None:
    """Give a host as hosts are compared, or None for what no host is called."""
    try:
        if ":" in host:
            return str(ipaddress.IPv6Address(host))
        # As httpx does before it sends (RFC 5891), so that both sides are the same letters.
        name = host.lower() if host.isascii() else idna.encode(host.lower()).decode()
    except ValueError:  # of which idna's own is one
        return None
    name = name.removesuffix(".")
    return name if _NAME.fullmatch(name) else None
