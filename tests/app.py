"""A small app around the middleware, and a browser for it, for tests that go through the doors."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from asgi_social import Social, SocialMiddleware
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing import ManualClock

KEY = "a-key-of-the-tests-4Jt8sQ2vXw9LmZ"
BASE = "https://app.example"
# What a browser sends with a click on a page of the same site.
CLICK = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate", "accept": "text/html"}


class SignedIn:
    """The sign-in of the tests' app: the header ``x-user`` says who it is, as a session would."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            user = dict(scope["headers"]).get(b"x-user")
            scope["session"] = {"user_id": user.decode()} if user else {}
        await self._app(scope, receive, send)


def github(request: httpx.Request) -> httpx.Response:
    """Answer as GitHub does for one person."""
    answers: dict[str, Any] = {
        "/login/oauth/access_token": {"access_token": "gho_secret", "token_type": "bearer", "scope": "read:user"},
        "/user": {"id": 583231, "login": "octocat", "name": "The Octocat"},
        "/user/emails": [{"email": "octocat@github.example", "primary": True, "verified": True}],
    }
    if request.url.path in answers:
        return httpx.Response(200, json=answers[request.url.path])
    return httpx.Response(204)


def settings(handler: Callable[[httpx.Request], httpx.Response] = github, **more: Any) -> dict[str, Any]:
    """Give the settings of the tests' app; the network is a function."""
    return {
        "secret_key": KEY,
        "backends": {"github": {"client_id": "an-id", "client_secret": "a-secret"}},
        "base_url": BASE,
        "database": MemoryRepository(),
        "http_client": httpx.AsyncClient(transport=httpx.MockTransport(handler)),
        "clock": ManualClock(),
        **more,
    }


async def _home(request: Request) -> Response:
    return JSONResponse({"social": "social" in request.scope["state"]})


def app_of(social: Social, *, routes: list[Route] | None = None) -> Starlette:
    """Give an app with a sign-in around our middleware."""
    return Starlette(
        routes=[Route("/", _home), *(routes or [])],
        middleware=[Middleware(SignedIn), Middleware(SocialMiddleware, social)],
    )


@asynccontextmanager
async def browser(app: ASGIApp, *, user: str | None = "ada", base: str = BASE) -> AsyncIterator[httpx.AsyncClient]:
    """Give a browser at the app, with a jar of its own; it follows no redirect by itself."""
    headers = {**CLICK, **({"x-user": user} if user else {})}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=base, headers=headers) as client:
        yield client


def query_of(url: str) -> dict[str, str]:
    """Give the query of a URL."""
    return dict(parse_qsl(urlsplit(url).query))


async def linked(client: httpx.AsyncClient, backend: str = "github", **callback: str) -> httpx.Response:
    """Associate an account from the click to the answer at ``/complete``."""
    begun = await client.get(f"/associate/{backend}/")
    assert begun.status_code == 303, begun.text
    state = query_of(begun.headers["location"])["state"]
    return await client.get(f"/complete/{backend}/", params={"code": "a-code", "state": state, **callback})
