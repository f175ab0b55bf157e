"""An app that takes client tokens of one provider, which a fake in its own shape plays."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from asgi_social import ProviderError, Social, TokenRefused, providers
from asgi_social.expressions import Path
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing import FakeProvider, ManualClock, fakes_of, transport_to
from asgi_social.testing.inverting import with_facts
from tests.app import KEY
from tests.testing.trips import settings_of

ANOTHER_APP = "another-app"


@dataclass(slots=True)
class Network(httpx.AsyncBaseTransport):
    """What lies between the engine and the fake.

    Attributes:
        inner: What reaches the fake.
        told: The answers to the first requests in which ``about`` stands, in place of the fake's own.
        about: A client token, or a part of an address.
        is_silent: Whether nothing is answered.
        falls_silent_after: The first request in which this stands is the last that is answered.
        addresses: What was asked.
    """

    inner: httpx.AsyncBaseTransport
    told: list[httpx.Response] = field(default_factory=list)
    about: str = ""
    is_silent: bool = False
    falls_silent_after: str = ""
    addresses: list[str] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.addresses.append(str(request.url))
        if self.is_silent:
            raise httpx.ReadTimeout("nothing is answered")
        sent = f"{request.url.query.decode()} {request.url.path} {request.headers.values()} {request.content.decode()}"
        self.is_silent = bool(self.falls_silent_after) and self.falls_silent_after in sent
        if self.told and self.about in sent:
            return self.told.pop(0)
        return await self.inner.handle_async_request(request)


@dataclass(frozen=True, slots=True)
class App:
    """The app's engine, with who is at the other end."""

    name: str
    social: Social
    fake: FakeProvider
    network: Network
    clock: ManualClock

    async def user(self, access_token: str | None = None, **named: Any) -> Any:
        """Give the user of a client token, who is made where there is none; None where nobody is let in."""
        return await self.social.backend(self.name).do_auth(access_token, sign_up="allow", **named)

    async def uid(self, access_token: str | None = None, **named: Any) -> str:
        """Give the uid of the user of a client token."""
        user = await self.user(access_token, **named)
        [association] = await self.social.associations(user.id)
        return association.uid

    async def refusal(self, access_token: object = None, *, id_token: object = None, nonce: str | None = None) -> str:
        """Give why a client token lets nobody in: the reason of its refusal, or the name of the error."""
        tokens: Any = {"access_token": access_token, "id_token": id_token, "nonce": nonce}
        with pytest.raises((TokenRefused, ProviderError)) as caught:
            await self.user(**tokens)
        return caught.value.reason if isinstance(caught.value, TokenRefused) else type(caught.value).__name__

    def tells(self, token: str, **changed: object) -> None:
        """Have the look-up of a token answer for Ada and this app, but for some facts by the names of a proof."""
        proof = next(one for one in providers.provider(self.name).proofs if one.kind == "lookup")
        said = {"app": self.fake.client_id, "subject": self.fake.uid_of("ada"), "active": True, **changed}
        facts = [(path, said[name]) for name in said if isinstance(path := getattr(proof, name), Path)]
        facts += [(path, changed.get("must", wanted)) for path, wanted in proof.must]
        answer = with_facts({"userinfo": {}}, facts, base="userinfo")["userinfo"]
        self.network.told, self.network.about = [httpx.Response(200, json=answer)], token


@asynccontextmanager
async def proving(name: str, **further: Any) -> AsyncIterator[App]:
    """Open an engine whose one backend is this provider."""
    settings = {**settings_of(providers.provider(name)), **further}
    clock = ManualClock()
    fakes = fakes_of({name: settings}, clock=clock)
    network = Network(transport_to(fakes.values()))
    async with (
        httpx.AsyncClient(transport=network) as http_client,
        Social(
            secret_key=KEY,
            backends={name: settings},
            base_url="https://app.example",
            database=MemoryRepository(),
            embedded_users=True,
            http_client=http_client,
            clock=clock,
        ) as social,
    ):
        yield App(name, social, fakes[name], network, clock)
