"""The one place that talks to the network: what it sends, how it ends a conversation, and what it keeps."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from asgi_social.background import Background
from asgi_social.errors import ProviderBroken, ProviderError, ProviderUnreachable
from asgi_social.protocols.message import Request, Response
from asgi_social.testing import ManualClock
from asgi_social.testing.clock import START
from asgi_social.transport import MAX_KEPT, Transport
from tests.protocols.played import HOST, OAUTH2, ready

Handler = Callable[[httpx.Request], httpx.Response]
URL = "https://provider.example/token"


@asynccontextmanager
async def network(handler: Handler, *, development: bool = False, **client: Any) -> AsyncIterator[Transport]:
    """Give a transport whose network is a function."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler), **client) as http:
        yield Transport(clock=ManualClock(), share=Background().share, development=development, http_client=http)


def asking(*requests: Request) -> Generator[Request, Response, list[Response]]:
    """Ask for each, and give the answers."""
    answers = []
    for request in requests:
        answers.append((yield request))
    return answers


def to(url: str = URL, **more: object) -> Request:
    return Request(endpoint="token endpoint", method="POST", url=url, **more)  # type: ignore[arg-type]


def public(url: str = URL, **more: object) -> Request:
    return Request(endpoint="key set", method="GET", url=url, shared=True, **more)  # type: ignore[arg-type]


def echo(request: httpx.Request) -> httpx.Response:
    said = {"method": request.method, "body": request.content.decode(), "headers": dict(request.headers)}
    return httpx.Response(200, json={**said, "query": request.url.query.decode()}, headers={"X-Twice": "a"})


async def echoed(*requests: Request, **client: Any) -> list[dict[str, object]]:
    async with network(echo, **client) as transport:
        answers = await transport.play(asking(*requests), backend="here")
    return [json.loads(one.body) for one in answers]


async def test_an_answer_is_handed_over_with_the_moment_of_its_receipt() -> None:
    async with network(echo) as transport:
        [response] = await transport.play(asking(to()), backend="here")

    assert (response.status, response.headers["x-twice"], response.received_at) == (200, "a", START)
    assert repr(response) == f"Response(200, {len(response.body)} bytes)"


async def test_a_request_is_sent_as_it_says() -> None:
    form, sent_json, plain = await echoed(
        to(form={"a": "1 2"}), to(json={"a": 1}, headers={"authorization": "x"}), to(f"{URL}?a=1", query={"b": "&"})
    )

    assert (form["method"], form["body"]) == ("POST", "a=1+2")
    assert form["headers"] == {
        "host": "provider.example",
        "user-agent": "asgi-social",
        "accept": "application/json",
        "accept-encoding": "gzip",
        "content-length": "5",
        "content-type": "application/x-www-form-urlencoded",
    }
    assert sent_json["body"] == '{"a": 1}'
    assert isinstance(sent_json["headers"], dict)
    assert (sent_json["headers"]["content-type"], sent_json["headers"]["authorization"]) == ("application/json", "x")
    assert (plain["query"], plain["body"]) == ("a=1&b=%26", "")


async def test_what_the_apps_own_client_adds_to_its_own_requests_is_not_sent_to_providers() -> None:
    [sent] = await echoed(
        to(), headers={"authorization": "Bearer of-the-app"}, cookies={"a": "b"}, params={"c": "d"}, auth=("me", "word")
    )

    assert not {"authorization", "cookie"} & set(sent["headers"])  # type: ignore[call-overload]
    assert sent["query"] == ""


async def test_a_providers_cookies_do_not_go_along_with_the_next_request() -> None:
    sent: list[str | None] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("cookie"))
        return httpx.Response(200, json={}, headers={"set-cookie": "session=of-ada"})

    async with network(handler) as transport:
        await transport.play(asking(to(), to()), backend="here")

    assert sent == [None, None]


@pytest.mark.parametrize(
    "url", ["http://provider.example", "https://", "", "https://a@provider.example", "http://localhost"]
)
async def test_sr_t06_nothing_is_sent_to_an_address_that_is_not_https(url: str) -> None:
    sent: list[httpx.Request] = []

    async with network(lambda request: sent.append(request) or echo(request)) as transport:  # type: ignore[func-returns-value]
        with pytest.raises(ProviderBroken):
            await transport.play(asking(to(url)), backend="here")

    assert sent == []


