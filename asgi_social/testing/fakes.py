"""Fakes for an app's own backends, made from its own settings, and one transport that reaches them all."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import httpx

from asgi_social.clock import Clock
from asgi_social.errors import SettingsError
from asgi_social.protocols.client import Client
from asgi_social.registration import registered
from asgi_social.testing.fake_people import PEOPLE, Person
from asgi_social.testing.fake_provider import FakeProvider
from asgi_social.testing.shaped_dialect import Shaped
from asgi_social.testing.shaped_oauth1 import SignedRequests
from asgi_social.testing.shapes import shape_of

LIFETIME = 3600
# Of protocols without tokens there is another imitation.
_PLAYED_BY = {"openid2": "FakeOpenID2", "saml": "FakeIdentityProvider"}


def fakes_of(
    backends: Mapping[str, Mapping[str, object]],
    *,
    people: Sequence[Person] = PEOPLE,
    clock: Clock | None = None,
    redirect_uris: Mapping[str, str] | None = None,
) -> dict[str, FakeProvider]:
    """Give a fake for each backend, by its name: one at the provider's own addresses, which answers in its shape.

    Args:
        backends: The setting ``backends``, as the app has it in production; secrets may be made up.
        people: Who has an account there.
        clock: Their time; the engine's own.
        redirect_uris: What is registered there, by the backends' names; needed where a provider gives it a name of its
            own, such as eBay's RuName.

    Raises:
        SettingsError: What the engine would raise of these settings.
    """
    found: dict[str, Client] = {}
    faults: list[SettingsError] = []
    for name, settings in backends.items():
        client = registered(name, settings, redirect_uri="", development=True, faults=faults)
        found |= {} if client is None else {name: client}
        if client is not None and client.provider.protocol in _PLAYED_BY:
            faults.append(_without_tokens(client))
    if faults:
        raise faults[0]
    known = redirect_uris or {}
    return {
        name: fake_of(client, people=people, clock=clock, redirect_uri=known.get(name))
        for name, client in found.items()
    }


def _without_tokens(client: Client) -> SettingsError:
    protocol = client.provider.protocol
    return SettingsError(
        f"the backend {client.name} speaks {protocol}, which has no tokens",
        hint=f"asgi_social.testing.{_PLAYED_BY[protocol]} plays its provider",
        setting=f"backends.{client.name}",
        backend=client.name,
    )


def fake_of(
    client: Client,
    *,
    people: Sequence[Person] = PEOPLE,
    clock: Clock | None = None,
    redirect_uri: str | None = None,
) -> FakeProvider:
    """Give a fake of the provider of a client, which is the app's registration as the engine reads it."""
    shape, rules = shape_of(client, redirect_uri=redirect_uri), client.provider.refresh
    return FakeProvider(
        issuer=str(shape.metadata.get("issuer") or f"https://{client.provider.name}.example"),
        client_id=client.client_id,
        client_secret=client.client_secret.reveal(),
        people=people,
        clock=clock,
        lifetime=None if rules.never_expires else LIFETIME,
        rotates=rules.rotates,
        require_pkce=client.provider.authorize.pkce == "required",
        always_refresh_token=False,
        dialect=Shaped(shape, oauth1=None if client.provider.oauth1 is None else SignedRequests(shape)),
    )


class Reached(Protocol):
    """A fake provider, as the engine reaches it."""

    def transport(self) -> httpx.AsyncBaseTransport:
        """Give a transport that reaches it."""

    def answers_at(self, method: str, url: str) -> bool:
        """Say whether something of it is at a URL."""


def transport_to(fakes: Iterable[Reached]) -> httpx.AsyncBaseTransport:
    """Give a transport that reaches several fake providers in this process, each at its own addresses.

    An address that is nobody's answers 404, and no request leaves the process. Of two fakes at the same address the
    first is reached.
    """
    return _Switch([(one, one.transport()) for one in fakes])


class _Switch(httpx.AsyncBaseTransport):
    def __init__(self, reached: Sequence[tuple[Reached, httpx.AsyncBaseTransport]]) -> None:
        self._reached = reached

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        # The engine's URL writes itself without its query, for the sake of logs.
        url = f"{str(request.url).partition('?')[0]}?{request.url.query.decode()}"
        for fake, transport in self._reached:
            if fake.answers_at(request.method, url):
                return await transport.handle_async_request(request)
        return httpx.Response(404, text="no fake provider has this address")
