"""The one place that talks to the network: plays conversations, and limits time, size and where a request may go.

It alone imports httpx, and ``authorized`` below it, so that changing the client is one room's work. There is no ``if``
about any protocol here.
"""

import asyncio
import ipaddress
import json as json_text
import re
import socket
import zlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import closing
from functools import lru_cache, partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import unquote, urlsplit

import httpx

from asgi_social.authorized import Guard, Shared, auth_of, no_auth
from asgi_social.clock import Clock
from asgi_social.errors import ProviderBroken, ProviderUnreachable, SocialError
from asgi_social.protocols.api import require_api_host
from asgi_social.protocols.client import Client
from asgi_social.protocols.host import allowed_address
from asgi_social.protocols.message import Conversation, Request, Response
from asgi_social.protocols.variables import guarded
from asgi_social.secret import Secret

T = TypeVar("T")

CONVERSATION_SECONDS = 15.0
KEEP_SECONDS = 3600.0
KEEP_AT_MOST_SECONDS = 86400.0
REFETCH_SECONDS = 60.0
MAX_KEPT = 256
_TIMEOUT = httpx.Timeout(connect=5.0, read=10.0, write=10.0, pool=5.0)
# httpx with its default of 100 connections was slower than with 20, at 50 callers. Many servers close a connection that
# was idle for 5 s; a refresh token that is sent just then counts as spent, for nobody knows.
_LIMITS = httpx.Limits(max_connections=20, max_keepalive_connections=20, keepalive_expiry=4.0)
# What may be read in an error, and helps to mend it.
_PLAIN = frozenset({"client_id", "redirect_uri", "grant_type", "scope", "fields", "content-type", "accept"})
_MIN_SECRET_CHARACTERS = 8
_QUOTED = re.compile(r'"([^"]*)"')  # the parameters of a header of OAuth 1
_HEADERS = {"user-agent": "asgi-social", "accept": "application/json", "accept-encoding": "gzip"}


