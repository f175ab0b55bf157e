"""An app with asgi_social, as its README has it: the view asks for the account's client, and uses it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from asgi_social import Social, SocialMiddleware
from benchmarks.processes import together
from benchmarks.rows import expired, linked
from benchmarks.storms.stage import CLIENT_ID, CLIENT_SECRET, Tokens, play

BASE = "http://localhost:8000"


def engine(database: str, issuer: str) -> Social:
    """Make the engine; its one user is signed in."""
    backend: dict[str, Any] = {
        "provider": "oauth2",
        "authorize_url": f"{issuer}/authorize",
        "token_url": f"{issuer}/token",
        "userinfo_url": f"{issuer}/userinfo",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    return Social(
        secret_key="the-key-of-the-storm-4Rt7Wq2Zx8Lm5Vc9",
        backends={"example": backend},
        base_url=BASE,
        database=database,
        current_user=lambda _: "ada",
    )


async def prepare(database: str, issuer: str, tokens: Tokens) -> None:
    """Store the tokens, expired."""
    async with engine(database, issuer) as social:
        row = linked("1", access_token=tokens["access_token"], refresh_token=tokens["refresh_token"], social=social)
        await social.engine.repository.add(expired(row))


async def storm(database: str, issuer: str, callers: int) -> Sequence[int]:
    """Let so many callers in."""

    async def profile(request: Request) -> Response:
        [association] = await request.state.social.associations("example")
        async with association.client() as client:
            answer = await client.get(f"{issuer}/userinfo")
        return JSONResponse(answer.json(), answer.status_code)

    async with engine(database, issuer) as social:
        app = Starlette(routes=[Route("/", profile)], middleware=[Middleware(SocialMiddleware, social)])
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as browser:
            together()
            answers = await asyncio.gather(*[browser.get("/") for _ in range(callers)])
    return [answer.status_code for answer in answers]


if __name__ == "__main__":
    play(prepare, storm)
