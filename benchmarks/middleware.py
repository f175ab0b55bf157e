"""What the middleware costs a request that does not touch it: the same app with and without, side by side.

Prints microseconds for each request, and their ratio; it judges nothing, because machines differ::

    python benchmarks/middleware.py
"""

import asyncio
import secrets
import sys
import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Scope

from asgi_social import Social, SocialMiddleware
from asgi_social.storage.memory import MemoryRepository

REQUESTS = 5_000
ROUNDS = 9


async def home(_: Request) -> Response:
    """Answer as a view of the least that a view can be."""
    return PlainTextResponse("ok")


async def nothing_comes() -> Message:
    """Give the body of a request that has none."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def nobody_listens(_: Message) -> None:
    """Take what the app says."""


async def microseconds(measured: ASGIApp) -> float:
    """Give the time of one request, as the mean of many."""
    headers = [(b"host", b"app.example"), (b"accept", b"text/html")]
    began = time.perf_counter()
    for _ in range(REQUESTS):
        scope: Scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers}
        await measured(scope, nothing_comes, nobody_listens)
    return (time.perf_counter() - began) / REQUESTS * 1e6


async def main() -> None:
    """Measure in turn, so that what else runs on the machine is in each; the least of each counts."""
    async with Social(secret_key=secrets.token_hex(), backends={}, database=MemoryRepository()) as social:
        apps: dict[str, ASGIApp] = {
            "an app without a framework": PlainTextResponse("ok"),
            "an app of Starlette": Starlette(routes=[Route("/", home)]),
        }
        for name, app in apps.items():
            wrapped = SocialMiddleware(app, social)
            rounds = [(await microseconds(app), await microseconds(wrapped)) for _ in range(ROUNDS)]
            bare, ours = (min(times) for times in zip(*rounds, strict=True))
            sys.stdout.write(f"{name}: {bare:.1f} us without, {ours:.1f} us with, ratio {ours / bare:.2f}\n")


if __name__ == "__main__":
    asyncio.run(main())
