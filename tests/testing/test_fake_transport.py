"""In process, an app's answer comes as it comes over a socket."""

import asyncio

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from asgi_social.testing.fake_transport import InProcessTransport


async def _answered(app: ASGIApp) -> bytes:
    async with httpx.AsyncClient(transport=InProcessTransport(app)) as http:
        return (await http.get("http://app.example/")).content


async def test_in_process_an_app_that_ends_without_an_answer_is_a_broken_connection() -> None:
    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        return

    async def raising(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    for app in (silent, raising):
        with pytest.raises(httpx.RemoteProtocolError):
            await _answered(app)


async def test_in_process_the_app_hears_that_the_client_went_away() -> None:
    heard, done = list[str](), asyncio.Event()

    async def listening(scope: Scope, receive: Receive, send: Send) -> None:
        heard.append((await receive())["type"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        heard.append((await receive())["type"])
        await send({"type": "http.response.body", "body": b"nobody reads this", "more_body": False})
        done.set()

    async with httpx.AsyncClient(transport=InProcessTransport(listening)) as http:
        async with http.stream("GET", "http://app.example/"):
            pass
        await done.wait()

    assert heard == ["http.request", "http.disconnect"]


async def test_in_process_the_app_hears_that_the_client_did_not_wait_for_an_answer() -> None:
    asked, heard = asyncio.Event(), asyncio.Event()

    async def thinking(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        asked.set()
        await receive()
        heard.set()

    asking = asyncio.create_task(_answered(thinking))
    await asked.wait()
    asking.cancel()
    async with asyncio.timeout(1):
        await heard.wait()

    assert asking.cancelled()


async def test_in_process_an_app_is_not_kept_waiting_by_a_client_that_went_away() -> None:
    written, done = asyncio.Event(), asyncio.Event()

    async def writing(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        written.set()
        await send({"type": "http.response.body", "body": b"nobody reads this", "more_body": True})
        done.set()

    async with httpx.AsyncClient(transport=InProcessTransport(writing)) as http:
        async with http.stream("GET", "http://app.example/"):
            await written.wait()
            assert not done.is_set()
        await done.wait()

    assert done.is_set()


async def test_in_process_the_app_sees_the_request_as_it_was_sent() -> None:
    seen = list[Scope]()

    async def looking(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await PlainTextResponse((await Request(scope, receive).body()).decode())(scope, receive, send)

    async with httpx.AsyncClient(transport=InProcessTransport(looking)) as http:
        answer = await http.post("https://app.example:8443/a%20b?c=%20", content="read", headers={"X-Trace": "7"})

    [scope] = seen
    assert answer.text == "read"
    assert (scope["method"], scope["scheme"], scope["server"]) == ("POST", "https", ("app.example", 8443))
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/a b", b"/a%20b", b"c=%20")
    assert (b"x-trace", b"7") in scope["headers"]
