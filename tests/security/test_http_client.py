"""What a hostile or broken provider may cost: redirects, time, memory (rows SR-H01 to SR-H03)."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import httpx
import pytest

from asgi_social.account import Uid
from asgi_social.background import Background
from asgi_social.errors import ProviderBroken, ProviderError, ProviderUnreachable, TokenRefused
from asgi_social.protocols.client import Client
from asgi_social.protocols.id_token import Expected, verified_claims
from asgi_social.protocols.message import (
    MAX_BODY_BYTES,
    MAX_METADATA_BYTES,
    Callback,
    Challenge,
    Conversation,
    Request,
    Response,
    Tokens,
)
from asgi_social.protocols.metadata import prepared
from asgi_social.protocols.oauth2 import exchange_code, renew, revoke
from asgi_social.protocols.proof import prove
from asgi_social.protocols.userinfo import fetch_account
from asgi_social.secret import Secret
from asgi_social.testing import ManualClock
from asgi_social.testing.clock import START
from asgi_social.transport import CONVERSATION_SECONDS, Transport
from tests.protocols.played import HOST, OAUTH2, OIDC, client_of, ready
from tests.tokens import CLIENT_ID, ISSUER, signed

MEBIBYTE = 1024 * 1024
TOKENS = Tokens(access_token=Secret("a-token"), refresh_token=Secret("a-refresh-token"))
CHALLENGE = Challenge(
    redirect_uri="https://app.example/complete/here/",
    state=Secret("a-state"),
    nonce=Secret("a-nonce"),
    verifier=Secret("a-verifier"),
    scope=(),
)


def plain() -> Client:
    look_up = {"kind": "lookup", "url": f"{HOST}/look-up", "app": "app"}
    return ready({**OAUTH2, "revoke": {"url": f"{HOST}/revoke"}, "verify": [look_up]})


ENDPOINTS: dict[str, Callable[[], Conversation[object]]] = {
    "token": lambda: exchange_code(plain(), Callback(code=Secret("a-code")), CHALLENGE),
    "renewal": lambda: renew(plain(), TOKENS),
    "userinfo": lambda: fetch_account(plain(), TOKENS),
    "look-up": lambda: prove(plain(), TOKENS),
    "revocation": lambda: revoke(plain(), TOKENS, Uid("7")),
    "key set": lambda: verified_claims(
        ready(OIDC), Secret(signed()), expected=Expected(now=START, nonce=None, max_age=None)
    ),
    "metadata": lambda: prepared(client_of({**OIDC, "userinfo": {}})),
}


def transport_of(http: httpx.AsyncClient | None = None, *, development: bool = False) -> Transport:
    return Transport(clock=ManualClock(), share=Background().share, development=development, http_client=http)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_sr_h01_no_endpoint_leads_to_another_host(endpoint: str, status: int) -> None:
    """Also with a client of the app's own that follows redirects in the app's own requests."""
    hosts: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        good = {"access_token": "t", "id": 7, "app": CLIENT_ID, "keys": [], "issuer": ISSUER}
        return httpx.Response(status, json=good, headers={"location": "https://evil.example/"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(handler), follow_redirects=True) as http:
        with pytest.raises(ProviderBroken) as caught:
            await transport_of(http).play(ENDPOINTS[endpoint](), backend="here")

    assert caught.value.http_status == status
    assert "evil.example" not in hosts
    assert len(hosts) == 1


# From here on a real server on this machine, because the wire is what the rows are about.

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_PIECE = b" " * 65536


@dataclass
class Server:
    """What a server saw."""

    url: str = ""
    requests: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def served(talk: Talk) -> AsyncIterator[Server]:
    """Serve every connection by a function that begins after the request's head."""
    server, talking = Server(), dict[asyncio.Task[object], asyncio.StreamWriter]()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talking[task] = writer
        try:
            await reader.readuntil(b"\r\n\r\n")
            server.requests += 1
            await talk(reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            server.closed.set()
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            del talking[task]

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with listening:
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
        yield server
        for writer in talking.values():
            writer.transport.abort()
        await asyncio.gather(*talking)


@asynccontextmanager
async def opened() -> AsyncIterator[Transport]:
    """Give a transport with the client that it makes by itself."""
    transport = transport_of(development=True)
    transport.open()
    yield transport
    await transport.close()


def asking(url: str, *, max_bytes: int = MAX_BODY_BYTES, method: str = "GET") -> Generator[Request, Response, Response]:
    return (yield Request(endpoint="userinfo endpoint", method=method, url=url, max_bytes=max_bytes))


def saying(head: bytes, *pieces: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + head + b"\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return talk


async def gone(reader: asyncio.StreamReader, *, within: float) -> bool:
    """Say whether the client closes the connection within so many seconds: what it waits for is the wire."""
    try:
        async with asyncio.timeout(within):
            return await reader.read() == b""
    except TimeoutError:
        return False


def dripping(head: bytes, drop: bytes) -> Callable[[Server], Talk]:
    def of(server: Server) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(head)
            while not await gone(reader, within=0.01):
                writer.write(drop)
                await writer.drain()
            server.closed.set()

        return talk

    return of


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        pytest.param(HEAD + b"\r\n", b" ", id="the body"),
        pytest.param(HEAD + b"Content-Length: 100000\r\n\r\n", b" ", id="a body of known length"),
        pytest.param(HEAD, b"X-Drop: 1\r\n", id="the headers"),
        pytest.param(b"", b"", id="nothing"),
    ],
)
async def test_sr_h02_an_answer_that_drips_ends_at_the_total_limit_and_its_connection_is_closed(
    head: bytes, drop: bytes
) -> None:
    server: Server

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await dripping(head, drop)(server)(reader, writer)

    async with asyncio.timeout(5), served(talk) as server, opened() as transport:  # however slow this machine is
        with pytest.raises(ProviderUnreachable) as caught:
            await transport.play(asking(server.url), backend="here", seconds=0.2)
        await server.closed.wait()

    assert caught.value.may_have_arrived
    assert server.requests == 1


