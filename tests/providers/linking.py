"""A backend that is linked by a browser, with a network of functions: from the click to the answer at ``/complete``."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from asgi_social import Association, Social
from asgi_social.testing import ManualClock
from tests.app import app_of, browser, settings
from tests.providers.widgets import SECRET, nobody

JSON = {"accept": "application/json"}


@dataclass(frozen=True)
class Link:
    """A browser of a person who is signed in."""

    name: str
    social: Social
    browser: httpx.AsyncClient
    clock: ManualClock

    async def begun(self, **params: str) -> str:
        """Begin a flow; give where the browser is sent."""
        answer = await self.browser.get(f"/associate/{self.name}/", params=params)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def completed(self, **params: str) -> tuple[int, str | None, str | None]:
        """Bring an answer; give status, code and reason."""
        answer = await self.browser.get(f"/complete/{self.name}/", params=params, headers=JSON)
        said = answer.json() if answer.status_code >= 400 else {}
        return answer.status_code, said.get("code"), said.get("reason")

    async def associations(self) -> list[Association[Any]]:
        """Give what is linked."""
        return await self.social.associations("ada")


@asynccontextmanager
async def linking(
    name: str, handler: Callable[[httpx.Request], httpx.Response] = nobody, **more: Any
) -> AsyncIterator[Link]:
    """Open an app with one backend."""
    clock = ManualClock()
    backends = {name: {"client_id": "an-id", "client_secret": SECRET, **more}}
    wanted = settings(handler, backends=backends, clock=clock, load_user=str)
    async with Social(**wanted) as social, browser(app_of(social)) as one:
        yield Link(name, social, one, clock)
