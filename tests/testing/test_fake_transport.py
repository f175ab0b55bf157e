"""In process, an app's answer comes as it comes over a socket."""

import asyncio

import httpx
import pytest
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
