"""The demo: an app with a sign-in of its own, whose people link accounts at a provider that is served beside it.

Nothing of it reaches the network until a real service is named in the environment (``ASGI_SOCIAL_GITHUB_CLIENT_ID``
and ``ASGI_SOCIAL_GITHUB_CLIENT_SECRET``, and so on). ``scripts/demo`` serves it.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from asgi_social import Association, Social, SocialMiddleware
from asgi_social.registration import backends_from_environment
from asgi_social.settings import Settings
from asgi_social.testing import FakeProvider

_HERE = Path(__file__).parent
_pages = Jinja2Templates(_HERE / "templates")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user of the demo: what ``do_auth`` gives here.

    Attributes:
        id: What the session holds, and what is stored with a linked account.
        name: For people.
        is_active: Whether the app lets this person in.
    """

    id: str
    name: str
    is_active: bool = True


PEOPLE = {
    person.id: person
    for person in (
        Person(id="1", name="Amina Diallo"),
        Person(id="2", name="Bruno Keller"),
        Person(id="3", name="Chiara Neri"),
    )
}

# Where a token can be tried out, by backend.
_PROFILES = {
    "github": "https://api.github.com/user",
    "google-oauth2": "https://openidconnect.googleapis.com/v1/userinfo",
}


def demo() -> Starlette:
    """Make the app as ``scripts/demo`` serves it: ``PORT`` and ``DEMO_FOLDER`` come from the environment."""
    environment = dict(os.environ)  # noqa: TID251  # the demo is the outer world, and not the package
    provider = FakeProvider(issuer=f"http://localhost:{environment['PORT']}/provider", lifetime=600)
    return app_of(provider, Social(**settings_of(provider, folder=environment["DEMO_FOLDER"], environment=environment)))


def settings_of(provider: FakeProvider, *, folder: str, environment: Mapping[str, str]) -> Settings:
    """Give the settings: the fake provider, and every service that the environment names.

    Args:
        provider: The fake one.
        folder: Where the linked accounts lie.
        environment: The variables of the process.
    """
    return {
        "secret_key": secrets.token_urlsafe(32),
        "backends": {
            "fake": {**provider.backend_settings(), "provider": str(_HERE / "fake.toml")},
            **backends_from_environment(environment),
        },
        "database": f"sqlite+aiosqlite:///{folder}/demo.db",
        "load_user": PEOPLE.get,
        "sign_in_url": "/sign-in",
        # No base_url: this is a developer's machine, and only there it may be left out.
    }


def app_of(provider: FakeProvider, social: Social) -> Starlette:
    """Give the app: its pages, the fake provider below ``/provider``, and the engine around them."""
    app = Starlette(
        routes=[
            Route("/", home),
            Route("/sign-in", sign_in_page, methods=["GET"]),
            Route("/sign-in", sign_in, methods=["POST"]),
            Route("/sign-out", sign_out, methods=["POST"]),
            Route("/use/{association_id}", use, methods=["POST"]),
            Route("/renew/{association_id}", renew, methods=["POST"]),
            Route("/phone", phone_page, methods=["GET"]),
            Route("/phone", phone, methods=["POST"]),
            Route("/phone/tokens", phone_tokens, methods=["POST"]),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
            Mount("/provider", provider),
        ],
        middleware=[  # the session lies around us, because we read from it whose request it is
            Middleware(SessionMiddleware, secret_key=secrets.token_urlsafe(32), same_site="lax"),
            Middleware(SocialMiddleware, social),
        ],
    )
    app.state.provider = provider
    return app


# --- The sign-in of the app, which is no matter of the package --------------------------------------------------------


async def sign_in_page(request: Request) -> Response:
    """Ask who it is; there are no passwords here."""
    return _page(request, "sign_in.html", people=PEOPLE.values())


async def sign_in(request: Request) -> Response:
    """Put the person's id into the session, where the engine finds it."""
    person = PEOPLE.get((await _posted(request)).get("person", ""))
    if person is None:
        raise HTTPException(400, "there is no such person")
    request.session.clear()
    request.session["user_id"] = person.id
    return RedirectResponse("/", 303)


async def sign_out(request: Request) -> Response:
    """Empty the session; the linked accounts stay."""
    await _posted(request)
    request.session.clear()
    return RedirectResponse("/sign-in", 303)


# --- What is linked, and what can be done with it ---------------------------------------------------------------------


async def home(request: Request) -> Response:
    """List the linked accounts; where nobody is signed in, ``associations`` raises and the sign-in page comes."""
    social = request.state.social
    return _page(
        request,
        "home.html",
        associations=await social.associations(),
        backends={backend.name: backend.title for backend in social.social.backends()},
        usable={"fake", *_PROFILES},
    )


async def use(request: Request) -> Response:
    """Ask the provider for the person's profile with the stored token, and show the answer."""
    association = await _own_association(request)
    url = _PROFILES.get(association.backend, f"{request.app.state.provider.issuer}/userinfo")
    try:
        async with association.client() as client:
            answer = await client.get(url)
    except httpx.HTTPError as error:
        raise HTTPException(502, f"{url} does not answer: {type(error).__name__}") from None
    return _page(request, "answer.html", url=url, status=answer.status_code, text=_readable(answer))


async def renew(request: Request) -> Response:
    """Renew the tokens now. What goes wrong raises a ``SocialError``, which the middleware answers."""
    renewed = await (await _own_association(request)).refresh_token()
    return _page(request, "renewed.html", association=renewed)


async def _own_association(request: Request) -> Association[str]:
    await _posted(request)
    associations: list[Association[str]] = await request.state.social.associations()
    for association in associations:
        if association.id == request.path_params["association_id"]:
            return association
    raise HTTPException(404, "none of your linked accounts has this id")


# --- A phone app, which gets a token by itself and sends it in --------------------------------------------------------


async def phone_page(request: Request) -> Response:
    """Show the phone, as yet without a token."""
    return _page(request, "phone.html", people=request.app.state.provider.people, tokens=None)


async def phone_tokens(request: Request) -> Response:
    """Play the phone's own sign-in at the fake provider, in which the app has no part."""
    provider = request.app.state.provider
    wanted = (await _posted(request)).get("person", "")
    if wanted not in {person.sub for person in provider.people}:
        raise HTTPException(400, "there is no such person at the provider")
    return _page(request, "phone.html", people=provider.people, tokens=provider.issue_tokens(wanted))


async def phone(request: Request) -> Response:
    """Take a token from the phone and say whose it is; no session, so a page of another site gains nothing here."""
    fields = await _fields(request)
    backend = request.state.social.backend(fields.get("backend", "fake"))
    if "id_token" in fields:
        user = await backend.do_auth(id_token=fields["id_token"])
    else:
        user = await backend.do_auth(fields.get("access_token"))
    if user and user.is_active:
        return JSONResponse({"user": {"id": user.id, "name": user.name}})
    return JSONResponse({"detail": "this account is linked to nobody here"}, 403)


# --- Forms and pages --------------------------------------------------------------------------------------------------


async def _posted(request: Request) -> dict[str, str]:
    """Give the fields of a form of ours; what a browser says to come from another site is refused."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise HTTPException(403, "this form is not on a page of ours")
    return await _fields(request)


async def _fields(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))


def _page(request: Request, template: str, **values: Any) -> Response:
    person = PEOPLE.get(request.session.get("user_id", ""))
    return _pages.TemplateResponse(request, template, {"person": person, **values})


def _readable(answer: httpx.Response) -> str:
    try:
        return json.dumps(answer.json(), indent=2, ensure_ascii=False)
    except ValueError:
        return answer.text
