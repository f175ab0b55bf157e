"""A whole trip of one backend: the engine with an app's own settings, and a fake in the provider's shape."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, RSAKey
from starlette.responses import Response

from asgi_social import Association, Social, SocialMiddleware, TokenRefused
from asgi_social.protocols.provider import Provider
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing import FakeProvider, ManualClock, SignedIn, fakes_of, transport_to, user_of
from tests.app import KEY

SECRET = "a secret that is long enough to be a key"
PEM = ECKey.generate_key("P-256").as_pem(private=True).decode()
RSA_PEM = RSAKey.generate_key(2048).as_pem(private=True).decode()


PLAIN: dict[str, Any] = {
    "name": "own",
    "title": "Own",
    "authorize": {"url": "https://own.example/authorize"},
    "token": {"url": "https://own.example/token"},
    "userinfo": {"url": "https://own.example/me"},
}


@dataclass(frozen=True)
class Trip:
    """One backend with its fake, and the browser of a person who is signed in."""

    name: str
    social: Social
    fake: FakeProvider
    browser: SignedIn
    clock: ManualClock

    @property
    def backend(self) -> Any:
        """The backend."""
        return self.social.backend(self.name)

    async def link(self, person: str = "ada") -> Association[Any]:
        """Link a person's account."""
        return await self.browser.link(self.name, person=person)

    async def refusal(self, access_token: str | None = None, *, id_token: str | None = None) -> str:
        """Give why a client token is refused."""
        with pytest.raises(TokenRefused) as caught:
            await self.backend.do_auth(access_token, id_token=id_token)
        return caught.value.reason


def settings_of(provider: Provider) -> dict[str, Any]:
    """Give the least that an app has to set: its registration, and the variables that have no default."""
    secret = PEM if provider.token.auth == "secret_jwt" else SECRET
    if provider.oauth1 is not None and provider.oauth1.signature == "RSA-SHA1":
        secret = RSA_PEM
    variables = {one.setting: one.example for one in provider.variables.values() if not one.default}
    return {"client_id": "an-id", "client_secret": secret, "offline": True, **variables}


def with_(**tables: Any) -> dict[str, Any]:
    """Give the settings of a backend whose provider has these tables besides, or with these keys in them."""
    table = {
        **PLAIN,
        **{key: {**PLAIN.get(key, {}), **one} if isinstance(one, dict) else one for key, one in tables.items()},
    }
    return {"provider": table, "client_id": "an-id", "client_secret": SECRET, "offline": True}


@asynccontextmanager
async def trip(
    name: str, settings: Mapping[str, Any], *, known_there: Mapping[str, Any] | None = None
) -> AsyncIterator[Trip]:
    """Open an engine with one backend, whose provider is played.

    Args:
        name: The backend's.
        settings: The backend's.
        known_there: What the provider knows otherwise than the app.
    """
    clock = ManualClock()
    fakes = fakes_of(
        {name: {**settings, **(known_there or {})}},
        clock=clock,
        redirect_uris={name: f"https://app.example/complete/{name}/"},
    )
    async with httpx.AsyncClient(transport=transport_to(fakes.values())) as http_client:
        social = Social(
            secret_key=KEY,
            backends={name: settings},
            base_url="https://app.example",
            database=MemoryRepository(),
            http_client=http_client,
            current_user=user_of,
            load_user=lambda user_id: user_id,
            clock=clock,
        )
        app = SocialMiddleware(Response(), social)
        async with social, SignedIn(app, social=social, fake_providers=fakes, user_id="7") as browser:
            yield Trip(name, social, fakes[name], browser, clock)
