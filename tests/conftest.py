"""What holds for every test: what it needs is there or it says so, and the network is closed."""

import importlib.util
import ipaddress
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.databases import (  # noqa: F401  # fixtures
    database_url,
    mariadb_database,
    mariadb_url,
    new_mariadb_url,
    new_postgresql_url,
    new_server_url,
    new_url,
    postgresql_database,
    postgresql_url,
    run_name,
    server_url,
    sqlite_url,
)

HERE = Path(__file__).parent


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


NEEDS: Mapping[str, Callable[[], bool]] = {
    "node": lambda: shutil.which("node") is not None and (HERE / "oidc_provider" / "node_modules").is_dir(),
    "chromium": lambda: shutil.which("chromium") is not None and (HERE / "browser" / "node_modules").is_dir(),
    "postgresql": lambda: _has("asyncpg") and _answers(5432),
    "mariadb": lambda: _has("asyncmy") and _answers(3306),
    "redis": lambda: _answers(6379),
    "saml": lambda: _has("signxml"),
}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose needs are absent; with ``ASGI_SOCIAL_REQUIRE_ALL=1`` it fails instead."""
    for name, is_there in NEEDS.items():
        marker = item.get_closest_marker(name)
        if marker is None or is_there():
            continue
        if os.environ.get("ASGI_SOCIAL_REQUIRE_ALL") == "1":
            pytest.fail(f"{name} is absent, and everything is required here", pytrace=False)
        pytest.skip(f"{name} is absent (scripts/test --markers says what it needs)")


def _is_address(host: object) -> bool:
    try:
        ipaddress.ip_address(str(host))
    except ValueError:
        return False
    return True


def _is_here(host: object) -> bool:
    return host in (None, "", "localhost") or (_is_address(host) and ipaddress.ip_address(str(host)).is_loopback)


@pytest.fixture(autouse=True)
def closed_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that connects to another machine, or looks up the name of one.

    It fails where it tries, and once more at its end, for the first failure may be lost in a task that nobody awaits.
    """
    tried: list[str] = []

    def refuse(what: str) -> NoReturn:
        tried.append(what)
        pytest.fail(f"the network is closed in tests, and this one {what}")

    def guarded(real: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            if self.family != socket.AF_UNIX and not _is_here(address[0]):
                refuse(f"connects to {address[0]}")
            return real(self, address)

        return connect

    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *further: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if not _is_here(name) and not _is_address(name):
            refuse(f"looks up {name}")
        return look_up(host, *further, **options)

    # An event loop connects by these too.
    monkeypatch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield
    assert not tried, f"the network is closed in tests, and this one {', '.join(tried)}"
