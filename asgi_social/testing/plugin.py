"""Fixtures for an app's own tests: ``pytest_plugins = ["asgi_social.testing.plugin"]`` in its ``conftest.py``.

On purpose no entry point: whoever has this package installed and does not ask for the fixtures has none of them, and
their pytest imports nothing of ours.
"""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from asgi_social.association import Association
from asgi_social.middleware import SocialMiddleware
from asgi_social.social import Social
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing.clock import ManualClock
from asgi_social.testing.fake_people import Person, one_of
from asgi_social.testing.fake_provider import FakeProvider

__all__ = ["SignedIn"]

BASE_URL = "https://app.example"
# What a browser says of a click on a page of the same site. Without an Accept for HTML, refusals are short: JSON.
_CLICK = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
_USER = "asgi_social.testing.user_id"


class SignedIn(httpx.AsyncClient):
    """A browser at the app, with a jar of its own, whose requests are of one user; it follows no redirect by itself.

    Attributes:
        user_id: Who is signed in, or None for nobody; a test may set another at any time.
    """

    def __init__(self, app: ASGIApp, *, social: Social, fake_provider: FakeProvider, user_id: object) -> None:
        """Open a browser at an app.

        Args:
            app: The app, with the middleware around or in it.
            social: The engine of this middleware.
            fake_provider: Where accounts are linked.
            user_id: Who is signed in.
        """
        self.user_id = user_id
        self._app = app
        self._social = social
        self._fake_provider = fake_provider
        super().__init__(
            transport=httpx.ASGITransport(self._of_the_user),
            base_url=social.settings.base_url or "http://localhost",
            headers=_CLICK,
        )

    async def link(self, backend: str = "fake", *, person: str | Person | None = None) -> Association[Any]:
        """Link an account as a person does: the click, the yes at the provider, and the way back.

        Args:
            backend: Its name; it has to be one at ``fake_provider``.
            person: Whose account at the provider, by username or sub; None for the first person's.

        Returns:
            The association as it is stored now, also where the account was linked before.

        Raises:
            ValueError: The app sends the browser elsewhere, or the provider sends nobody back.
        """
        begun = await self._redirected("GET", f"/associate/{backend}/")
        back = await self._fake_provider.consent(begun.headers["location"], person=person)
        await self._redirected("GET", back)
        people = self._fake_provider.people
        uid = people[0].sub if person is None else one_of(people, person).sub
        [association] = [one for one in await self._linked(backend) if one.uid == uid]
        return association

    async def unlink(self, backend: str = "fake", association_id: str | None = None) -> None:
        """Unlink all accounts of a backend, or one, as a person does on the page of linked accounts."""
        await self._redirected("POST", f"/disconnect/{backend}/{association_id + '/' if association_id else ''}")

    async def _linked(self, backend: str) -> list[Association[Any]]:
        return await self._social.associations(self.user_id, backend)

    async def _redirected(self, method: str, url: str) -> httpx.Response:
        prefix = "" if "://" in url else self._social.settings.prefix
        answer = await self.request(method, prefix + url)
        if not answer.is_redirect:
            # The path alone: a query holds a code.
            pytest.fail(f"{method} {answer.url.path} answers {answer.status_code}: {answer.text}")
        return answer

    async def _of_the_user(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, _USER: self.user_id}, receive, send)


@pytest.fixture
def social_clock() -> ManualClock:
    """The time of the engine and of the provider; it stands still until ``advance``."""
    return ManualClock()


@pytest.fixture
def fake_provider(social_clock: ManualClock) -> FakeProvider:
    """The provider, in this process; its ``faults`` are off."""
    return FakeProvider(issuer="https://id.example", clock=social_clock)


@pytest.fixture
def social_settings() -> dict[str, Any]:
    """What the engine is set to besides, or instead; for an app to override."""
    return {}


@pytest.fixture
def social_user() -> object:
    """The id of the user who is signed in; for an app to override."""
    return "7"


@pytest_asyncio.fixture
async def social(
    fake_provider: FakeProvider, social_clock: ManualClock, social_settings: dict[str, Any]
) -> AsyncIterator[Social]:
    """The engine, open, on a store in memory; its one backend is ``fake``, at ``fake_provider``."""
    async with httpx.AsyncClient(transport=fake_provider.transport()) as http_client:
        settings: dict[str, Any] = {
            "secret_key": "a key of tests, which opens nothing elsewhere",
            "backends": {"fake": fake_provider.backend_settings()},
            "base_url": BASE_URL,
            "database": MemoryRepository(),
            "current_user": _current_user,
            "http_client": http_client,
            "clock": social_clock,
        }
        async with Social(**{**settings, **social_settings}) as engine:
            yield engine


@pytest.fixture
def social_app(social: Social) -> ASGIApp:
    """The app of ``signed_in``: nothing but our paths, until an app overrides it with its own."""
    return SocialMiddleware(_no_app, social)


@pytest_asyncio.fixture
async def signed_in(
    social_app: ASGIApp, social: Social, fake_provider: FakeProvider, social_user: object
) -> AsyncIterator[SignedIn]:
    """A browser at ``social_app``, in which ``social_user`` is signed in."""
    async with SignedIn(social_app, social=social, fake_provider=fake_provider, user_id=social_user) as client:
        yield client


def _current_user(connection: HTTPConnection) -> object:
    return connection.scope.get(_USER)


_no_app = PlainTextResponse("there is no app: override the fixture social_app", 404)
