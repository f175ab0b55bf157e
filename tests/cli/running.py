"""The command line as a person runs it, and an app of theirs for it to look at."""

import sys
from email.utils import formatdate
from types import ModuleType
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from asgi_social.cli.commands import app
from asgi_social.testing import FakeProvider
from asgi_social.testing.clock import START
from tests.app import settings

TARGET = "their_app:app"


class Dated(httpx.AsyncBaseTransport):
    """Lets a provider's answers say what time it is there, in seconds from the app's; None: they do not say."""

    def __init__(self, provider: FakeProvider, ahead: float | None) -> None:
        self._inner = provider.transport()
        self._ahead = ahead

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        if self._ahead is not None:
            response.headers["date"] = formatdate(START + self._ahead, usegmt=True)
        return response


def run(*words: str, **environment: str | None) -> Result:
    """Run a command."""
    return CliRunner().invoke(app, words, env=environment, prog_name="asgi-social")


def put(monkeypatch: pytest.MonkeyPatch, theirs: object) -> None:
    """Let ``TARGET`` be an app."""
    module: Any = ModuleType("their_app")
    module.app = theirs
    monkeypatch.setitem(sys.modules, "their_app", module)


def fake_settings(provider: FakeProvider, *, ahead: float | None = 0, **more: Any) -> dict[str, Any]:
    """Give the settings of an app with one provider, whose clock is ahead by so many seconds."""
    http = httpx.AsyncClient(transport=Dated(provider, ahead))
    return settings(backends={"id": provider.backend_settings()}, http_client=http, **more)
