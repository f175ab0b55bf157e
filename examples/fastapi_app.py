"""FastAPI: Starlette's session says who is signed in, and dependencies give the views what they need."""

import os
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from starlette.middleware.sessions import SessionMiddleware

from asgi_social import Association, RequestSocial, SocialMiddleware
from asgi_social.dependencies import associations, social, social_user

USERS = {"7": {"name": "Ada"}, "8": {"name": "Grace"}}  # your own table of users
Linked = Annotated[list[Association[str]], Depends(associations())]
PhoneUser = Annotated[dict[str, str], Depends(social_user("github"))]


def make_app(**settings: Any) -> FastAPI:
    app = FastAPI()
    app.add_middleware(SocialMiddleware, load_user=USERS.get, **settings)
    app.add_middleware(SessionMiddleware, secret_key=os.environ["SECRET_KEY"])  # added last, so that it lies around

    @app.post("/sign-in/{user_id}")
    async def sign_in(request: Request, user_id: str) -> None:
        request.session["user_id"] = user_id  # once your own sign-in has asked for a password

    @app.get("/")
    async def home(linked: Linked) -> list[str | None]:
        return [one.username for one in linked]

    @app.post("/phone")
    async def phone(user: PhoneUser) -> dict[str, str]:
        return user

    @app.post("/renew")
    async def renew(linked: Linked) -> list[str]:
        return [(await one.refresh_token()).status for one in linked]

    @app.post("/unlink")
    async def unlink(social: Annotated[RequestSocial, Depends(social)]) -> int:
        return len(await social.disconnect())

    return app


app = make_app(secret_key=os.environ["SECRET_KEY"], base_url=os.environ.get("BASE_URL"))
