"""What was just done, told on the page that follows: carried over the redirect in a sealed cookie, and told once."""

import json
from typing import cast

from starlette.requests import Request
from starlette.responses import Response

from asgi_social.pages import base_path
from asgi_social.social import RequestSocial

MESSAGE_SECONDS = 60.0
_NAME = "social_message"


def tell(text: str, response: Response, request: Request, social: RequestSocial, *, user_id: str) -> None:
    """Let the page of linked accounts tell its person something, where a redirect leads there.

    Args:
        text: A sentence; it may name an account, and so is sealed.
        response: The redirect.
        request: What it answers.
        social: The accessor of this request.
        user_id: Whom it is for.
    """
    if response.headers["location"] != base_path(request):
        return
    engine, secure = social.social.engine, social.social.settings.is_secure(request.scope)
    told_until = engine.clock.now() + MESSAGE_SECONDS
    value = engine.keys.seal(json.dumps([user_id, told_until, text]), purpose="message", context="message")
    response.set_cookie(
        _name(secure=secure),
        value,
        max_age=int(MESSAGE_SECONDS),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def told(request: Request, social: RequestSocial, *, user_id: str) -> str | None:
    """Give what is to be told to this person, or None."""
    engine, secure = social.social.engine, social.social.settings.is_secure(request.scope)
    value = request.cookies.get(_name(secure=secure))
    text = engine.keys.unseal(value, purpose="message", context="message") if value else None
    if text is None:
        return None
    owner, until, sentence = cast("tuple[str, float, str]", json.loads(text))  # sealed by us: its shape is ours
    return sentence if owner == user_id and engine.clock.now() <= until else None


def forget(response: Response, request: Request, social: RequestSocial) -> None:
    """Take the cookie back, once it is told."""
    secure = social.social.settings.is_secure(request.scope)
    response.delete_cookie(_name(secure=secure), path="/", secure=secure, httponly=True, samesite="lax")


def _name(*, secure: bool) -> str:
    return f"__Host-{_NAME}" if secure else _NAME
