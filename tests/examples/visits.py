"""Visits to an example: the browser at it, and the provider that its ``github`` is."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from asgi_social.testing import FakeProvider, ManualClock, MemoryRepository
from tests.app import BASE, CLICK, KEY
from tests.test_lifespan import Server

NAMES = ["plain_app", "starlette_app", "fastapi_app", "quart_app", "litestar_app", "django_app"]
SCRIPT = {"accept": "application/json"}
# The fake provider with a look-up besides, so that it proves access tokens and not only ID tokens.
PROVIDER: Mapping[str, Any] = {
    "name": "fake",
    "title": "Fake provider",
    "protocol": "oidc",
    "vars": {"issuer": {"kind": "url"}},
    "oidc": {"endpoint": "{issuer}"},
    "authorize": {"scope": ["openid", "profile", "email"]},
    "verify": [{"kind": "lookup", "url": "{issuer}/token-info", "app": "client_id", "subject": "sub"}],
}


class Visit:
    """A browser at an example, and the provider that the example's ``github`` is."""

    def __init__(self, app: ASGIApp, http: httpx.AsyncClient, provider: FakeProvider) -> None:
        self.app = app
        self.http = http
        self.provider = provider

    async def sign_in(self, user_id: str = "7") -> None:
        """Sign in by the example's own stub."""
        answer = await self.http.post(f"sign-in/{user_id}")
        assert answer.is_success, answer.text

    async def begin(self, headers: dict[str, str] | None = None) -> str:
        """Click on the link that links an account, and give where the browser is sent."""
        begun = await self.http.get("associate/github/", headers={**CLICK, **(headers or {})})
        assert begun.status_code == 303, begun.text
        return begun.headers["location"]

    async def link(self, person: str = "ada") -> httpx.Response:
        """Link an account, from the click to the answer at ``/complete``."""
        back = await self.provider.consent(await self.begin(), person=person)
        return await self.http.get(back, headers=CLICK)

    async def phone(self, token: str) -> httpx.Response:
        """Send a client token in."""
        return await self.http.post("phone", headers={"authorization": f"Bearer {token}"})


@asynccontextmanager
async def visit(
    example: ModuleType, *, base: str = BASE, around: Callable[[ASGIApp], ASGIApp] = lambda app: app, **more: Any
) -> AsyncIterator[Visit]:
    """Open an example, and a browser at it.

    Args:
        example: Its module.
        base: The public address, with the path of a mount.
        around: Puts what a server, a proxy or another app does around the example.
        more: Further settings; ``base_url`` is ``base`` where it is not among them.
    """
    clock = ManualClock()
    provider = FakeProvider(issuer="https://id.example", clock=clock)
    async with httpx.AsyncClient(transport=provider.transport()) as network:
        settings: dict[str, Any] = {
            "secret_key": KEY,
            "backends": {"github": {**provider.backend_settings(), "provider": PROVIDER}},
            "base_url": base,
            "database": MemoryRepository(),
            "http_client": network,
            "clock": clock,
        }
        app = around(example.make_app(**settings | more))
        server = Server(app)
        started = await server.starts()
        assert started["type"] == "lifespan.startup.complete"
        async with browser(app, base=base) as http:
            yield Visit(app, http, provider)
        await server.stops()


@asynccontextmanager
async def visit_again(first: Visit) -> AsyncIterator[Visit]:
    """Give another browser at the same example."""
    async with browser(first.app) as http:
        yield Visit(first.app, http, first.provider)


def browser(app: ASGIApp, *, base: str = BASE) -> httpx.AsyncClient:
    """Give a browser whose paths are relative to a public address; it asks as a script does."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=f"{base}/", headers=SCRIPT)


def rooted(app: ASGIApp, root_path: str) -> ASGIApp:
    """Give an app as a server with a ``root_path`` calls it: the path stays whole, as the ASGI specification says."""

    async def server(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "root_path": root_path} if scope["type"] == "http" else scope, receive, send)

    return server


def stripped(app: ASGIApp, prefix: str) -> ASGIApp:
    """Give an app behind a proxy that takes a prefix off the path, and tells nobody."""

    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        inside = {**scope, "path": scope["path"].removeprefix(prefix)} if scope["type"] == "http" else scope
        await app(inside, receive, send)

    return proxy


def mounted(app: ASGIApp, prefix: str) -> ASGIApp:
    """Give an app that has another one mounted, and hands the lifespan on to it."""
    around = Starlette(routes=[Mount(prefix, app=app)])

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        await (app if scope["type"] == "lifespan" else around)(scope, receive, send)

    return outer
