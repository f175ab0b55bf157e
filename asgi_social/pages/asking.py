"""Asking first: a page with one button, for what a page of this site has not asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from asgi_social.pages import page
from asgi_social.pages.visitor import FORM_TOKEN, form_token, is_form_token, posts_within_site
from asgi_social.social import RequestSocial


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that changes what is linked, and how the person is asked for it.

    Attributes:
        name: Tells it from every other, so that a form token of one is none of another.
        user_id: Who would do it.
        title: The question.
        text: What follows from it.
        button: The words on the button.
        hidden: What the form carries besides.
        wanted: What the person is to write, by the fields' names, with an example of each.
    """

    name: str
    user_id: str
    title: str
    text: str
    button: str
    hidden: Mapping[str, str]
    wanted: Mapping[str, str] = field(default_factory=dict)


def is_asked_for(action: Action, request: Request, social: RequestSocial, fields: Mapping[str, str]) -> bool:
    """Say whether a request is a POST that a page of this site has made, for this very action and person.

    Raises:
        SettingsError: ``base_url`` is needed and not set.
    """
    if request.method != "POST":
        return False
    engine, settings = social.social.engine, social.social.settings
    token = is_form_token(
        engine.keys, fields.get(FORM_TOKEN), user_id=action.user_id, action=action.name, now=engine.clock.now()
    )
    return posts_within_site(request.headers, base=settings.base_of(request.scope), form_token=token)


def ask(action: Action, request: Request, social: RequestSocial) -> Response:
    """Give the page that asks: 200 for a GET, 403 for a POST that came from elsewhere; neither changes anything."""
    engine = social.social.engine
    return page(
        request,
        "ask.html",
        status=403 if request.method == "POST" else 200,
        form=True,
        title=action.title,
        text=action.text,
        button=action.button,
        token=form_token(engine.keys, user_id=action.user_id, action=action.name, now=engine.clock.now()),
        hidden=action.hidden,
        wanted=action.wanted,
    )
