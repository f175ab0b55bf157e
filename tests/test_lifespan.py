"""The engine opens and closes with the app; and where no lifespan comes, at first use."""

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asgi_social import Social, SocialMiddleware, StorageError
from asgi_social.storage.memory import MemoryRepository
from tests.app import browser, settings
from tests.renewing import Acme, again, at


class Server:
    """A server's side of an app's lifespan."""

    def __init__(self, app: ASGIApp) -> None:
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        self.task = asyncio.create_task(self._run(app))

    async def starts(self) -> Message:
        """Tell the app to start, and give what it says."""
        return await self._told("lifespan.startup")

    async def stops(self) -> Message:
        """Tell the app to stop, and give what it says."""
        answer = await self._told("lifespan.shutdown")
        await asyncio.wait([self.task])
        return answer

    def tell(self, kind: str) -> None:
        """Send the app a message."""
        self._to_app.put_nowait({"type": kind})

    async def _told(self, kind: str) -> Message:
        self.tell(kind)
        return await self._from_app.get()

    async def _run(self, app: ASGIApp) -> None:
        async def send(message: Message) -> None:
            self._from_app.put_nowait(message)

        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, self._to_app.get, send)


class Watched(MemoryRepository):
    """A store that writes down, among what else happens, when it is opened and closed."""

    def __init__(self, happened: list[str] | None = None, *, error: Exception | None = None) -> None:
        super().__init__()
        self.happened = [] if happened is None else happened
        self._error = error

    async def open(self) -> None:
        await asyncio.sleep(0)
        if self._error is not None:
            raise self._error
        self.happened.append("open")

    async def close(self) -> None:
        self.happened.append("close")


class App:
    """An app whose own lifespan is of one kind."""

    def __init__(self, happened: list[str], *, kind: str = "good") -> None:
        self._happened = happened
        self._kind = kind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await PlainTextResponse("here")(scope, receive, send)
            return
        if self._kind == "unknown":
            raise RuntimeError("only http is known here")
        if self._kind == "silent":
            return
        assert (await receive())["type"] == "lifespan.startup"
        if self._kind == "raises":
            raise RuntimeError("no lifespan")
        if self._kind == "startup fails":
            await send({"type": "lifespan.startup.failed", "message": "theirs"})
            return
        self._happened.append("app starts")
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        if self._kind == "shutdown breaks":
            raise RuntimeError("shutdown")
        self._happened.append("app stops")
        await send({"type": f"lifespan.shutdown.{'failed' if self._kind == 'shutdown fails' else 'complete'}"})


def watched(kind: str = "good") -> tuple[list[str], SocialMiddleware]:
    """Give an app with the middleware around it, and the list of what happens."""
    happened: list[str] = []
    return happened, SocialMiddleware(App(happened, kind=kind), **settings(database=Watched(happened)))


async def test_the_engine_opens_before_the_app_starts_and_closes_after_it_has_stopped() -> None:
    happened, app = watched()
    server = Server(app)

    started = await server.starts()
    open_between = app.social.is_open
    stopped = await server.stops()

    assert (started["type"], stopped["type"]) == ("lifespan.startup.complete", "lifespan.shutdown.complete")
    assert happened == ["open", "app starts", "app stops", "close"]
    assert (open_between, app.social.is_open) == (True, False)


async def test_the_engine_closes_also_where_the_app_says_that_its_shutdown_failed() -> None:
    happened, app = watched("shutdown fails")
    server = Server(app)
    await server.starts()

    stopped = await server.stops()

    assert stopped["type"] == "lifespan.shutdown.failed"
    assert happened[-1] == "close"


async def test_the_engine_closes_also_where_the_app_breaks_at_its_shutdown() -> None:
    happened, app = watched("shutdown breaks")
    server = Server(app)
    await server.starts()
    server.tell("lifespan.shutdown")

    with pytest.raises(RuntimeError, match="shutdown"):
        await server.task

    assert happened == ["open", "app starts", "close"]


@pytest.mark.parametrize("kind", ["unknown", "silent", "raises"])
async def test_an_app_that_knows_no_lifespan_is_stood_in_for(kind: str) -> None:
    happened, app = watched(kind)
    server = Server(app)

    started = await server.starts()
    between = list(happened)
    stopped = await server.stops()

    assert (started["type"], stopped["type"]) == ("lifespan.startup.complete", "lifespan.shutdown.complete")
    assert (between, happened) == (["open"], ["open", "close"])


