"""Our app against the certified provider: the two served side by side, a database file, and our time.

The provider's clock is the machine's and cannot be moved. Ours begins at the same moment, and is moved by hand.
"""

import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from asgi_social import Association, Social
from asgi_social.clock import SystemClock
from asgi_social.testing import ManualClock
from asgi_social.vault import tokens_of
from tests.app import KEY
from tests.certified import CertifiedProvider, consent, running_provider
from tests.served import Browser, app_of, browser, listener, serving, url_of

LIFETIME = 120
PHONE = "http://localhost:9/phone/"
# As the catalogue's ``oidc``, for a client that is registered for client_secret_post.
POSTING = {
    "name": "posting",
    "title": "Posting",
    "protocol": "oidc",
    "vars": {"issuer": {"kind": "url"}},
    "oidc": {"endpoint": "{issuer}"},
    "authorize": {
        "scope": ["openid", "profile", "email"],
        "offline": {"scope": ["offline_access"], "consent": {"prompt": "consent"}},
    },
    "token": {"auth": "body"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A provider that runs, the place where the app is served, its database file and its time."""

    provider: CertifiedProvider
    bound: socket.socket
    database: str
    clock: ManualClock = field(default_factory=lambda: ManualClock(start=SystemClock().now()))

    def engine(self, *, offline: bool = True, corp: dict[str, Any] | None = None, **more: Any) -> Social:
        """Make an engine: of the app that is served, or of a worker on the same database."""
        provider = self.provider
        backends = {
            "corp": {
                "provider": "oidc",
                "issuer": provider.issuer,
                "client_id": provider.client_id,
                "client_secret": provider.client_secret,
                "offline": offline,
                **(corp or {}),
            },
            "posting": {
                "provider": POSTING,
                "issuer": provider.issuer,
                "client_id": provider.second_client_id,
                "client_secret": provider.second_client_secret,
                "offline": offline,
            },
        }
        settings: dict[str, Any] = {
            "secret_key": KEY,
            "backends": backends,
            "base_url": url_of(self.bound),
            "database": self.database,
            "clock": self.clock,
            **more,
        }
        return Social(**settings)

    @asynccontextmanager
    async def app(self, **settings: Any) -> AsyncIterator[tuple[Social, Browser]]:
        """Serve the app; give its engine, and the browser of user 7."""
        social = self.engine(**settings)
        async with serving(app_of(social), self.bound), browser(url_of(self.bound), user="7") as opened:
            yield social, opened

    async def by_hand(self, path: str, backend: str = "corp", **form: str) -> httpx.Response:
        """Ask the provider as the client of a backend, past the library."""
        provider = self.provider
        client = {"client_id": provider.client_id, "client_secret": provider.client_secret}
        if backend == "posting":
            client = {"client_id": provider.second_client_id, "client_secret": provider.second_client_secret}
        async with httpx.AsyncClient(trust_env=False) as http:
            return await http.post(f"{provider.issuer}{path}", data=client | form)

    async def is_active(self, token: str, backend: str = "corp") -> bool:
        answer = await self.by_hand("/token/introspection", backend, token=token)
        return answer.json()["active"] is True


@pytest.fixture(scope="module")
def bound() -> Iterator[socket.socket]:
    with listener() as one:
        yield one


@pytest.fixture(scope="module")
def provider(bound: socket.socket) -> Iterator[CertifiedProvider]:
    redirect_uris = [*(f"{url_of(bound)}/complete/{name}/" for name in ("corp", "posting")), PHONE]
    with running_provider(redirect_uris=redirect_uris, access_token_seconds=LIFETIME) as one:
        yield one


@pytest.fixture
def world(provider: CertifiedProvider, bound: socket.socket, tmp_path: Path) -> World:
    return World(provider=provider, bound=bound, database=f"sqlite+aiosqlite:///{tmp_path / 'social.db'}")


class Asked:
    """What httpx says in its log of the requests to the token endpoint."""

    def __init__(self, caplog: pytest.LogCaptureFixture, provider: CertifiedProvider) -> None:
        self._caplog = caplog
        self._line = f"HTTP Request: POST {provider.issuer}/token "

    def count(self) -> int:
        return sum(record.getMessage().startswith(self._line) for record in self._caplog.records)


@pytest.fixture
def asked(caplog: pytest.LogCaptureFixture, provider: CertifiedProvider) -> Asked:
    caplog.set_level(logging.INFO, logger="httpx")
    return Asked(caplog, provider)


async def sent_to_provider(person: Browser, backend: str = "corp") -> str:
    response = await person.click(f"/associate/{backend}/")
    assert response.status_code == 303, response.text
    return response.headers["location"]


async def linked(social: Social, person: Browser, *, login: str = "ada", backend: str = "corp") -> Association[Any]:
    """Link an account by the browser, from the click to the end."""
    address = await consent(person.http, await sent_to_provider(person, backend), login=login)
    completed = await person.arrive(address)
    assert (completed.status_code, completed.headers["location"]) == (303, "/associate/")
    return await only(social, backend)


async def only(social: Social, backend: str = "corp") -> Association[Any]:
    [association] = await social.associations("7", backend)
    return association


async def refresh_token_of(social: Social, association: Association[Any]) -> str:
    """Read the stored refresh token, which the library itself gives to nobody."""
    row = await social.engine.repository.get(association.id)
    assert row is not None
    stored = tokens_of(row, keys=social.engine.keys).refresh_token
    assert stored is not None
    return stored.reveal()
