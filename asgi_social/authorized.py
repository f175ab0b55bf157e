"""What the client of an association is made of: the token goes to the provider's API alone, and is renewed at a 401.

A token of OAuth 1 is not sent: it signs each request, and never ends.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from urllib.parse import parse_qsl

import httpx

from asgi_social.clock import Clock
from asgi_social.protocols.client import Client, signer_of, stored_pair
from asgi_social.protocols.host import allowed_address
from asgi_social.secret import Secret

# RFC 6750 section 3.1: the token is good, and may too little; a newer one may no more.
_TOO_LITTLE = re.compile(r'\berror\s*=\s*"?insufficient_scope\b', re.IGNORECASE)


class Guard:
    """Lets requests pass that may carry the token."""

    def __init__(self, admit: Callable[[str, int | None], Awaitable[None]], *, development: bool) -> None:
        """Make one.

        Args:
            admit: Raises for a host, and a port where it is not the scheme's own, that is not the provider's API.
            development: Whether plain http to a loopback host is allowed.
        """
        self._admit = admit
        self._development = development

    async def check(self, request: httpx.Request) -> None:
        """Raise unless the token may go along.

        Raises:
            httpx.UnsupportedProtocol: It is no https address, or has user info.
            SettingsError: The host is none of the provider's API.
        """
        if not allowed_address(str(request.url), development=self._development):
            raise httpx.UnsupportedProtocol("a token is sent over https only, and without user info", request=request)
        # What is connected to, and not what the text of the URL may be taken for.
        await self._admit(request.url.raw_host.decode("ascii"), request.url.port)


def auth_of(
    client: Client,
    token: Callable[[], Awaitable[str]],
    renewed: Callable[[str], Awaitable[str]],
    guard: Guard,
    *,
    clock: Clock,
) -> httpx.Auth:
    """Give how the requests of an association show its token."""
    return Bearer(token, renewed, guard) if client.provider.oauth1 is None else Signed(client, token, guard, clock)


class Signed(httpx.Auth):
    """Signs each request with the token, as OAuth 1.0a wants it. A 401 is the caller's: there is nothing to renew."""

    def __init__(self, client: Client, token: Callable[[], Awaitable[str]], guard: Guard, clock: Clock) -> None:
        self._client = client
        self._token = token
        self._guard = guard
        self._clock = clock

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send the request with its signature; of a body only a form is signed (RFC 5849 section 3.4.1.3.1)."""
        await self._guard.check(request)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        is_form = kind == "application/x-www-form-urlencoded"
        body = (await request.aread()).decode() if is_form else ""
        client = self._client.at(self._clock.now())
        request.headers["authorization"] = signer_of(client).authorization(
            request.method,
            str(request.url),
            form=parse_qsl(body, keep_blank_values=True),
            pair=stored_pair(client, Secret(await self._token())),
            more={},
        )
        yield request


class Bearer(httpx.Auth):
    """Sends a token; after a 401 asks for another, and repeats once what can be repeated."""

    def __init__(
        self, token: Callable[[], Awaitable[str]], renewed: Callable[[str], Awaitable[str]], guard: Guard
    ) -> None:
        self._token = token
        self._renewed = renewed
        self._guard = guard

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send the request with the token, and once more with another one where the first is refused.

        Any method is repeated, because a request that gets 401 was not acted on (RFC 9110 section 15.5.2).
        """
        await self._guard.check(request)
        # A body that is made as it is sent cannot be sent twice; the caller's next request has the new token.
        is_repeatable = isinstance(request.stream, httpx.ByteStream)
        token = await self._token()
        request.headers["authorization"] = sent = f"Bearer {token}"
        response = yield request
        if not _is_refusal(response, of=sent):
            return
        token = await self._renewed(token)
        request.headers["authorization"] = renewed = f"Bearer {token}"
        if is_repeatable and renewed != sent:
            yield request


def _is_refusal(response: httpx.Response, *, of: str) -> bool:
    """Say whether an answer asks for another token than the one sent.

    With redirects followed it may be that of a host which got no token: that one has none to refuse.
    """
    return (
        response.status_code == 401
        and response.request.headers.get("authorization") == of
        and not any(_TOO_LITTLE.search(one) for one in response.headers.get_list("www-authenticate"))
    )


class Shared(httpx.AsyncBaseTransport):
    """Passes requests to a client that others use too, and is closed without closing that."""

    def __init__(self, http: httpx.AsyncClient, guard: Guard) -> None:
        self._http = http
        self._guard = guard

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; one with credentials only where these may go.

        This is where each request passes, those of a followed redirect too. httpx takes the header off when a redirect
        leads to another origin; what goes out does not depend on that.
        """
        if "authorization" in request.headers:
            await self._guard.check(request)
        response = await self._http.send(request, stream=True, auth=no_auth, follow_redirects=False)
        if response.is_stream_consumed:  # a client for tests, whose answer was never on a wire
            return httpx.Response(response.status_code, headers=response.headers, content=response.content)
        return httpx.Response(response.status_code, headers=response.headers, stream=_Raw(response))


class _Raw(httpx.AsyncByteStream):
    """The bytes of a response as they came, for the outer client to decode."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_raw():
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()


def no_auth(request: httpx.Request) -> httpx.Request:
    """Keep httpx from adding credentials of its own (a ``.netrc``, the app's client) to a provider's request."""
    return request