async def test_sr_h02_the_limit_is_one_for_all_requests_of_a_conversation() -> None:
    def talkative(url: str) -> Generator[Request, Response, None]:
        while True:
            yield Request(endpoint="userinfo endpoint", method="GET", url=url)

    answered = 0

    async def patient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        while True:  # until the client goes away
            writer.write(HEAD + b"Content-Length: 2\r\n\r\n{}")
            answered += 1
            await reader.readuntil(b"\r\n\r\n")

    async with served(patient) as server:
        async with opened() as transport:
            with pytest.raises(ProviderUnreachable):
                await transport.play(talkative(server.url), backend="here", seconds=0.2)
        await server.closed.wait()  # once the pool is closed: the limit may have come between two requests

    assert answered > 1


async def test_sr_h02_each_phase_has_its_own_limit_and_all_together_fifteen_seconds() -> None:
    limits: list[object] = []

    def handler(request: httpx.Request) -> httpx.Response:
        limits.append(request.extensions["timeout"])
        return httpx.Response(200, json={})

    async with httpx.AsyncClient(transport=httpx.MockTransport(handler), timeout=None) as http:  # noqa: S113  # the app's
        await transport_of(http).play(asking("https://provider.example"), backend="here")

    assert limits == [{"connect": 5.0, "read": 10.0, "write": 10.0, "pool": 5.0}]
    assert CONVERSATION_SECONDS == 15.0


