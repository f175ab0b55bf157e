"""What is around the processes: a database, providers on a socket, an engine of the test's own, and people who link.

Providers are at ``http://127.0.0.1:…/<backend>``, one for each backend, so that no test meets another's requests.
"""

import asyncio
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import Receive, Scope, Send

from asgi_social import Association, Social, SocialMiddleware
from asgi_social.clock import SystemClock
from asgi_social.secret import digest
from asgi_social.storage.repository import StoredAssociation
from asgi_social.testing import FakeProvider, SignedIn, user_of
from asgi_social.vault import tokens_of
from tests.app import KEY
from tests.databases import MARIADB, POSTGRESQL, migrated, raw
from tests.processes.inside import BASE
from tests.processes.running import Running, served

HOUR = 3600.0
LIVES = "expires_at = expires_at + {0}, issued_at = issued_at + {0}, renew_at = renew_at + {0}"


class Street:
    """Fake providers behind one socket, each at the path of its name."""

    def __init__(self, base: str, *, rotating: Sequence[str], lenient: Sequence[str]) -> None:
        """Build them.

        Args:
            base: The address of the socket.
            rotating: Names of those at which a refresh token is good once, and its reuse ends the family.
            lenient: Names of those at which it stays good.
        """
        self.fakes = {
            name: FakeProvider(issuer=f"{base}/{name}", rotates=name in rotating) for name in (*rotating, *lenient)
        }

    def backends(self) -> dict[str, dict[str, Any]]:
        """Give the settings of a backend at each."""
        return {name: fake.backend_settings() for name, fake in self.fakes.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = next(iter(self.fakes)) if scope["type"] == "lifespan" else scope["path"].split("/")[1]
        await self.fakes[name](scope, receive, send)


class Hurried(SystemClock):
    """A clock on which sleeping takes no time, and is over at the moment it was to end."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> float:
        return super().now() + sum(self.slept)

    def monotonic(self) -> float:
        return super().monotonic() + sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One database, and whoever uses it.

    Attributes:
        database: Its URL.
        fakes: The providers, by the backends' names.
        backends: The settings of all backends.
        social: An engine in the process of the test.
        http: For requests to the apps.
        processes: Four that serve the app.
    """

    database: str
    fakes: Mapping[str, FakeProvider]
    backends: Mapping[str, Mapping[str, Any]]
    social: Social
    http: httpx.AsyncClient
    processes: Sequence[Running]

    def setup(self, *, database: str | None = None) -> dict[str, Any]:
        """Give what a process is told to be."""
        return {"database": database or self.database, "backends": self.backends}

    def another(self, *, database: str | None = None) -> AbstractAsyncContextManager[Running]:
        """Serve the app in one more process."""
        return served(self.setup(database=database))

    def survivor(self, clock: SystemClock | None = None) -> Social:
        """Give another engine, as that of a process that is left when one was killed; it waits in no time."""
        return engine(self.database, self.backends, clock=clock or Hurried())

    async def link(self, backend: str, *, user: str = "ada") -> Association[Any]:
        """Link an account as a person does, at a provider of the street where it has the same name."""
        async with self.browser(user) as browser:
            return await browser.link(backend, person=user)

    def browser(self, user: str) -> SignedIn:
        """Give the browser of a user at an app in the process of the test."""
        app = Starlette(middleware=[Middleware(SocialMiddleware, self.social)])
        return SignedIn(app, social=self.social, fake_providers=self.fakes, user_id=user)

    def spend(self, association: Association[Any]) -> None:
        """Make its access token one that ended an hour ago."""
        self.change(association, LIVES.format(-2 * HOUR))

    def wear(self, association: Association[Any]) -> None:
        """Make its access token one that lives for two minutes more, which is inside the margin of renewal."""
        self.change(association, LIVES.format(120 - HOUR))

    def end_lease(self, association: Association[Any]) -> None:
        """Make its lease one that ended a long time ago, and any wait for the next attempt over."""
        self.change(association, f"lease_until = lease_until - {HOUR}, next_attempt_at = NULL")

    def change(self, association: Association[Any], values: str) -> None:
        """Write to its row, past the engine."""
        raw(self.database, f"UPDATE social_association SET {values} WHERE id = '{association.id}'")  # noqa: S608  # ours

    async def row(self, association: Association[Any]) -> StoredAssociation:
        """Give its row as it is stored now."""
        row = await self.social.engine.repository.get(association.id)
        assert row is not None
        return row

    async def stored(self, association: Association[Any]) -> str:
        """Give the digest of the access token that is stored now."""
        return digest(tokens_of(await self.row(association), keys=self.social.engine.keys).access_token.reveal())

    def renewals(self, backend: str) -> list[str]:
        """Give the refresh tokens that a provider of the street was shown, in their order."""
        asked = [one for one in self.fakes[backend].requests if "/token" in one.endpoints]
        return [one.form["refresh_token"] for one in asked if one.form["grant_type"] == "refresh_token"]

    async def ask(self, process: Running, backend: str, user: str, **more: str) -> httpx.Response:
        """Ask an app for a token."""
        params = {"backend": backend, "user": user, **more}
        return await self.http.get(f"{process.base}/token", params=params)

    async def storm(self, backend: str, user: str, *, callers: int = 50) -> list[httpx.Response]:
        """Ask all processes at once: each caller holds the same old token before the first one asks."""
        gate = f"token {backend} {user}"
        await asyncio.gather(*(process.do(f"close {gate}") for process in self.processes))
        shares = [callers // len(self.processes)] * len(self.processes)
        shares[0] += callers - sum(shares)
        reached = [process.lines.count(f"reached {gate}") + share for process, share in self._with(shares)]
        async with asyncio.TaskGroup() as group:
            asking = [
                group.create_task(self.ask(process, backend, user))
                for process, share in self._with(shares)
                for _ in range(share)
            ]
            for process, times in self._with(reached):
                await process.says(f"reached {gate}", times=times)
            await asyncio.gather(*(process.do(f"open {gate}") for process in self.processes))
        return [asked.result() for asked in asking]

    def _with(self, numbers: Sequence[int]) -> Iterable[tuple[Running, int]]:
        return zip(self.processes, numbers, strict=True)


def engine(database: str, backends: Mapping[str, Any], *, clock: SystemClock | None = None) -> Social:
    """Make an engine in the process of the test."""
    return Social(
        secret_key=KEY,
        base_url=BASE,
        backends=backends,
        database=database,
        clock=clock or SystemClock(),
        current_user=user_of,
    )


def plain(fake: FakeProvider) -> dict[str, Any]:
    """Give the settings of a backend at a provider that knows no ID tokens."""
    return {
        "provider": {
            "name": "plain",
            "title": "Plain",
            "authorize": {"url": f"{fake.issuer}/authorize", "scope": ["profile"]},
            "token": {"url": f"{fake.issuer}/token"},
            "userinfo": {"url": f"{fake.issuer}/userinfo"},
            "uid": {"path": "sub"},
        },
        "client_id": fake.client_id,
        "client_secret": fake.client_secret,
    }


@contextmanager
def new_database(kind: str, folder: Path) -> Iterator[str]:
    """Give the URL of a database of a kind with our tables, and remove it at the end."""
    name = f"asgi_social_processes_{secrets.token_hex(6)}"
    if kind == "sqlite":
        url = f"sqlite+aiosqlite:///{folder}/{name}.db"
        migrated(url)
        yield url
        return
    server, first, force = {"postgresql": (POSTGRESQL, "postgres", " WITH (FORCE)"), "mariadb": (MARIADB, "test", "")}[
        kind
    ]
    raw(f"{server}{first}", f"CREATE DATABASE {name}")
    try:
        migrated(f"{server}{name}")
        yield f"{server}{name}"
    finally:
        raw(f"{server}{first}", f"DROP DATABASE {name}{force}")
