"""A provider whose token endpoint a test plays by hand, an app that uses it, and an account that is linked there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

import httpx

from asgi_social import Association, Event, Social
from asgi_social.events import Hook
from asgi_social.storage.memory import MemoryRepository
from asgi_social.storage.repository import StoredAssociation
from asgi_social.testing import FakeProvider, ManualClock
from tests.app import app_of, browser, query_of, settings

TABLE: Mapping[str, Any] = {
    "name": "acme",
    "title": "Acme",
    "authorize": {"url": "https://acme.example/authorize"},
    "token": {"url": "https://acme.example/token"},
    "userinfo": {"url": "https://acme.example/me"},
}

REVOKED = httpx.Response(400, json={"error": "invalid_grant", "error_description": "revoked"})


class Acme:
    """The provider, as the function that an ``httpx.MockTransport`` asks.

    Attributes:
        first: The token answer when the account is linked.
        answers: What the next renewals get, oldest first; where it is empty: new tokens, numbered.
        renewals: The requests to the token endpoint that were renewals.
        parameters: What each of them sent, in its form or its query.
        arrived: Set when a renewal has arrived.
        gate: Renewals wait for it before they are answered.
    """

    def __init__(self, *, first: Mapping[str, object] | None = None) -> None:
        self.first = {"access_token": "access-0", "refresh_token": "refresh-0", "expires_in": 3600, **(first or {})}
        self.answers: list[httpx.Response] = []
        self.renewals: list[httpx.Request] = []
        self.parameters: list[dict[str, str]] = []
        self.arrived = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith(("/token", "/access_token")):
            return httpx.Response(200, json={"id": 7, "sub": "7", "username": "ada at acme"})
        parameters = dict(parse_qsl(request.content.decode())) or dict(request.url.params)
        if "code" in parameters:
            return httpx.Response(200, json={name: value for name, value in self.first.items() if value is not None})
        self.renewals.append(request)
        self.parameters.append(parameters)
        number = len(self.renewals)
        self.arrived.set()
        await self.gate.wait()
        return self.answers.pop(0) if self.answers else answer(number)


def answer(number: int, **more: object) -> httpx.Response:
    """Give a token answer; a part that is None is left out."""
    parts = {"access_token": f"access-{number}", "refresh_token": f"refresh-{number}", "expires_in": 3600, **more}
    return httpx.Response(200, json={name: value for name, value in parts.items() if value is not None})


class Linked:
    """An open engine, and an account of the user ada that is linked.

    Attributes:
        social: The engine.
        clock: Its time.
        repository: Its store.
        events: What it told of, since the account was linked.
        association: The account, as it was linked.
    """

    def __init__(
        self,
        social: Social,
        *,
        consent: Callable[[str], Awaitable[str]],
        repository: MemoryRepository,
        clock: ManualClock,
        events: list[Event],
    ) -> None:
        self.social = social
        self.clock = clock
        self.repository = repository
        self.events = events
        self.association: Association[Any]
        self._consent = consent

    async def stored(self) -> Association[Any]:
        """Give the association as the store has it now."""
        [association] = await self.social.associations("ada")
        return association

    async def row(self) -> StoredAssociation:
        """Give the row as the store has it now."""
        row = await self.repository.get(self.association.id)
        assert row is not None
        return row

    async def at_rest(self) -> None:
        """Wait for all that runs behind the callers; a close would keep what is only about to begin from it."""
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            _, pending = await asyncio.wait(others, timeout=10)
            assert not pending, f"{pending} do not end by themselves"

    async def told(self) -> list[str]:
        """Give the names of the events so far, those on their way included."""
        await self.at_rest()
        return [event.name for event in self.events]

    async def link(self) -> None:
        """Link the account, or link it again."""
        name = self.social.backends()[0].name
        async with browser(app_of(self.social)) as client:
            begun = await client.get(f"/associate/{name}/")
            done = await client.get(await self._consent(begun.headers["location"]))
        assert done.status_code == 303, done.text
        self.association = await self.stored()


@asynccontextmanager
async def at(
    provider: FakeProvider | Callable[[httpx.Request], Coroutine[Any, Any, httpx.Response]],
    *,
    name: str = "acme",
    table: Mapping[str, Any] | None = None,
    clock: ManualClock | None = None,
    repository: MemoryRepository | None = None,
    on_event: Hook | None = None,
) -> AsyncIterator[Linked]:
    """Open an engine with a backend at this provider, link an account there, and close the engine at the end.

    Args:
        provider: The provider.
        name: ``acme``, or that of a provider of the catalogue which ``Acme`` is to play.
        table: What the data of ``Acme`` say besides ``TABLE``; a table within is laid over the one there.
        clock: That of the ``FakeProvider``.
        repository: The store, where it is not an ordinary one.
        on_event: In place of the list ``events``.
    """
    clock, events = clock or ManualClock(), list[Event]()
    repository = repository or MemoryRepository(clock=clock)
    transport: httpx.AsyncBaseTransport
    consent: Callable[[str], Awaitable[str]]
    if isinstance(provider, FakeProvider):
        name, backend = "corp", provider.backend_settings()
        transport, consent = provider.transport(), provider.consent
    else:
        backend = backend_at(table) if name == "acme" else {"client_id": "an-id", "client_secret": "a-secret"}
        transport, consent = httpx.MockTransport(provider), _code
    values = settings(
        backends={name: backend},
        http_client=httpx.AsyncClient(transport=transport),
        database=repository,
        clock=clock,
        on_event=on_event or events.append,
    )
    async with Social(**values) as social:
        there = Linked(social, consent=consent, repository=repository, clock=clock, events=events)
        await there.link()
        await there.at_rest()
        events.clear()
        yield there


def backend_at(table: Mapping[str, Any] | None = None, *, client_id: str = "an-id") -> dict[str, Any]:
    """Give the settings of a backend at ``Acme``."""
    merged = {**TABLE}
    for key, value in (table or {}).items():
        merged[key] = {**TABLE[key], **value} if key in TABLE and isinstance(value, Mapping) else value
    return {"provider": merged, "client_id": client_id, "client_secret": "a-secret"}


def again(there: Linked, acme: Acme, **more: Any) -> Social:
    """Give another engine over the same store, as after a new start with other settings."""
    http_client = httpx.AsyncClient(transport=httpx.MockTransport(acme))
    values = {"backends": {"acme": backend_at()}, "http_client": http_client, **more}
    return Social(**settings(**{"database": there.repository, "clock": there.clock, **values}))


async def _code(location: str) -> str:
    query = query_of(location)
    return f"{query['redirect_uri']}?code=a-code&state={query['state']}"
