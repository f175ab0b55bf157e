"""A whole trip waits for nothing but the network and the store: on its way no file is read and no thread is held.

It runs in a process of its own, where nothing was read for another test before.
"""

import subprocess
import sys
from pathlib import Path

import httpx
from blockbuster import BlockBuster
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from asgi_social import AccountTaken, Association, SocialMiddleware
from asgi_social.testing import FakeProvider, ManualClock
from tests.app import SignedIn, browser, settings
from tests.test_lifespan import Server

HERE = Path(__file__)
JSON = {"accept": "application/json"}


async def _do_auth(request: Request) -> Response:
    backend = request.state.social.backend("corp")
    return PlainTextResponse(await backend.do_auth(id_token=request.query_params["id_token"], once=True))


async def _renew(request: Request) -> Response:
    [association] = await request.state.social.associations()
    renewed: Association[str] = await association.refresh_token()
    async with renewed.client() as client:
        answered = await client.get("https://id.example/userinfo")
    return PlainTextResponse(answered.text)


async def _refuse(_: Request) -> Response:
    raise AccountTaken("taken", hint="choose another")


async def trip(folder: str) -> None:
    """Make the whole trip, with a guard that raises where the event loop would be blocked."""
    clock = ManualClock()
    fake = FakeProvider(issuer="https://id.example", clock=clock)
    fake.issue_tokens("ada")  # its key is made here, which takes a while
    routes = [Route("/do-auth", _do_auth), Route("/renew", _renew), Route("/refuse", _refuse)]
    values = settings(
        backends={"corp": fake.backend_settings()},
        http_client=httpx.AsyncClient(transport=fake.transport()),
        database=f"sqlite+aiosqlite:///{folder}/social.db",
        clock=clock,
        load_user=lambda user_id: user_id,
    )
    app = Starlette(routes=routes, middleware=[Middleware(SignedIn), Middleware(SocialMiddleware, **values)])
    server = Server(app)
    assert (await server.starts())["type"] == "lifespan.startup.complete"
    # Never taken off again: code that the interpreter has specialised for the guarded methods would call what is gone.
    BlockBuster().activate()
    await _walk(app, fake)
    await server.stops()


async def _walk(app: Starlette, fake: FakeProvider) -> None:
    async with browser(app) as client:
        assert (await client.get("/associate/")).status_code == 200
        assert (await client.get("/associate/social.css")).status_code == 200
        assert (await client.get("/associate/corp/", headers={"sec-fetch-site": "cross-site"})).status_code == 200
        begun = await client.get("/associate/corp/")
        completed = await client.get(await fake.consent(begun.headers["location"]))
        assert completed.status_code == 303, completed.text
        assert "corp" in (await client.get("/associate/")).text
        renewed = await client.get("/renew")
        assert renewed.json()["sub"] == "person-1"
        id_token = str(fake.issue_tokens("ada").get("id_token"))
        assert (await client.get("/do-auth", params={"id_token": id_token})).text == "ada"
        assert (await client.get("/do-auth", params={"id_token": id_token}, headers=JSON)).status_code == 401
        assert (await client.get("/refuse")).status_code == 409
        assert (await client.get("/disconnect/corp/")).status_code == 200
        assert (await client.post("/disconnect/corp/")).status_code == 303
        assert (await client.get("/associate/nobody/")).status_code == 404


def test_a_whole_trip_never_blocks_the_event_loop(tmp_path: Path) -> None:
    code = f"import asyncio, os, tests.test_nothing_blocks as t; asyncio.run(t.trip({str(tmp_path)!r})); os._exit(0)"

    done = subprocess.run(  # noqa: S603  # this very interpreter, on this very file
        [sys.executable, "-c", code], cwd=HERE.parent.parent, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
