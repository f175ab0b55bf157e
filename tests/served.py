"""A whole app behind a real socket: served by uvicorn in this process, with a sign-in of its own, and its browser.

Nothing here is faked. The app is at ``http://localhost:…``; a provider on 127.0.0.1 is another site to a browser.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from html.parser import HTMLParser

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from asgi_social import Social, SocialMiddleware

AT_ONCE = 25
"""How many requests the view ``at-once`` lets go on together."""

_SESSION_KEY = "the-session-key-of-the-tests-9Zr4"


@contextmanager
def listener() -> Iterator[socket.socket]:
    """Give a socket on 127.0.0.1 whose port is free, and stays the same for every app that is served on it."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        yield bound


def url_of(bound: socket.socket) -> str:
    """Give the public address of an app that is served on a socket."""
    return f"http://localhost:{bound.getsockname()[1]}"


@asynccontextmanager
async def serving(app: ASGIApp, bound: socket.socket) -> AsyncIterator[None]:
    """Serve an app from its start-up to its shutdown, both of which have happened on either side of the context.

    Args:
        app: With a lifespan.
        bound: Is left open, for the next app.
    """
    started = asyncio.Event()

    async def notify() -> None:
        started.set()

    server = _Server(
        uvicorn.Config(
            app,
            lifespan="on",
            ws="none",
            log_config=None,
            access_log=False,
            callback_notify=notify,
            timeout_keep_alive=60,  # longer than clients keep connections, or it closes one that is used at that moment
        )
    )
    serves = asyncio.create_task(server.serve(sockets=[bound.dup()]))
    await started.wait()
    try:
        yield
    finally:
        server.should_exit = True
        await serves


class _Server(uvicorn.Server):
    """Leaves the signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def app_of(social: Social) -> Starlette:
    """Give an app whose session says who is signed in, with a view for each thing that an app does with a backend."""
    app = Starlette(
        routes=[
            Route("/sign-in", _sign_in, methods=["POST"]),
            Route("/settings", _settings),
            Route("/{backend}/renewed", _renewed),
            Route("/{backend}/token", _token),
            Route("/{backend}/at-once", _at_once),
            Route("/{backend}/there", _there),
            Route("/{backend}/client-token", _client_token, methods=["POST"]),
        ],
        middleware=[Middleware(SessionMiddleware, secret_key=_SESSION_KEY), Middleware(SocialMiddleware, social)],
    )
    app.state.together = asyncio.Barrier(AT_ONCE)
    return app


async def _sign_in(request: Request) -> Response:
    request.session["user_id"] = request.query_params["user"]
    return Response(status_code=204)


async def _settings(request: Request) -> Response:
    return JSONResponse([association.uid for association in await request.state.social.associations()])


async def _renewed(request: Request) -> Response:
    [association] = await request.state.social.associations(request.path_params["backend"])
    renewed = await association.refresh_token()
    return JSONResponse({"id": renewed.id, "token": await renewed.get_access_token()})


async def _token(request: Request) -> Response:
    [association] = await request.state.social.associations(request.path_params["backend"])
    return JSONResponse(await association.get_access_token())


async def _at_once(request: Request) -> Response:
    [association] = await request.state.social.associations(request.path_params["backend"])
    # Each knows the same old token before the first one asks; sockets and the database would set them in a row.
    await request.app.state.together.wait()
    return JSONResponse(await association.get_access_token())


async def _there(request: Request) -> Response:
    [association] = await request.state.social.associations(request.path_params["backend"])
    async with association.client() as http:
        there = await http.get(request.query_params["url"])
    return JSONResponse({"status": there.status_code, "body": there.json()})


async def _client_token(request: Request) -> Response:
    sent = await request.json()
    user = await request.state.social.backend(request.path_params["backend"]).do_auth(**sent)
    return JSONResponse(user and user.id)


class Browser:
    """A person's browser: it keeps cookies by host, says where a request comes from, and follows no redirect by itself.

    Attributes:
        http: Its requests and its jar; also for the pages of the provider.
    """

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def sign_in(self, user: str) -> None:
        """Sign in to the app."""
        response = await self.http.post("/sign-in", params={"user": user})
        assert response.status_code == 204

    async def click(self, action: str) -> httpx.Response:
        """Press the button, on our page of linked accounts, of a form that goes to ``action``."""
        page = await self.http.get("/associate/", headers={"accept": "text/html"})
        assert page.status_code == 200, page.text
        assert action in _Forms(page.text).actions
        origin = str(self.http.base_url).rstrip("/")
        return await self.http.post(action, headers={**_navigates("same-origin"), "origin": origin})

    async def arrive(self, address: str) -> httpx.Response:
        """Go where the provider sends the browser."""
        return await self.http.get(address, headers=_navigates("cross-site"))

    async def call(self, path: str) -> httpx.Response:
        """Ask as a script of the app's page does, which gets JSON."""
        return await self.http.get(path, headers={"accept": "application/json"})


@asynccontextmanager
async def browser(base: str, *, user: str) -> AsyncIterator[Browser]:
    """Give a browser of its own to a person who is signed in to the app."""
    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=20) as http:
        opened = Browser(http)
        await opened.sign_in(user)
        yield opened


def _navigates(site: str) -> dict[str, str]:
    return {"accept": "text/html", "sec-fetch-site": site, "sec-fetch-mode": "navigate"}


class _Forms(HTMLParser):
    """Where the forms of a page go."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.actions: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "form":
            self.actions.append(dict(attrs).get("action") or "")
