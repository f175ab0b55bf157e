"""Starlette's authentication by a provider's token in ``Authorization: Bearer``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from asgi_social import Social, SocialMiddleware
from asgi_social.authentication import ClientTokenBackend
from tests.app import BASE, settings
from tests.engines import Octo
from tests.protocols.played import METADATA, OIDC
from tests.tokens import CLIENT_ID, CLIENT_SECRET, claims, key_set, signed


@dataclass
class Person:
    """A user of the app."""

    id: str
    is_active: bool = True


def load(user_id: str) -> Person | None:
    """Find a user: eve may not come in, and gone is nobody any more."""
    return None if user_id == "gone" else Person(user_id, is_active=user_id != "eve")


@requires("authenticated")
async def _mine(request: Request) -> Response:
    return JSONResponse({"id": request.user.id})


async def _open(request: Request) -> Response:
    return JSONResponse({"is_authenticated": request.user.is_authenticated})


@asynccontextmanager
async def api(social: Social, backend: ClientTokenBackend) -> AsyncIterator[httpx.AsyncClient]:
    """Give a caller of an API."""
    app = Starlette(
        routes=[Route("/mine", _mine), Route("/open", _open)],
        middleware=[
            Middleware(SocialMiddleware, social),
            Middleware(AuthenticationMiddleware, backend=backend),
        ],
    )
    async with social, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        yield client


def github(octo: Any = None) -> Social:
    """Give an engine with a backend at GitHub."""
    return Social(**settings(octo or Octo(), load_user=load))


@pytest.mark.parametrize("header", ["Bearer gho_secret", "bearer  gho_secret "])
async def test_the_user_of_a_bearer_token_is_the_user_of_the_request(header: str) -> None:
    social = github()
    async with api(social, ClientTokenBackend("github")) as client:
        await social.backend("github").associate("gho_secret", user_id="ada")
        answer = await client.get("/mine", headers={"authorization": header})

    assert (answer.status_code, answer.json()) == (200, {"id": "ada"})


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic YTpi"}, {"authorization": "Bearergho_secret"}])
async def test_a_request_without_a_bearer_token_is_nobodys(headers: dict[str, str]) -> None:
    async with api(github(), ClientTokenBackend("github")) as client:
        anybody = await client.get("/open", headers=headers)
        kept_out = await client.get("/mine", headers=headers)

    assert (anybody.json(), kept_out.status_code) == ({"is_authenticated": False}, 403)


async def test_a_token_of_another_app_is_answered_with_401_and_why_for_an_open_view_too() -> None:
    octo = Octo()
    octo.app = "another-app"
    async with api(github(octo), ClientTokenBackend("github")) as client:
        answer = await client.get("/open", headers={"authorization": "Bearer gho_secret"})

    assert (answer.status_code, answer.json()["reason"]) == (401, "audience")


async def test_an_account_of_nobody_and_a_user_who_is_not_active_are_answered_alike() -> None:
    answers = []
    for owner in (None, "eve", "gone"):
        social = github()
        async with api(social, ClientTokenBackend("github")) as client:
            if owner is not None:
                await social.backend("github").associate("gho_secret", user_id=owner)
            answer = await client.get("/mine", headers={"authorization": "Bearer gho_secret"})
        answers.append({name: text for name, text in answer.json().items() if name != "id"})

    assert answers[0] == answers[1] == answers[2]
    assert (answers[0]["status"], answers[0]["code"]) == (401, "not_signed_in")


async def test_an_id_token_is_taken_where_the_app_says_that_its_callers_send_one() -> None:
    def network(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=key_set() if request.url.path == "/jwks" else METADATA)

    backend = {"provider": OIDC, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    social = Social(**settings(network, backends={"corp": backend}, load_user=load))
    async with api(social, ClientTokenBackend("corp", kind="id_token")) as client:
        await social.backend("corp").associate(id_token=signed(), user_id="ada")
        taken = await client.get("/mine", headers={"authorization": f"Bearer {signed()}"})
        other = await client.get("/mine", headers={"authorization": f"Bearer {signed(claims(aud='another'))}"})

    assert (taken.json(), other.json()["reason"]) == ({"id": "ada"}, "audience")
