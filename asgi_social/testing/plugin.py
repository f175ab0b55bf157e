"""Fixtures for an app's own tests, off until asked for: ``asgi_social = true`` in the settings of pytest.

``pytest_plugins = ["asgi_social.testing.plugin"]`` in a ``conftest.py`` asks as well. The entry point that reads the
setting stands beside the package (``pytest_asgi_social``), so that who does not ask imports nothing of ours.
"""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from asgi_social.middleware import SocialMiddleware
from asgi_social.social import Social
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing.clock import ManualClock
from asgi_social.testing.fake_provider import FakeProvider
from asgi_social.testing.fakes import fakes_of, transport_to
from asgi_social.testing.signed_in import SignedIn, user_of

__all__ = ["SignedIn"]

BASE_URL = "https://app.example"


@pytest.fixture
def social_clock() -> ManualClock:
    """The time of the engine and of the provider; it stands still until ``advance``."""
    return ManualClock()


@pytest.fixture
def fake_provider(social_clock: ManualClock) -> FakeProvider:
    """The provider, in this process; its ``faults`` are off."""
    # A key for ES256 is made in no time, and the provider oidc takes it; one for RS256 takes a tenth of a second.
    return FakeProvider(issuer="https://id.example", clock=social_clock, alg="ES256")


@pytest.fixture
def social_settings() -> dict[str, Any]:
    """What the engine is set to besides, or instead; for an app to override."""
    return {}


@pytest.fixture
def social_user() -> object:
    """The id of the user who is signed in; for an app to override."""
    return "7"


@pytest.fixture
def fake_providers(
    fake_provider: FakeProvider, social_clock: ManualClock, social_settings: dict[str, Any]
) -> dict[str, FakeProvider]:
    """The providers of all backends of ``social_settings``, by their names, each in its own shape.

    A backend that is at ``fake_provider`` has that one, and without any backend there is ``fake``.
    """
    backends = social_settings.get("backends") or {"fake": fake_provider.backend_settings()}
    shaped = {name: one for name, one in backends.items() if one.get("issuer") != fake_provider.issuer}
    fakes = fakes_of(shaped, clock=social_clock)
    return {name: fakes.get(name, fake_provider) for name in backends if name in fakes or name not in shaped}


@pytest_asyncio.fixture
async def social(
    fake_provider: FakeProvider,
    fake_providers: dict[str, FakeProvider],
    social_clock: ManualClock,
    social_settings: dict[str, Any],
) -> AsyncIterator[Social]:
    """The engine, open, on a store in memory; its backends are at ``fake_providers``, else the one ``fake``."""
    shaped = [one for one in fake_providers.values() if one is not fake_provider]
    # The last takes whatever is nobody else's, and has nothing there.
    async with httpx.AsyncClient(transport=transport_to([*shaped, fake_provider])) as http_client:
        settings: dict[str, Any] = {
            "secret_key": "a key of tests, which opens nothing elsewhere",
            "backends": {"fake": fake_provider.backend_settings()},
            "base_url": BASE_URL,
            "database": MemoryRepository(),
            "current_user": user_of,
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
    social_app: ASGIApp, social: Social, fake_providers: dict[str, FakeProvider], social_user: object
) -> AsyncIterator[SignedIn]:
    """A browser at ``social_app``, in which ``social_user`` is signed in."""
    async with SignedIn(social_app, social=social, fake_providers=fake_providers, user_id=social_user) as client:
        yield client


_no_app = PlainTextResponse("there is no app: override the fixture social_app", 404)
