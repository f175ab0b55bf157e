"""The client of an association: it sends the token, renews it once at a 401, and repeats."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from asgi_social import Association, NeedsReauth
from tests.renewing import Acme, at


async def test_a_client_sends_the_token_and_gives_the_answer() -> None:
    api = Api()
    async with linked_with(api) as association, association.client() as client:
        answered = await client.get("https://api.example/me")

    assert (answered.status_code, answered.json()) == (200, {"you": "ada"})
    assert api.tokens == ["access-0"]


async def test_a_client_renews_once_at_a_401_and_repeats_with_the_body() -> None:
    api = Api(good="access-1")
    async with linked_with(api) as association, association.client() as client:
        answered = await client.post("https://api.example/me", json={"a": 1})

    assert answered.status_code == 200
    assert api.tokens == ["access-0", "access-1"]
    assert api.bodies == [b'{"a":1}', b'{"a":1}']
    assert len(api.acme.renewals) == 1


async def test_a_client_gives_the_second_401_as_it_is() -> None:
    api = Api(good="another")
    async with linked_with(api) as association, association.client() as client:
        answered = await client.get("https://api.example/me")

    assert answered.status_code == 401
    assert len(api.acme.renewals) == 1


async def test_a_client_goes_on_with_the_renewed_token() -> None:
    api = Api(good="access-1")
    async with linked_with(api) as association, association.client() as client:
        await client.get("https://api.example/me")
        await client.get("https://api.example/me")

    assert api.tokens == ["access-0", "access-1", "access-1"]


async def test_a_client_whose_token_has_ended_renews_before_it_sends() -> None:
    api = Api(good="access-1")
    async with linked_with(api, age=3600) as association, association.client() as client:
        await client.get("https://api.example/me")

    assert api.tokens == ["access-1"]


async def test_a_401_for_a_token_that_another_request_had_renewed_renews_no_second_time() -> None:
    api = Api(good="access-1")
    api.late.clear()
    async with linked_with(api) as association, association.client() as client:
        slow = asyncio.create_task(client.get("https://api.example/slow"))
        await api.slow_arrived.wait()
        quick = await client.get("https://api.example/me")
        api.late.set()

        answered = await slow

    assert (quick.status_code, answered.status_code) == (200, 200)
    assert len(api.acme.renewals) == 1


async def test_fifty_requests_at_once_renew_once() -> None:
    api = Api(good="access-1")
    async with linked_with(api) as association, association.client() as client:
        answers = await asyncio.gather(*(client.get("https://api.example/me") for _ in range(50)))

    assert {one.status_code for one in answers} == {200}
    assert len(api.acme.renewals) == 1


async def test_a_body_that_is_made_as_it_is_sent_is_not_sent_again() -> None:
    api = Api(good="access-1")

    async def body() -> AsyncIterator[bytes]:
        yield b"once"

    async with linked_with(api) as association, association.client() as client:
        answered = await client.post("https://api.example/me", content=body())

    assert answered.status_code == 401
    assert api.bodies == [b"once"]
    assert api.acme.renewals == []


async def test_a_client_follows_no_redirect_so_that_the_token_goes_nowhere_else() -> None:
    api = Api()
    async with linked_with(api) as association, association.client() as client:
        answered = await client.get("https://api.example/redirect")

    assert answered.status_code == 302
    assert api.hosts == ["api.example"]


@pytest.mark.parametrize("url", ["http://api.example/me", "http://localhost/me", "https://ada@api.example/me"])
async def test_a_client_sends_its_token_over_https_only(url: str) -> None:
    api = Api()
    async with linked_with(api) as association, association.client() as client:
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get(url)

    assert api.tokens == []


async def test_closing_a_client_leaves_the_shared_connections_open() -> None:
    api = Api()
    async with linked_with(api) as association:
        async with association.client() as client:
            await client.get("https://api.example/me")
        async with association.client() as client:
            answered = await client.get("https://api.example/me")

        assert answered.status_code == 200
        assert await (await association.refresh_token()).get_access_token() == "access-1"


async def test_a_client_reads_an_answer_that_comes_in_pieces() -> None:
    api = Api()
    url = "https://api.example/pieces"
    async with linked_with(api) as association, association.client() as client, client.stream("GET", url) as answered:
        pieces = [piece async for piece in answered.aiter_bytes()]

    assert b"".join(pieces) == b"onetwo"
    assert api.closed == 1


async def test_a_client_passes_on_what_its_renewal_raises() -> None:
    api = Api(good="access-1")
    api.acme.answers = [httpx.Response(400, json={"error": "invalid_grant"})]
    async with linked_with(api) as association, association.client() as client:
        with pytest.raises(NeedsReauth):
            await client.get("https://api.example/me")


async def test_a_client_whose_token_cannot_be_renewed_gives_the_401_itself() -> None:
    api = Api(good="another")
    api.acme.first["refresh_token"] = None
    async with linked_with(api) as association, association.client() as client:
        answered = await client.get("https://api.example/me")

    assert answered.status_code == 401
    assert api.tokens == ["access-0"]


class Api:
    """The provider's API, which takes one token; and the provider beside it."""

    def __init__(self, *, good: str = "access-0") -> None:
        self.acme = Acme()
        self.good = good
        self.tokens: list[str] = []
        self.hosts: list[str] = []
        self.bodies: list[bytes] = []
        self.closed = 0
        self.late = asyncio.Event()
        self.late.set()
        self.slow_arrived = asyncio.Event()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "acme.example":
            return await self.acme(request)
        token = request.headers["authorization"].removeprefix("Bearer ")
        self.tokens.append(token)
        self.hosts.append(request.url.host)
        self.bodies.append(await request.aread())
        if request.url.path == "/slow":
            self.slow_arrived.set()
            await self.late.wait()
        if token != self.good:
            return httpx.Response(401)
        if request.url.path == "/redirect":
            return httpx.Response(302, headers={"location": "https://evil.example/"})
        if request.url.path == "/pieces":
            return httpx.Response(200, stream=_Pieces(self))
        return httpx.Response(200, json={"you": "ada"})


class _Pieces(httpx.AsyncByteStream):
    def __init__(self, api: Api) -> None:
        self._api = api

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async def aclose(self) -> None:
        self._api.closed += 1


@asynccontextmanager
async def linked_with(api: Api, *, age: float = 0) -> AsyncIterator[Association[Any]]:
    """Give an association whose provider has this API."""
    async with at(api) as there:
        there.clock.advance(age)
        yield there.association