class Share(Protocol):
    """One task of a key at a time, whose result all callers get: ``Background.share``."""

    async def __call__(self, key: tuple[str, ...], make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Join the task of the key, or begin it."""


class Transport:
    """Plays conversations over one long-lived httpx client."""

    def __init__(
        self, *, clock: Clock, share: Share, development: bool, http_client: httpx.AsyncClient | None = None
    ) -> None:
        """Set up without opening anything.

        Args:
            clock: For the moment at which an answer was received, and the age of kept ones.
            share: Makes one fetch of a shared answer, however many ask.
            development: Whether plain http to a loopback host is allowed.
            http_client: The app's own client (proxy, certificates); it is never closed here.
        """
        self._clock = clock
        self._share = share
        self._development = development
        self._own = http_client is None
        self._http = http_client
        self._kept: OrderedDict[str, tuple[Response, float]] = OrderedDict()
        self._asked_at: dict[str, float] = {}

    def open(self) -> None:
        """Make the client, where the app brought none: 25 ms of work, done once when the app starts."""
        if self._http is None:
            self._http = httpx.AsyncClient(timeout=_TIMEOUT, limits=_LIMITS, trust_env=False)
            # One person's cookies at a provider must not go along with the next person's request.
            self._http.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    async def close(self) -> None:
        """Close the client that :meth:`open` made."""
        if self._own and self._http is not None:
            http, self._http = self._http, None
            await http.aclose()

    def abandon(self) -> None:
        """Forget the client that :meth:`open` made, whose connections ended with their event loop."""
        if self._own:
            self._http = None

    async def converse(
        self, client: Client, conversation: Conversation[T], *, seconds: float = CONVERSATION_SECONDS
    ) -> T:
        """Play a conversation with a client's provider, whose host others than the app may have chosen.

        The arguments and errors are those of :meth:`play`.
        """
        return await self.play(guarded(client, conversation), backend=client.name, seconds=seconds)

    async def play(self, conversation: Conversation[T], *, backend: str, seconds: float = CONVERSATION_SECONDS) -> T:
        """Hold a conversation with the provider to its end, and give what it returns.

        Args:
            conversation: Closed in every case.
            backend: Named in errors.
            seconds: The deadline for all of it.

        Raises:
            ProviderUnreachable: A request could not be sent, or its answer did not come in time.
            ProviderBroken: An answer is too long or ends in the middle.
            SocialError: Whatever the conversation itself raises.
        """
        request: Request | None = None
        failure: SocialError
        with closing(conversation):
            try:
                request = next(conversation)
                while (kept := self._at_hand(request)) is not None:
                    request = conversation.send(kept)
                async with asyncio.timeout(seconds):
                    while True:
                        request = conversation.send(await self._answer(request, backend=backend))
            except StopIteration as end:
                result: T = end.value
                return result
            except SocialError as error:
                failure = error
            except TimeoutError:
                failure = ProviderUnreachable(
                    f"the {request.endpoint if request else 'provider'} does not answer within {seconds:.0f} s",
                    endpoint=request.endpoint if request else "provider",
                    may_have_arrived=True,
                    backend=backend,
                )
        if isinstance(failure, ProviderBroken) and request is not None and failure.endpoint == request.endpoint:
            self._kept.pop(request.url, None)  # what nobody can read is not kept for an hour
        # What it came from (httpx's errors with their URLs, frames with codes and tokens in their variables) ends here,
        # for there are reporters that write out all of it.
        failure.__context__ = failure.__cause__ = None
        raise failure.with_traceback(None)

    def authorized_client(
        self, client: Client, token: Callable[[], Awaitable[str]], renewed: Callable[[str], Awaitable[str]]
    ) -> httpx.AsyncClient:
        """Give a client that sends a token as ``Authorization: Bearer``, or signs with it, over the shared connections.

        Closing it closes nothing that is shared. Redirects are not followed by themselves.

        Args:
            client: Whose API it is; the token goes to its hosts alone.
            token: Gives the token to send.
            renewed: Is given a token that was refused; gives another one, or the same where there is none.
        """

        async def admit(host: str, port: int | None) -> None:
            await self.converse(client, require_api_host(client, host, port))
            if client.chosen:  # by others than the app
                await self._require_public(host, endpoint="API", backend=client.name)

        guard = Guard(admit, development=self._development)
        return httpx.AsyncClient(
            transport=Shared(self._client(), guard),
            auth=auth_of(client, token, renewed, guard, clock=self._clock),
            timeout=_TIMEOUT,
            follow_redirects=False,
            trust_env=False,
        )

    async def _answer(self, request: Request, *, backend: str) -> Response:
        if not request.shared:
            return await self._fetched(request, backend=backend)
        if (at_hand := self._at_hand(request)) is not None:
            return at_hand
        kept = self._kept_answer(request.url)
        try:
            fetched = await self._share(("GET", request.url), partial(self._fetched_and_kept, request, backend=backend))
        except (ProviderUnreachable, ProviderBroken):
            if kept is None:
                raise
            return kept
        # A provider whose keys cannot be renewed still has those that were good a moment ago.
        return fetched if kept is None or fetched.status == 200 else kept

    def _at_hand(self, request: Request) -> Response | None:
        """Give an answer that is kept and need not be fetched anew."""
        if not request.shared or request.url not in self._kept or self._is_due(request):
            return None
        return self._kept_answer(request.url)

    def _kept_answer(self, url: str) -> Response | None:
        response, kept_at = self._kept.get(url, (None, 0.0))
        if response is None or self._clock.monotonic() - kept_at > KEEP_AT_MOST_SECONDS:
            return None
        return Response(
            status=response.status,
            headers=response.headers,
            body=response.body,
            received_at=self._clock.now(),
            sent=response.sent,
        )

    def _is_due(self, request: Request) -> bool:
        """Say whether a kept answer is fetched anew: it is old, or an unknown key asks; once a minute at most."""
        moment, asked_at = self._clock.monotonic(), self._asked_at.get(request.url)
        is_wanted = request.renewed or moment - self._kept[request.url][1] > KEEP_SECONDS
        return is_wanted and (asked_at is None or moment - asked_at > REFETCH_SECONDS)

    async def _fetched_and_kept(self, request: Request, *, backend: str) -> Response:
        if request.url in self._kept:
            self._asked_at[request.url] = self._clock.monotonic()
        try:
            async with asyncio.timeout(CONVERSATION_SECONDS):
                response = await self._fetched(request, backend=backend)
        except TimeoutError:
            raise _unreachable(request, "does not answer in time", arrived=True, backend=backend) from None
        if response.status == 200:
            self._kept[request.url] = (response, self._clock.monotonic())
            self._kept.move_to_end(request.url)
            if len(self._kept) > MAX_KEPT:
                url, _ = self._kept.popitem(last=False)
                self._asked_at.pop(url, None)
        return response

    async def _fetched(self, request: Request, *, backend: str) -> Response:
        if not allowed_address(request.url, development=self._development):
            raise ProviderBroken(
                endpoint=request.endpoint, expected="an https address", got="another one", backend=backend
            )
        if request.public:
            host = urlsplit(request.url).hostname or ""
            await self._require_public(host, endpoint=request.endpoint, backend=backend)
        http, built = self._client(), _built(request, backend=backend)
        try:
            response = await http.send(built, stream=True, auth=no_auth, follow_redirects=False)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol):
            # from None: httpx names the whole URL, which may hold a token
            raise _unreachable(request, "cannot be reached", arrived=False, backend=backend) from None
        except httpx.HTTPError:
            raise _unreachable(request, "breaks off before it answers", arrived=True, backend=backend) from None
        try:
            body = await _body(response, request, backend=backend)
        except (httpx.HTTPError, httpx.StreamError):
            raise _unreachable(request, "breaks off in its answer", arrived=True, backend=backend) from None
        finally:
            await response.aclose()
        return Response(
            status=response.status_code,
            headers=dict(response.headers.items()),  # whose names httpx has in lower case
            body=body,
            received_at=self._clock.now(),
            sent=_secrets_of(request),
        )

    async def _require_public(self, host: str, *, endpoint: str, backend: str) -> None:
        # An own client may go through a proxy, which alone can look the host up.
        if self._own and not self._development and not await _is_public(host):
            raise ProviderBroken(
                endpoint=endpoint, expected="an address on the public internet", got="another", backend=backend
            )

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            raise RuntimeError("the engine is not open: use 'async with social:', or the app's lifespan")
        return self._http


async def _is_public(host: str) -> bool:
    """Say whether every address of a host is one of the public internet; False where it has none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # the latter of a name that no host can have
        return False
    addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    return all(one.is_global and not one.is_multicast for one in addresses)


def _built(request: Request, *, backend: str) -> httpx.Request:
    """Make httpx's request, apart from any client: cookies and headers of the app's own are for the app's requests."""
    try:
        url = _fixed_url(request.url) if request.fixed else _Discreet(request.url)
        if request.query:
            url = _Discreet(url.copy_merge_params(request.query))
        built = httpx.Request(
            request.method,
            url,
            headers={**_HEADERS, **request.headers, **({"content-type": "application/json"} if request.json else {})},
            data=dict(request.form) if request.form is not None else None,
            content=json_text.dumps(request.json).encode() if request.json is not None else None,
            extensions={"timeout": _TIMEOUT.as_dict()},
        )
    except httpx.InvalidURL:  # from None: it names the URL
        raise ProviderBroken(
            endpoint=request.endpoint, expected="an https address", got="one that cannot be read", backend=backend
        ) from None
    built.url = url
    return built


def _secrets_of(request: Request) -> tuple[Secret, ...]:
    """Give what a request sent that no error may repeat; a short word is none, and would be blanked everywhere."""
    json = request.json if isinstance(request.json, dict) else {}
    sent = {**request.query, **(request.form or {}), **json}
    texts = [text for name, text in sent.items() if name not in _PLAIN and isinstance(text, str)]
    headers = [text for name, text in request.headers.items() if name.lower() not in _PLAIN]
    texts += [text.rpartition(" ")[2] for text in headers]
    texts += [unquote(one) for text in headers for one in _QUOTED.findall(text)]
    return tuple(Secret(text) for text in texts if len(text) >= _MIN_SECRET_CHARACTERS)


class _Discreet(httpx.URL):
    """A URL that is written without its query, which may hold a token: httpx logs each URL, as tracers do."""

    def __str__(self) -> str:
        return super().__str__().partition("?")[0]

    def __repr__(self) -> str:
        return f"URL({str(self)!r})"


@lru_cache(maxsize=MAX_KEPT)
def _fixed_url(url: str) -> _Discreet:
    """Parse the URL of a request that is the same for everybody, once: a third of making the request."""
    return _Discreet(url)


async def _body(response: httpx.Response, request: Request, *, backend: str) -> bytes:
    """Read a body, decompressed by hand: httpx would unpack a small chunk of gzip into any size at once."""
    if response.is_stream_consumed:  # a client for tests answers with a body that was never on a wire
        if len(response.content) > request.max_bytes:
            raise _broken(request, f"more than {request.max_bytes} bytes", backend=backend)
        return response.content
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity", "gzip", "deflate"}:
        raise _broken(request, "another content-encoding", backend=backend)
    unpack = None if encoding in {"", "identity"} else zlib.decompressobj(wbits=47 if encoding == "gzip" else 15)
    body = bytearray()
    # Not by aiter_raw, which has two more generators around the same chunks and keeps count.
    async for chunk in cast(httpx.AsyncByteStream, response.stream):
        try:
            body += chunk if unpack is None else unpack.decompress(chunk, request.max_bytes + 1 - len(body))
        except zlib.error:
            raise _broken(request, f"broken {encoding}", backend=backend) from None
        if unpack is not None and unpack.unused_data:  # which zlib would gather without end
            raise _broken(request, f"more than one {encoding} stream", backend=backend)
        if len(body) > request.max_bytes:
            raise _broken(request, f"more than {request.max_bytes} bytes", backend=backend)
    if unpack is not None and body and not unpack.eof:
        raise _broken(request, f"{encoding} that ends in the middle", backend=backend)
    return bytes(body)


def _unreachable(request: Request, what: str, *, arrived: bool, backend: str) -> ProviderUnreachable:
    return ProviderUnreachable(
        f"the {request.endpoint} {what}", endpoint=request.endpoint, may_have_arrived=arrived, backend=backend
    )


def _broken(request: Request, got: str, *, backend: str) -> ProviderBroken:
    return ProviderBroken(
        endpoint=request.endpoint, expected=f"at most {request.max_bytes} bytes of JSON", got=got, backend=backend
    )