async def test_sr_t06_in_development_this_machine_may_be_asked_by_http() -> None:
    async with network(echo, development=True) as transport:
        assert await transport.play(asking(to("http://localhost:9400/token")), backend="here")
        with pytest.raises(ProviderBroken):
            await transport.play(asking(to("http://provider.example")), backend="here")


@pytest.mark.parametrize("url", ["https://provider.example/\x00", "https://provider.example/" + "x" * 70000])
async def test_an_address_that_cannot_be_read_is_the_providers_fault(url: str) -> None:
    async with network(echo) as transport:
        with pytest.raises(ProviderBroken) as caught:
            await transport.play(asking(to(url)), backend="here")

    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("error", "may_have_arrived"),
    [
        (httpx.ConnectError, False),
        (httpx.ConnectTimeout, False),
        (httpx.PoolTimeout, False),
        (httpx.UnsupportedProtocol, False),
        (httpx.WriteTimeout, True),
        (httpx.ReadTimeout, True),
        (httpx.ReadError, True),
        (httpx.RemoteProtocolError, True),
    ],
)
async def test_a_request_that_gets_no_answer_tells_whether_it_may_have_arrived(
    error: type[httpx.TransportError], may_have_arrived: bool
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error(f"{request.url} with the-token")

    async with network(handler) as transport:
        with pytest.raises(ProviderUnreachable) as caught:
            await transport.play(asking(to()), backend="here")

    assert (caught.value.may_have_arrived, caught.value.endpoint) == (may_have_arrived, "token endpoint")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_a_body_of_a_test_client_is_limited_too() -> None:
    async with network(lambda _: httpx.Response(200, content=b"x" * 11)) as transport:
        assert await transport.play(asking(to(max_bytes=11)), backend="here")
        with pytest.raises(ProviderBroken):
            await transport.play(asking(to(max_bytes=10)), backend="here")


class Watched:
    """A conversation that tells that it was closed, and what it was closed with."""

    def __init__(self) -> None:
        self.closed = False

    def talk(self) -> Generator[Request, Response, None]:
        try:
            yield to()
            raise ProviderError("no", hint="none", endpoint="token endpoint")
        finally:
            self.closed = True


async def test_a_conversation_is_closed_when_it_raises() -> None:
    watched = Watched()

    async with network(echo) as transport:
        with pytest.raises(ProviderError):
            await transport.play(watched.talk(), backend="here")

    assert watched.closed


class Hanging(httpx.AsyncBaseTransport):
    """A network on which a request is taken and never answered."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.ended = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()
        raise AssertionError("nobody answers")


def hanging() -> tuple[Hanging, Transport]:
    wire = Hanging()
    http = httpx.AsyncClient(transport=wire)
    return wire, Transport(clock=ManualClock(), share=Background().share, development=False, http_client=http)


async def test_a_conversation_is_closed_when_its_player_is_cancelled_at_the_request() -> None:
    watched = Watched()
    wire, transport = hanging()

    playing = asyncio.create_task(transport.play(watched.talk(), backend="here"))
    await wire.began.wait()
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing

    assert watched.closed
    assert wire.ended.is_set()


async def test_a_conversation_that_takes_too_long_is_ended_and_closed() -> None:
    watched = Watched()
    _, transport = hanging()

    with pytest.raises(ProviderUnreachable) as caught:
        await transport.play(watched.talk(), backend="here", seconds=0.0)

    assert watched.closed
    assert (caught.value.endpoint, caught.value.may_have_arrived) == ("token endpoint", True)


async def test_the_app_s_own_client_is_not_closed_and_ours_is() -> None:
    http = httpx.AsyncClient(transport=httpx.MockTransport(echo))
    with_theirs = Transport(clock=ManualClock(), share=Background().share, development=False, http_client=http)
    with_ours = Transport(clock=ManualClock(), share=Background().share, development=False)

    for transport in (with_theirs, with_ours):
        transport.open()
        transport.open()
        await transport.close()
        await transport.close()

    assert not http.is_closed
    with pytest.raises(RuntimeError, match="not open"):
        await with_ours.play(asking(to()), backend="here")


async def test_the_kept_answers_are_at_most_so_many_and_the_oldest_goes_first() -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json={})

    urls = [f"https://provider.example/{number}" for number in range(MAX_KEPT + 1)]
    async with network(handler) as transport:
        await transport.play(asking(*map(public, urls)), backend="here")
        asked.clear()
        await transport.play(asking(public(urls[-1]), public(urls[1]), public(urls[0])), backend="here")

    assert asked == ["/0"]


async def test_a_kept_answer_carries_the_moment_at_which_it_is_handed_over() -> None:
    clock = ManualClock()
    http = httpx.AsyncClient(transport=httpx.MockTransport(echo))
    transport = Transport(clock=clock, share=Background().share, development=False, http_client=http)

    await transport.play(asking(public()), backend="here")
    clock.advance(60)
    [kept] = await transport.play(asking(public()), backend="here")

    assert kept.received_at == START + 60


async def test_requests_to_one_fixed_url_have_each_their_own_query() -> None:
    queries = [{"a": "1"}, {}, {"b": "2"}]

    answers = await echoed(*(to(fixed=True, query=query) for query in queries))

    assert [one["query"] for one in answers] == ["a=1", "", "b=2"]


async def test_a_conversation_whose_answers_are_all_kept_waits_for_nothing() -> None:
    async with network(echo) as transport:
        await transport.play(asking(public()), backend="here")
        playing = transport.play(asking(public(), public()), backend="here")

        with pytest.raises(StopIteration) as ended:
            playing.send(None)

    assert len(ended.value.value) == 2


@pytest.mark.parametrize("status", [500, 302, 404])
async def test_an_answer_that_is_no_success_is_not_kept(status: int) -> None:
    statuses = [status, 200]

    async with network(lambda _: httpx.Response(statuses.pop(0), json={})) as transport:
        answers = await transport.play(asking(public(), public()), backend="here")

    assert [one.status for one in answers] == [status, 200]


async def test_a_shared_answer_that_cannot_be_had_is_an_error_for_each_who_asks() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    async with network(handler) as transport:
        waiting = [transport.play(asking(public()), backend="here") for _ in range(3)]
        results = await asyncio.gather(*waiting, return_exceptions=True)

    assert {type(result) for result in results} == {ProviderUnreachable}


async def test_a_shared_answer_has_a_deadline_of_its_own() -> None:
    """Who waits for it may have come later, and begin a wait of their own."""

    def handler(request: httpx.Request) -> httpx.Response:
        raise TimeoutError

    async with network(handler) as transport:
        with pytest.raises(ProviderUnreachable) as caught:
            await transport.play(asking(public()), backend="here")

    assert caught.value.may_have_arrived


async def test_a_client_of_an_association_asks_this_machine_by_http_in_development_alone() -> None:
    provider = {**OAUTH2, "api_hosts": ["localhost:8001", "127.0.0.1"]}

    async def token(_: str = "") -> str:
        return "a-token"

    async with network(echo, development=True) as transport:
        client = transport.authorized_client(ready(provider), token, token)
        answers = [await client.get(url) for url in ("http://localhost:8001/me", "http://127.0.0.1/me")]
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get("http://provider.example/me")
    async with network(echo) as transport:
        with pytest.raises(httpx.UnsupportedProtocol):
            await transport.authorized_client(ready(provider), token, token).get("http://localhost:8001/me")

    assert [one.status_code for one in answers] == [200, 200]


async def test_sr_h01_a_client_of_an_association_follows_no_redirect_with_the_token() -> None:
    """Not even where the app's own client, which it shares, follows redirects."""
    hosts = []

    async def token(_: str = "") -> str:
        return "a-token"

    def handler(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(307, headers={"location": "https://evil.example/"})

    async with network(handler, follow_redirects=True) as transport:
        answer = await transport.authorized_client(ready(OAUTH2), token, token).get(f"{HOST}/me")

    assert (answer.status_code, hosts) == (307, ["provider.example"])
