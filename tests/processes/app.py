"""The app that is served in processes of its own: ``python -m uvicorn tests.processes.app:app``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from asgi_social import Association, SocialMiddleware
from asgi_social.secret import digest
from tests.processes.inside import Inside, tell

inside = Inside()
# What an app has at hand that keeps an association for longer than a request, as behind a websocket.
kept: dict[tuple[str, str], Association[Any]] = {}


async def token(request: Request) -> Response:
    """Give a digest of a person's access token.

    Between knowing the association and asking for its token is a gate, so that callers can be brought to hold the same
    old token before the first of them asks.
    """
    user, backend = request.query_params["user"], request.query_params["backend"]
    if request.query_params.get("kept"):
        association = kept[user, backend]
    else:
        [association] = await inside.social.associations(user, backend)
        kept[user, backend] = association
    await inside.gates.through(f"token {backend} {user}")
    return JSONResponse(digest(await association.get_access_token()))


async def alive(_: Request) -> Response:
    """Answer, which an event loop that is blocked does not."""
    return JSONResponse("yes")


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    inside.listen()
    tell("opened")
    yield
    tell("closing")  # the engine closes next, and nothing is awaited before it does


app = Starlette(
    routes=[Route("/token", token), Route("/alive", alive)],
    middleware=[Middleware(SocialMiddleware, inside.social)],
    lifespan=lifespan,
)
