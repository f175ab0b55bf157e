"""Engines of two kinds for the tests of backends: at GitHub as a function, and at the fake provider."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.requests import HTTPConnection

from asgi_social import (
    Social,
)
from asgi_social.testing import FakeProvider, ManualClock
from tests.app import github, settings

URI = "https://app.example/complete/"


class Octo:
    """GitHub as a function, which also says whose app a token is of.

    Attributes:
        app: The client_id that it names.
        revoked: What it answers to a revocation.
        asked: What it was asked, by method and path.
    """

    def __init__(self) -> None:
        self.app = "an-id"
        self.revoked = 204
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        if request.url.path == "/applications/an-id/token":
            if request.method == "DELETE":
                return httpx.Response(self.revoked)
            return httpx.Response(200, json={"app": {"client_id": self.app}, "user": {"id": 583231}})
        return github(request)


@asynccontextmanager
async def engine(octo: Octo | None = None, **more: Any) -> AsyncIterator[Social]:
    """Open an engine with a backend at GitHub."""
    async with Social(**settings(octo or Octo(), **more)) as social:
        yield social


@asynccontextmanager
async def corp(**more: Any) -> AsyncIterator[tuple[Social, FakeProvider]]:
    """Open an engine with a backend at the fake provider."""
    clock = ManualClock()
    fake = FakeProvider(issuer="https://id.example", clock=clock)
    http_client = httpx.AsyncClient(transport=fake.transport())
    values = {"backends": {"corp": fake.backend_settings()}, "http_client": http_client, "clock": clock}
    async with Social(**settings(**{**values, **more})) as social:
        yield social, fake


def request_of(user: str | None) -> HTTPConnection:
    """Give a request of this user."""
    return HTTPConnection({"type": "http", "headers": [], "session": {"user_id": user} if user else {}})


async def settled(social: Social) -> None:
    """Wait for all that runs behind the callers."""
    await social.close()
    await social.open()


def load(user_id: str) -> str | None:
    """Find a user of the app, who all are called by their ids."""
    return None if user_id == "gone" else f"user {user_id}"