async def test_an_app_whose_startup_fails_closes_the_engine_and_says_why() -> None:
    happened, app = watched("startup fails")

    started = await Server(app).starts()

    assert started == {"type": "lifespan.startup.failed", "message": "theirs"}
    assert happened == ["open", "close"]


async def test_an_app_of_starlette_whose_startup_raises_closes_the_engine() -> None:
    happened: list[str] = []

    async def lifespan(_: Any) -> Any:
        raise LookupError("theirs")
        yield

    app = Starlette(lifespan=asynccontextmanager(lifespan))
    server = Server(SocialMiddleware(app, **settings(database=Watched(happened))))

    started = await server.starts()

    with pytest.raises(LookupError):
        await server.task
    assert started["type"] == "lifespan.startup.failed"
    assert happened == ["open", "close"]


async def test_a_store_that_does_not_open_fails_the_startup_with_a_clear_message() -> None:
    happened: list[str] = []
    error = StorageError("the database does not answer", operation="open")
    app = SocialMiddleware(App(happened), **settings(database=Watched(happened, error=error)))
    server = Server(app)

    started = await server.starts()

    assert started == {"type": "lifespan.startup.failed", "message": str(error)}
    assert "the database does not answer" in started["message"]
    assert happened == []


async def test_without_a_lifespan_the_engine_opens_at_the_first_request_and_warns_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    happened, app = watched()
    async with browser(app) as client:
        answers = [await client.get("/") for _ in range(3)]
    await app.social.close()

    [warning] = caplog.records
    assert {answered.text for answered in answers} == {"here"}
    assert (warning.levelno, happened) == (logging.WARNING, ["open", "close"])
    assert "lifespan" in warning.getMessage()


async def test_without_a_lifespan_twenty_first_requests_at_once_open_it_once_and_warn_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    happened, app = watched()
    async with browser(app) as client:
        answers = await asyncio.gather(*(client.get("/") for _ in range(20)))
    await app.social.close()

    assert {answered.text for answered in answers} == {"here"}
    assert (len(caplog.records), happened) == (1, ["open", "close"])


async def test_with_a_lifespan_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    _, app = watched()
    server = Server(app)
    await server.starts()
    async with browser(app) as client:
        await client.get("/")
    await server.stops()

    assert caplog.records == []


async def test_an_engine_that_is_open_already_is_left_to_who_opened_it_until_the_app_stops() -> None:
    happened: list[str] = []
    async with Social(**settings(database=Watched(happened))) as social:
        server = Server(SocialMiddleware(App([]), social))
        await server.starts()
        await server.stops()

    assert happened == ["open", "close"]


async def test_a_store_that_cannot_be_opened_at_the_first_request_is_a_clear_answer_and_tried_again() -> None:
    repository = Watched(error=StorageError("open: SQLITE_CANTOPEN", operation="open"))
    app = SocialMiddleware(PlainTextResponse("the app"), **settings(database=repository))

    async with browser(app) as client:
        first = await client.get("/", headers={"accept": "application/json"})
        second = await client.get("/", headers={"accept": "application/json"})

    assert (first.status_code, first.json()["code"]) == (503, "storage")
    assert (second.status_code, second.json()["code"]) == (503, "storage")


async def test_a_websocket_that_comes_first_gets_the_stores_error_as_it_is() -> None:
    repository = Watched(error=StorageError("open: SQLITE_CANTOPEN", operation="open"))
    app = SocialMiddleware(PlainTextResponse("the app"), **settings(database=repository))
    scope: Scope = {"type": "websocket", "path": "/", "headers": [], "query_string": b""}

    with pytest.raises(StorageError):
        await app(scope, nothing_comes, nothing_goes)


async def nothing_comes() -> Message:
    raise AssertionError("nobody listens")


async def nothing_goes(message: Message) -> None:
    raise AssertionError(f"nobody says {message['type']}")


async def test_an_app_that_asks_for_it_renews_ahead_of_time_until_it_stops() -> None:
    acme = Acme()
    async with at(acme) as there:
        there.clock.advance(3500)
        server = Server(SocialMiddleware(Starlette(), again(there, acme, refresh_every=60)))
        await server.starts()
        for _ in range(3):
            await there.clock.until_asleep()
            there.clock.advance(60)
        await acme.arrived.wait()

        stopped = await server.stops()

        assert stopped == {"type": "lifespan.shutdown.complete"}
        assert (await there.row()).version == 2
    assert len(acme.renewals) == 1
