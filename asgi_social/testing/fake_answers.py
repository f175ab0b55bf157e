"""How the fake provider's answers go out: whole, late, in pieces, cut off, or something else instead."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asgi_social.clock import Clock
from asgi_social.testing.fake_faults import Faults
from asgi_social.testing.fake_tokens import Refusal

_PIECE_BYTES = 64 * 1024


def refused(refusal: Refusal) -> Response:
    """Give the answer to a request that is refused (RFC 6749 section 5.2)."""
    headers = {"Cache-Control": "no-store"}
    if refusal.challenge is not None:
        headers["WWW-Authenticate"] = refusal.challenge
    said = {"error": refusal.error, "error_description": refusal.description}
    return JSONResponse(said, refusal.status, headers)


def answer_instead(faults: Faults, endpoint: str) -> ASGIApp | None:
    """Give what an endpoint answers without doing anything, or None where it does its work."""
    if endpoint != "/authorize" and (faults.down or faults.limited is not None):
        waiting = {} if faults.limited is None else {"Retry-After": str(faults.limited)}
        return JSONResponse({"error": "temporarily_unavailable"}, 503 if faults.down else 429, waiting)
    if endpoint in faults.where and faults.cut == "before":
        return _cut_off(JSONResponse({}), 0)
    if endpoint in faults.where and faults.redirect_to is not None:
        return RedirectResponse(faults.redirect_to, status_code=307)
    statuses = {
        "/token": faults.token_status,
        "/userinfo": faults.userinfo_status,
        "/revoke": faults.revocation_status,
    }
    status = statuses.get(endpoint)
    return None if status is None else _out_of_order(faults, endpoint, status)


async def spoilt(faults: Faults, endpoint: str, answer: Response, *, clock: Clock) -> ASGIApp:
    """Give what goes out for the answer of an endpoint that has done its work."""
    if endpoint == "/token":
        if faults.hang:
            faults.hanging.set()
            await faults.release.wait()
        answer = _replaced(faults, answer)
    if endpoint not in faults.where:
        return answer
    if faults.huge_body is not None:
        return _InPieces(200, [(b"content-type", b"application/json")], _blanks(faults.huge_body, clock))
    if faults.cut == "after":
        return _cut_off(answer, len(answer.body) // 2)
    if faults.drip:
        return _InPieces(answer.status_code, answer.raw_headers, _drops(bytes(answer.body), clock))
    return answer


def _out_of_order(faults: Faults, endpoint: str, status: int) -> Response:
    answer: Response = JSONResponse({"error": "temporarily_unavailable"}, status)
    if endpoint == "/token":
        answer = _replaced(faults, answer)
    if faults.retry_after is not None:
        answer.headers["Retry-After"] = str(faults.retry_after)
    return answer


def _replaced(faults: Faults, answer: Response) -> Response:
    if faults.token_body is None:
        return answer
    body, content_type = faults.token_body
    status = 200 if faults.token_status is None else faults.token_status
    return Response(body, status, {"Content-Type": content_type})


def _cut_off(answer: Response, sent_bytes: int) -> ASGIApp:
    # The length that was promised stays in the headers, and the server closes the connection before it is reached.
    return _InPieces(answer.status_code, answer.raw_headers, _one(bytes(answer.body[:sent_bytes])), is_whole=False)


@dataclass(frozen=True, slots=True)
class _InPieces:
    status: int
    headers: list[tuple[bytes, bytes]]
    pieces: AsyncIterator[bytes]
    is_whole: bool = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # ASGI names it
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        async with asyncio.TaskGroup() as group:
            leaving = group.create_task(_next_message(receive))
            await self._send_until(leaving, send)
            leaving.cancel()

    async def _send_until(self, leaving: asyncio.Task[Message], send: Send) -> None:
        async for piece in self.pieces:
            # Without a look at the client, a server that is asked to stop would wait until the last drop is out.
            if leaving.done():
                return
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if self.is_whole:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _next_message(receive: Receive) -> Message:
    # The request was read to its end, so that there is one more message only: the client went away.
    return await receive()


async def _one(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _drops(body: bytes, clock: Clock) -> AsyncIterator[bytes]:
    for place in range(len(body)):
        await clock.sleep(1)
        yield body[place : place + 1]


async def _blanks(count: int, clock: Clock) -> AsyncIterator[bytes]:
    for begin in range(0, count, _PIECE_BYTES):
        await clock.sleep(0)  # sending to a client that went away does not let it be heard
        yield b" " * min(_PIECE_BYTES, count - begin)
