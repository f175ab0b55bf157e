"""Quart: its session lies inside, so that the middleware is wrapped around the app and opens the session's cookie."""

import os
from typing import Any

from quart import Quart, Response, jsonify, request, session

from asgi_social import SocialError, SocialMiddleware, error_response

USERS = {"7": {"name": "Ada"}, "8": {"name": "Grace"}}  # your own table of users
quart = Quart(__name__)
quart.config.update(SECRET_KEY=os.environ["SECRET_KEY"], SESSION_COOKIE_SAMESITE="Lax")


async def current_user(connection: Any) -> str | None:
    found = await quart.session_interface.open_session(quart, connection)  # which reads nothing but the cookies
    return found.get("user_id") if found else None


@quart.errorhandler(SocialError)
async def clear_answer(error: SocialError) -> Response:
    answer = error_response(error, request.scope)
    return Response(bytes(answer.body), answer.status_code, dict(answer.headers))


@quart.post("/sign-in/<user_id>")
async def sign_in(user_id: str) -> Response:
    session["user_id"] = user_id  # once your own sign-in has asked for a password
    return jsonify("signed in")


@quart.get("/")
async def home() -> Response:
    return jsonify([one.username for one in await request.scope["state"]["social"].associations()])


@quart.post("/phone")
async def phone() -> Response:
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    return jsonify(await request.scope["state"]["social"].backend("github").do_auth(token))


@quart.post("/renew")
async def renew() -> Response:
    linked = await request.scope["state"]["social"].associations()
    return jsonify([(await one.refresh_token()).status for one in linked])


@quart.post("/unlink")
async def unlink() -> Response:
    return jsonify(len(await request.scope["state"]["social"].disconnect()))


def make_app(**settings: Any) -> SocialMiddleware:
    inside: Any = quart
    return SocialMiddleware(inside, current_user=current_user, load_user=USERS.get, **settings)


app = make_app(secret_key=os.environ["SECRET_KEY"], base_url=os.environ.get("BASE_URL"))
