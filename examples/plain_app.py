"""No framework: one function, with Starlette's session middleware around."""

import os
from typing import Any

from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from asgi_social import SocialMiddleware

USERS = {"7": {"name": "Ada"}, "8": {"name": "Grace"}}  # your own table of users


async def answer(request: Request) -> JSONResponse:
    social = request.scope["state"]["social"]
    match request.method, request.scope["path"].removeprefix(request.scope["root_path"]).split("/")[1:]:
        case "POST", ["sign-in", user_id]:
            request.session["user_id"] = user_id  # once your own sign-in has asked for a password
            return JSONResponse("signed in")
        case "GET", [""]:
            return JSONResponse([one.username for one in await social.associations()])
        case "POST", ["phone"]:
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            return JSONResponse(await social.backend("github").do_auth(token))
        case "POST", ["renew"]:
            return JSONResponse([(await one.refresh_token()).status for one in await social.associations()])
        case "POST", ["unlink"]:
            return JSONResponse(len(await social.disconnect()))
    return JSONResponse("there is nothing here", 404)


async def plain(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":  # the middleware stands in for an app that knows no lifespan
        await (await answer(Request(scope, receive)))(scope, receive, send)


def make_app(**settings: Any) -> ASGIApp:
    social = SocialMiddleware(plain, load_user=USERS.get, **settings)
    return SessionMiddleware(social, secret_key=os.environ["SECRET_KEY"])


app = make_app(secret_key=os.environ["SECRET_KEY"], base_url=os.environ.get("BASE_URL"))
