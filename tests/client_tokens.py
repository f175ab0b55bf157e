"""Providers as functions, whose tokens a client sends, and engines that take them."""

import asyncio
from typing import Any

import httpx
import pytest

from asgi_social import TokenRefused
from asgi_social.clock import Clock
from tests.app import settings
from tests.engines import engine, load
from tests.protocols.played import HOST, METADATA, OAUTH2, OIDC
from tests.tokens import CLIENT_ID, CLIENT_SECRET, key_set

TOKEN = "an-access-token"
SUB = "248289761001"


class Signed:
    """An OpenID Connect provider as a function, whose profile is of one person.

    Attributes:
        sub: Whose the profile is.
        look_up: What the look-up says, where the data have one.
        asked: The paths that it was asked.
    """

    def __init__(self) -> None:
        self.sub = SUB
        self.look_up: dict[str, object] = {"app": CLIENT_ID, "user": SUB}
        self.status = 200
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if request.url.path == "/userinfo":
            return httpx.Response(self.status, json={"sub": self.sub, "name": "Ada of the profile"})
        answers: dict[str, Any] = {"/jwks": key_set(), "/look-up": self.look_up}
        return httpx.Response(200, json=answers.get(request.url.path, METADATA))


LOOK_UP = {"kind": "lookup", "url": f"{HOST}/look-up", "app": "app", "subject": "user"}


def both(network: Signed, provider: Any = OIDC, *, clock: Clock | None = None, **more: Any) -> Any:
    """Give an engine with a backend of OpenID Connect."""
    backend = {"provider": provider, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **more}
    wanted = settings(network, backends={"here": backend}, load_user=load)
    return engine(**wanted if clock is None else {**wanted, "clock": clock})


async def refusal(social: Any, **sent: Any) -> str:
    """Give why it is refused, where nothing is stored for it."""
    [backend] = social.backends()
    with pytest.raises(TokenRefused) as caught:
        await backend.associate(user_id="ada", **sent)
    assert await social.associations("ada") == []
    return caught.value.reason


class Expiring:
    """A provider as a function, which looks a token up and says when it ends.

    Attributes:
        seconds: How long the token lives from then on, or None for ever.
        app: Whose token it is.
        asked: The paths.
        held: Where set, the look-up waits for it.
    """

    def __init__(self, seconds: int | None = None) -> None:
        self.seconds = seconds
        self.app = CLIENT_ID
        self.asked: list[str] = []
        self.held: asyncio.Event | None = None
        self.began = asyncio.Event()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if request.url.path == "/me":
            return httpx.Response(200, json={"id": 7})
        self.began.set()
        if self.held is not None:
            await self.held.wait()
        end = {} if self.seconds is None else {"expires": self.seconds}
        return httpx.Response(200, json={"app": self.app, "user": "7", **end})

    @property
    def look_ups(self) -> int:
        """How often it was asked about a token."""
        return self.asked.count("/look-up")


def looked_up(network: Expiring, **more: Any) -> Any:
    """Give an engine whose backend looks tokens up, where ada is linked by a token of before."""
    provider = {**OAUTH2, "verify": [{**LOOK_UP, "expires": "expires"}]}
    backend = {"provider": provider, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return engine(**settings(network, backends={"here": backend}, load_user=load, **more))  # type: ignore[arg-type]
