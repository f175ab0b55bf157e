"""What the browser of these tests visits: a whole app on ``localhost``, and a provider on ``127.0.0.1``.

The two are two sites to a browser, as in the world. The app has a sign-in of its own and a page on which tokens are
renewed; everything else on it is the package's.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from asgi_social import Association, Social, SocialMiddleware
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing import FakeProvider, ManualClock, Person
from tests.app import KEY
from tests.served import listener, serving, url_of

USERS = {"1": "Amina", "2": "Bruno"}
ADA = Person(sub="person-1", username="ada", email="ada@people.example", name="Ada Lovelace")
LAYLA = Person(sub="person-2", username="layla", name="ليلى حدّاد", given_name="ليلى", family_name="حدّاد")
_BY_REDIRECT: dict[str, Any] = {
    "name": "fake",
    "title": "Fake",
    "protocol": "oidc",
    "vars": {"issuer": {"kind": "url"}},
    "oidc": {"endpoint": "{issuer}"},
    "authorize": {"scope": ["openid", "profile", "email"]},
    "verify": [{"kind": "lookup", "url": "{issuer}/token-info", "app": "client_id", "subject": "sub"}],
}
_BY_FORM_POST = _BY_REDIRECT | {
    "name": "posting",
    "title": "Posting",
    "authorize": {**_BY_REDIRECT["authorize"], "response_mode": "form_post"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The app and the provider, served.

    Attributes:
        base: The app's address.
        provider: The one that both backends, ``fake`` and ``posting``, are at.
        social: The engine of the app.
        clock: The time of all three.
    """

    base: str
    provider: FakeProvider
    social: Social
    clock: ManualClock

    async def linked(self, user: str = "1") -> list[Association[Any]]:
        """Give what is stored for a user."""
        return await self.social.associations(user)

    async def link(self, *people: Person, user: str = "1") -> None:
        """Link accounts at the provider to a user, past the browser."""
        for person in people:
            self.clock.advance(1)  # or those of one moment stand in any order
            tokens = self.provider.issue_tokens(person)
            await self.social.backend("fake").associate(tokens["access_token"], user_id=user)


@asynccontextmanager
async def a_world(people: Iterable[Person] = (ADA, LAYLA)) -> AsyncIterator[World]:
    """Serve the app and the provider, and give them.

    Args:
        people: Who has an account at the provider.
    """
    clock = ManualClock()
    with listener() as at_app, listener() as at_provider:
        issuer = url_of(at_provider).replace("localhost", "127.0.0.1")
        provider = FakeProvider(issuer=issuer, people=tuple(people), clock=clock)
        social = Social(
            secret_key=KEY,
            backends={
                "fake": {**provider.backend_settings(), "provider": _BY_REDIRECT},
                "posting": {**provider.backend_settings(), "provider": _BY_FORM_POST},
            },
            base_url=url_of(at_app),
            database=MemoryRepository(),
            sign_in_url="/sign-in",
            clock=clock,
        )
        async with serving(provider, at_provider), serving(app_of(social), at_app):
            yield World(base=url_of(at_app), provider=provider, social=social, clock=clock)


def app_of(social: Social) -> Starlette:
    """Give the app."""
    return Starlette(
        routes=[
            Route("/", _renewals),
            Route("/sign-in", _sign_in_page, methods=["GET"]),
            Route("/sign-in", _sign_in, methods=["POST"]),
            Route("/renew/{association_id}", _renew, methods=["POST"]),
        ],
        middleware=[
            Middleware(SessionMiddleware, secret_key="the-session-key-of-the-tests", same_site="lax"),
            Middleware(SocialMiddleware, social),
        ],
    )


async def _sign_in_page(request: Request) -> Response:
    buttons = (f'<p><button name="user" value="{user}">{name}</button></p>' for user, name in USERS.items())
    return _page("Who are you?", f'<form method="post">{"".join(buttons)}</form>')


async def _sign_in(request: Request) -> Response:
    request.session["user_id"] = dict(parse_qsl((await request.body()).decode()))["user"]
    return RedirectResponse("/associate/", 303)


async def _renewals(request: Request) -> Response:
    forms = (
        f'<form method="post" action="/renew/{one.id}"><p><button>Renew {escape(one.uid)}</button></p></form>'
        for one in await request.state.social.associations()
    )
    return _page("Your tokens", "".join(forms) + '<p><a href="/associate/">Linked accounts</a></p>')


async def _renew(request: Request) -> Response:
    for association in await request.state.social.associations():
        if association.id == request.path_params["association_id"]:
            await association.refresh_token()
    return RedirectResponse("/", 303)


def _page(title: str, main: str) -> HTMLResponse:
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title></head>'
        f"<body><main><h1>{title}</h1>{main}</main></body></html>"
    )
