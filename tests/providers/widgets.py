"""A backend whose client tokens are payloads of a widget or a frame, with a network of functions."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from asgi_social import Association, Social, TokenRefused
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing import ManualClock
from tests.app import settings

SECRET = "a secret of the tests"


def nobody(request: httpx.Request) -> httpx.Response:
    """Answer as a network in which nobody is to be asked."""
    raise AssertionError(f"{request.url.host} is asked")


@dataclass(frozen=True)
class Page:
    """A page of the app, that hands payloads on."""

    social: Social
    backend: Any
    clock: ManualClock

    async def link(self, payload: str) -> Association[Any]:
        """Link the account of a payload to a user."""
        linked: Association[Any] = await self.backend.associate(payload, user_id="7")
        return linked

    async def refusal(self, payload: str) -> str:
        """Give why a payload is refused, where nothing is stored for it."""
        with pytest.raises(TokenRefused) as caught:
            await self.backend.associate(payload, user_id="8")
        assert await self.social.associations("8") == []
        return caught.value.reason


@asynccontextmanager
async def page(
    name: str, handler: Callable[[httpx.Request], httpx.Response] = nobody, **more: Any
) -> AsyncIterator[Page]:
    """Open an engine with one backend."""
    clock = ManualClock()
    backend = {"client_id": "an-id", "client_secret": SECRET, **more}
    wanted = settings(handler, backends={name: backend}, clock=clock, database=MemoryRepository(), load_user=str)
    async with Social(**wanted) as social:
        yield Page(social, social.backend(name), clock)
