"""Starlette: its own session, around the middleware, says who is signed in."""

import os
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from asgi_social import SocialMiddleware

USERS = {"7": {"name": "Ada"}, "8": {"name": "Grace"}}  # your own table of users


async def sign_in(request: Request) -> JSONResponse:
    request.session["user_id"] = request.path_params["user_id"]  # once your own sign-in has asked for a password
    return JSONResponse("signed in")


async def home(request: Request) -> JSONResponse:
    return JSONResponse([one.username for one in await request.state.social.associations()])


async def phone(request: Request) -> JSONResponse:
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    return JSONResponse(await request.state.social.backend("github").do_auth(token))


async def renew(request: Request) -> JSONResponse:
    return JSONResponse([(await one.refresh_token()).status for one in await request.state.social.associations()])


async def unlink(request: Request) -> JSONResponse:
    return JSONResponse(len(await request.state.social.disconnect()))


def make_app(**settings: Any) -> Starlette:
    session = Middleware(SessionMiddleware, secret_key=os.environ["SECRET_KEY"])
    views = {"/sign-in/{user_id}": sign_in, "/phone": phone, "/renew": renew, "/unlink": unlink}
    return Starlette(
        routes=[Route("/", home), *(Route(path, view, methods=["POST"]) for path, view in views.items())],
        middleware=[session, Middleware(SocialMiddleware, load_user=USERS.get, **settings)],
    )


app = make_app(secret_key=os.environ["SECRET_KEY"], base_url=os.environ.get("BASE_URL"))