def bomb() -> list[bytes]:
    """Give gzip that unpacks to 1 GiB of blanks, in pieces that stand for one MiB each."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    piece = packer.compress(b" " * MEBIBYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    return [b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", *[piece] * 1024]


def test_the_bomb_is_one() -> None:
    head, piece, *more = bomb()

    assert len(zlib.decompressobj(wbits=47).decompress(head + piece + more[0])) == 2 * MEBIBYTE
    assert len(more) == 1023


GZIP = b"Content-Encoding: gzip\r\n"
SMALL = gzip.compress(b'{"id": 7}')


@pytest.mark.parametrize(
    ("head", "pieces"),
    [
        pytest.param(b"", [_PIECE] * 800, id="50 MB"),
        pytest.param(b"Content-Length: 52428800\r\n", [_PIECE] * 800, id="50 MB, and it says so"),
        pytest.param(b"Transfer-Encoding: chunked\r\n", [b"10000\r\n" + _PIECE + b"\r\n"] * 800, id="50 MB in chunks"),
        pytest.param(GZIP, bomb(), id="a bomb of 1 GiB"),
        pytest.param(GZIP, [b"".join(bomb())], id="a bomb of 1 GiB at once"),
        pytest.param(b"Content-Encoding: deflate\r\n", [zlib.compress(b" " * 50 * MEBIBYTE, 9)], id="a deflate bomb"),
        pytest.param(b"Content-Encoding: gzip, gzip\r\n", [gzip.compress(SMALL)], id="gzip in gzip"),
        pytest.param(b"Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n", [gzip.compress(SMALL)], id="gzip twice"),
        pytest.param(b"Content-Encoding: br\r\n", [b"\x0b\x02\x80{}\x03"], id="an encoding that was not asked for"),
        pytest.param(GZIP, [SMALL, *[_PIECE] * 800], id="50 MB behind the gzip"),
        pytest.param(GZIP, [SMALL, SMALL], id="a second gzip behind the first"),
        pytest.param(GZIP, [SMALL[:-1]], id="gzip cut off"),
        pytest.param(GZIP, [b"no gzip"], id="no gzip"),
        pytest.param(b"Content-Length: 1000\r\n", [b'{"id": 7}'], id="less than its length"),
        pytest.param(b"Transfer-Encoding: chunked\r\n", [b"9\r\n{}"], id="a chunk cut off"),
        pytest.param(b"Content-Length: -1\r\n", [b"{}"], id="a length below nothing"),
        pytest.param(b"Content-Length: 2\r\nContent-Length: 3\r\n", [b"{}}"], id="two lengths"),
        pytest.param(b"X: " + b"x" * MEBIBYTE, [], id="a header without an end"),
    ],
)
async def test_sr_h03_a_body_that_is_too_much_or_not_whole_fails_and_memory_stays_bounded(
    head: bytes, pieces: list[bytes]
) -> None:
    async with served(saying(head, *pieces)) as server, opened() as transport:
        tracemalloc.start()
        try:
            with pytest.raises((ProviderBroken, ProviderUnreachable)):
                await transport.play(asking(server.url), backend="here")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert peak < 10 * MEBIBYTE


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"Content-Length: 9\r\n", b'{"id": 7}'),
        (b"", b'{"id": 7}'),
        (b"Transfer-Encoding: chunked\r\n", b'9\r\n{"id": 7}\r\n0\r\n\r\n'),
        (GZIP, SMALL),
        (b"Content-Encoding: GZIP \r\n", SMALL),
        (b"Content-Encoding: identity\r\n", b'{"id": 7}'),
        (b"Content-Encoding: deflate\r\n", zlib.compress(b'{"id": 7}')),
        (b"Content-Length: 9\r\n", b'{"id": 7} and more than its length'),
    ],
)
async def test_sr_h03_a_whole_body_is_read_whatever_its_coding(head: bytes, body: bytes) -> None:
    byte_by_byte = [body[place : place + 1] for place in range(len(body))]

    async with served(saying(head, *byte_by_byte)) as server, opened() as transport:
        response = await transport.play(asking(server.url), backend="here")

    assert response.body == b'{"id": 7}'


@pytest.mark.parametrize("head", [GZIP, b"Content-Encoding: deflate\r\n", b""])
async def test_sr_h03_an_answer_may_have_no_body(head: bytes) -> None:
    async with served(saying(head)) as server, opened() as transport:
        response = await transport.play(asking(server.url), backend="here")

    assert response.body == b""


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("max_bytes", [1000, MAX_METADATA_BYTES])
async def test_sr_h03_the_limit_is_what_is_unpacked_to_the_byte(max_bytes: int, is_packed: bool) -> None:
    for size, is_taken in ((max_bytes, True), (max_bytes + 1, False)):
        body = b" " * size
        head, sent = (GZIP, gzip.compress(body)) if is_packed else (b"", body)
        async with served(saying(head, sent)) as server, opened() as transport:
            conversation = asking(server.url, max_bytes=max_bytes)
            if is_taken:
                assert len((await transport.play(conversation, backend="here")).body) == size
            else:
                with pytest.raises(ProviderBroken):
                    await transport.play(conversation, backend="here")


async def test_sr_h03_metadata_and_keys_are_cut_at_half_a_mebibyte_and_other_answers_at_one() -> None:
    limits = {}
    for name, conversation in ENDPOINTS.items():
        limits[name] = next(conversation()).max_bytes

    assert {limits.pop("metadata"), limits.pop("key set")} == {512 * 1024}
    assert set(limits.values()) == {MEBIBYTE}


async def test_sr_t01_a_request_that_was_cut_off_is_not_sent_again() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with served(cut) as server, opened() as transport:
        client = ready({**OAUTH2, "token": {"url": f"{HOST}/token"}})
        here = replace(client, development=True, endpoints=replace(client.endpoints, token=server.url))
        token = replace(here.provider.token, url=None)
        here = replace(here, provider=replace(here.provider, token=token))
        with pytest.raises(ProviderUnreachable) as caught:
            await transport.play(exchange_code(here, Callback(code=Secret("a-code")), CHALLENGE), backend="here")

    assert caught.value.may_have_arrived
    assert server.requests == 1


async def test_nobody_there_is_told_apart_from_no_answer() -> None:
    async with served(saying(b"")) as server:
        nobody = server.url
    async with opened() as transport:
        with pytest.raises(ProviderUnreachable) as caught:
            await transport.play(asking(nobody), backend="here")

    assert not caught.value.may_have_arrived
    assert not isinstance(caught.value, TokenRefused)
    assert isinstance(caught.value, ProviderError)
