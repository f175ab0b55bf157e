"""An ASGI app as an httpx transport that hands the answer over as it comes, piece by piece.

``httpx.ASGITransport`` waits for the whole answer, so that a body that drips, never ends or is cut off cannot be told
from another. Here the app runs beside the client, as over a socket: a client that goes away does not cancel it.
"""

import asyncio
from collections.abc import AsyncIterator

import httpx
from starlette.types import ASGIApp, Message, Scope

from asgi_social.background import Background


class InProcessTransport(httpx.AsyncBaseTransport):
    """Plays an ASGI app to an :class:`httpx.AsyncClient`; time-outs are the client's own matter and not kept here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._background = Background()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Begin the app's work, and give its answer as soon as that begins."""
        exchange = _Exchange(request, await request.aread())
        self._background.start(exchange.run(self._app), name="fake provider")
        try:
            start = await exchange.next_message()
        except asyncio.CancelledError:
            exchange.leave()
            raise
        return httpx.Response(start["status"], headers=start["headers"], stream=_Body(exchange))


class _Exchange:
    def __init__(self, request: httpx.Request, body: bytes) -> None:
        self._request = request
        self._unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._left = asyncio.Event()

    async def run(self, app: ASGIApp) -> None:
        """Let the app answer; however it ends, the client hears of it."""
        try:
            await app(_scope(self._request), self._receive, self._send)
        finally:
            self._messages.put_nowait({"type": "end"})

    async def next_message(self) -> Message:
        """Give the app's next message.

        Raises:
            httpx.RemoteProtocolError: The app ended without a whole answer.
        """
        message = await self._messages.get()
        self._messages.task_done()
        if message["type"] == "end":
            raise httpx.RemoteProtocolError("the answer ends before it is whole", request=self._request)
        return message

    def leave(self) -> None:
        """Go away: the app is told, and is never again kept waiting for somebody to read."""
        self._left.set()
        while not self._messages.empty():
            self._messages.get_nowait()
            self._messages.task_done()

    async def _receive(self) -> Message:
        if self._unread:
            return self._unread.pop()
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if not self._left.is_set():
            self._messages.put_nowait(message)
            # An app that writes faster than the client reads has to wait, as a socket makes it.
            await self._messages.join()


class _Body(httpx.AsyncByteStream):
    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._exchange.next_message()
            more = message.get("more_body", False)
            yield message.get("body", b"")

    async def aclose(self) -> None:
        self._exchange.leave()


def _scope(request: httpx.Request) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.split(b"?")[0],
        "query_string": request.url.query,
        "server": (request.url.host, request.url.port),
        "client": ("127.0.0.1", 123),
        "root_path": "",
    }
