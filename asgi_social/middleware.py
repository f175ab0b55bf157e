"""The ASGI door: attaches the accessor, hands three paths over, opens and closes the engine with the app."""

import logging
from dataclasses import dataclass
from typing import Literal, Unpack, assert_never
from urllib.parse import quote

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asgi_social.associate import accounts, associate, picture
from asgi_social.complete import complete
from asgi_social.disconnect import disconnect
from asgi_social.errors import NotSignedIn, SettingsError, SocialError
from asgi_social.pages import STYLE, load, redirect, sign_in_url, style_sheet, wants_page
from asgi_social.pages.marks import mark
from asgi_social.pages.problems import error_response, not_allowed
from asgi_social.settings import Checked, Settings
from asgi_social.social import RequestSocial, Social

_log = logging.getLogger("asgi_social")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One of our paths, taken apart."""

    kind: Literal["accounts", "style", "picture", "associate", "complete", "disconnect"]
    backend: str = ""
    association_id: str | None = None


class SocialMiddleware:
    """Takes ``/associate``, ``/complete`` and ``/disconnect``; everything else passes, with the accessor attached.

    Attributes:
        social: The engine.
    """

    def __init__(self, app: ASGIApp, social: Social | None = None, **settings: Unpack[Settings]) -> None:
        """Wrap an app.

        Args:
            app: Any ASGI app.
            social: An engine made before; then there are no settings.
            settings: As for ``Social``.

        Raises:
            SettingsError: With every fault in ``problems``.
        """
        if social is not None and settings:
            raise SettingsError(
                "SocialMiddleware got an engine and settings",
                hint="give the settings to Social, or to SocialMiddleware, not to both",
                setting=next(iter(settings)),
            )
        self._app = app
        self.social = Social(**settings) if social is None else social
        self._opened_late = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        social = self.social.bound(connection)
        scope.setdefault("state", {})["social"] = social
        try:
            if not self.social.is_open:
                await self._open_late()
        except SocialError as error:
            if scope["type"] == "websocket":
                raise
            await error_response(error, connection)(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        route = route_of(scope, self.social.settings)
        if route is None:
            await self._pass(scope, receive, send)
            return
        request = Request(scope, receive)
        response = await self._answer(request, social, route)
        await response(scope, receive, send)

    async def _answer(self, request: Request, social: RequestSocial, route: Route) -> Response:
        allowed = _methods(route, social)
        if request.method not in allowed:
            return not_allowed(request, allowed=allowed)
        try:
            match route.kind:
                case "style":
                    return style_sheet(request)
                case "picture":
                    return await picture(social, route.association_id or "")
                case "accounts":
                    return await accounts(request, social)
                case "associate":
                    return await associate(request, social, route.backend)
                case "disconnect":
                    return await disconnect(request, social, route.backend, route.association_id)
                case "complete":
                    return await complete(request, social, route.backend)
                case other:
                    assert_never(other)
        except SocialError as error:
            return self._answer_to(error, request)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer; a ``SocialError`` that escapes it becomes an answer, where none has begun."""
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except SocialError as error:
            if begun:
                raise
            response = self._answer_to(error, HTTPConnection(scope))
            await response(scope, receive, send)

    def _answer_to(self, error: SocialError, connection: HTTPConnection) -> Response:
        """Answer an error; a person who is not signed in goes to the app's sign-in page, where there is one."""
        if isinstance(error, NotSignedIn) and wants_page(connection):
            scope = connection.scope
            query = scope.get("query_string", b"").decode("latin-1")
            here = quote(self.social.settings.public_path(scope) + _local_path(scope))
            here += f"?{query}" if query and scope["method"] == "GET" else ""
            if (where := sign_in_url(self.social.settings, back_to=here)) is not None:
                return redirect(where)
        return error_response(error, connection)

    async def _open(self) -> None:
        load(self.social.settings.templates)
        for backend in self.social.backends():
            mark(backend.mark, backend.title)  # so that no request waits for its file
        await self.social.open()
        if self.social.settings.refresh_every is not None:
            self.social.refresh_behind(every=self.social.settings.refresh_every)

    async def _open_late(self) -> None:
        await self._open()
        if not self._opened_late:  # said once, also where several first requests come at a time
            self._opened_late = True
            _log.warning(
                "no lifespan reached SocialMiddleware, so it opened at its first request; "
                "wrap the app that the server calls, or turn the server's lifespan on"
            )

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open before the app starts, close after it has stopped; and stand in for an app that knows no lifespan."""
        first = await receive()
        try:
            await self._open()
        except SocialError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        answered = False
        pending = [first]

        async def receiving() -> Message:
            return pending.pop() if pending else await receive()

        async def sending(message: Message) -> None:
            nonlocal answered
            answered = True
            if message["type"] in {"lifespan.shutdown.complete", "lifespan.shutdown.failed", "lifespan.startup.failed"}:
                await self.social.close()
            await send(message)

        try:
            await self._app(scope, receiving, sending)
        except Exception:
            if answered:
                await self.social.close()
                raise
        if not answered:
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self.social.close()
            await send({"type": "lifespan.shutdown.complete"})


def route_of(scope: Scope, settings: Checked) -> Route | None:
    """Say which of our paths a request asks for, by ``path`` and ``root_path`` alone; None for the app's own.

    The last slash may be left out. An empty or dot segment never matches.
    """
    path = _local_path(scope)
    if settings.prefix and not path.startswith(f"{settings.prefix}/"):
        return None
    path = path.removeprefix(settings.prefix)
    complete_path = settings.complete_path
    if path.startswith(f"{complete_path}/"):
        return _completing(_segments(path.removeprefix(complete_path)))
    match _segments(path):
        case ["associate"]:
            return Route(kind="accounts")
        case ["associate", name] if name == STYLE:
            return Route(kind="style")
        case ["associate", "picture", association_id]:
            return Route(kind="picture", association_id=association_id)
        case ["associate", "complete", name]:
            return _completing([name])
        case ["associate", name]:
            return Route(kind="associate", backend=name)
        case ["disconnect", name]:
            return Route(kind="disconnect", backend=name)
        case ["disconnect", name, association_id]:
            return Route(kind="disconnect", backend=name, association_id=association_id)
    return None


def _local_path(scope: Scope) -> str:
    """Give the path below the mount; servers and frameworks differ in whether ``path`` still holds ``root_path``."""
    path, root = str(scope["path"]), str(scope.get("root_path", "")).rstrip("/")
    return path.removeprefix(root) if root and (path == root or path.startswith(f"{root}/")) else path


def _completing(segments: list[str]) -> Route | None:
    return Route(kind="complete", backend=segments[0]) if len(segments) == 1 else None


def _segments(path: str) -> list[str]:
    segments = path.removesuffix("/").split("/")
    if segments[0] != "" or any(one in {"", ".", ".."} for one in segments[1:]):
        return []
    return segments[1:]


def _methods(route: Route, social: RequestSocial) -> set[str]:
    if route.kind in {"style", "picture", "accounts"}:
        return {"GET", "HEAD"}
    if route.kind == "complete":
        backends = {backend.name: backend for backend in social.social.backends()}
        backend = backends.get(route.backend)
        return {"GET", "POST"} if backend is None or backend.takes_form_post else {"GET"}
    return {"GET", "HEAD", "POST"}
