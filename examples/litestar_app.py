"""Litestar: its middleware runs for its own routes alone, so that ours lies around it and opens the session itself."""

import hashlib
import os
from typing import Any

from litestar import Litestar, Request, Response, get, post
from litestar.middleware.session.client_side import ClientSideSessionBackend, CookieBackendConfig

from asgi_social import SocialError, SocialMiddleware, error_response

USERS = {"7": {"name": "Ada"}, "8": {"name": "Grace"}}  # your own table of users
config = CookieBackendConfig(secret=hashlib.sha256(os.environ["SECRET_KEY"].encode()).digest())
sessions = ClientSideSessionBackend(config)


async def current_user(connection: Any) -> str | None:
    return (await sessions.load_from_connection(connection)).get("user_id")  # which reads nothing but the cookies


def clear_answer(request: Request[Any, Any, Any], error: SocialError) -> Response[bytes]:
    answer = error_response(error, request.scope)
    return Response(bytes(answer.body), status_code=answer.status_code, headers=dict(answer.headers))


@post("/sign-in/{user_id:str}")
async def sign_in(request: Request[Any, Any, Any]) -> None:
    request.session["user_id"] = request.path_params["user_id"]  # once your own sign-in has asked for a password


@get("/")
async def home(request: Request[Any, Any, Any]) -> list[str | None]:
    return [one.username for one in await request.scope["state"]["social"].associations()]


@post("/phone")
async def phone(request: Request[Any, Any, Any]) -> Any:
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    return await request.scope["state"]["social"].backend("github").do_auth(token)


@post("/renew")
async def renew(request: Request[Any, Any, Any]) -> list[str]:
    return [(await one.refresh_token()).status for one in await request.scope["state"]["social"].associations()]


@post("/unlink")
async def unlink(request: Request[Any, Any, Any]) -> int:
    return len(await request.scope["state"]["social"].disconnect())


def make_app(**settings: Any) -> SocialMiddleware:
    views = [sign_in, home, phone, renew, unlink]
    clear: Any = {SocialError: clear_answer}
    # Without logging_config=None it would set up the root logger, for the whole process.
    litestar: Any = Litestar(views, middleware=[config.middleware], exception_handlers=clear, logging_config=None)
    return SocialMiddleware(litestar, current_user=current_user, load_user=USERS.get, **settings)


app = make_app(secret_key=os.environ["SECRET_KEY"], base_url=os.environ.get("BASE_URL"))
