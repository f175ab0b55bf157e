"""What the rows of the doors share: backends of three kinds, a network that writes down, and reading our pages."""

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import httpx
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from asgi_social import Social, SocialMiddleware
from asgi_social.storage.repository import StoredAssociation
from asgi_social.testing import FakeProvider
from tests.app import github, query_of

JSON = {"accept": "application/json"}
ISSUER = "https://id.example"
# What no answer may show: the tokens and secrets of these tests.
SECRETS = ("gho_secret", "a-secret", "other-token", "other-secret", "fake-")


def other(name: str = "other", **authorize: object) -> dict[str, Any]:
    """Give the settings of a backend whose provider is written out in them."""
    host = f"https://{name}.example"
    return {
        "provider": {
            "name": name,
            "title": name.title(),
            "authorize": {"url": f"{host}/authorize", **authorize},
            "token": {"url": f"{host}/token"},
            "userinfo": {"url": f"{host}/me"},
        },
        "client_id": f"{name}-id",
        "client_secret": "other-secret",
    }


def posting(name: str = "posting") -> dict[str, Any]:
    """Give the settings of a backend that answers by a form post, as Apple does."""
    return other(name, response_mode="form_post")


def three_backends() -> dict[str, Any]:
    """Give one backend of each kind that needs no metadata."""
    return {
        "github": {"client_id": "an-id", "client_secret": "a-secret"},
        "other": other(),
        "posting": posting(),
    }


class Network:
    """The providers of :func:`three_backends`, which write down what they are asked.

    Attributes:
        asked: The requests, oldest first.
        answers: What is answered instead, by path.
    """

    def __init__(self, **answers: Callable[[httpx.Request], httpx.Response]) -> None:
        self.asked: list[httpx.Request] = []
        self.answers = {f"/{path}": answer for path, answer in answers.items()}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.asked.append(request)
        path = request.url.path
        if path in self.answers:
            return self.answers[path](request)
        if path == "/token":
            return httpx.Response(200, json={"access_token": "other-token", "token_type": "Bearer"})
        if path == "/me":
            return httpx.Response(200, json={"id": "person-1", "username": "ada"})
        return github(request)

    def token_requests(self) -> list[httpx.Request]:
        """Give the requests to a token endpoint."""
        return [one for one in self.asked if one.url.path in {"/token", "/login/oauth/access_token"}]


def corp(fake: FakeProvider, **more: Any) -> dict[str, Any]:
    """Give the settings of an app whose one backend is the fake provider, reached in this process."""
    return {
        "backends": {"corp": fake.backend_settings()},
        "http_client": httpx.AsyncClient(transport=fake.transport()),
        **more,
    }


def session_user(connection: HTTPConnection) -> str | None:
    """Say who is signed in by a session cookie, for apps whose browser keeps cookies by their rules."""
    return connection.cookies.get("session")


def cookie_app(social: Social) -> ASGIApp:
    """Give an app that answers every page of its own with its path."""

    async def home(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse(f"the app at {scope['path']}")(scope, receive, send)

    return SocialMiddleware(home, social)


class Form(HTMLParser):
    """The first form of a page of ours, as a browser reads it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.method: str | None = None
        self.fields: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what belongs to the form."""
        values = dict(attrs)
        if tag == "form" and self.method is None:
            self.method = values.get("method")
        if tag == "input" and (name := values.get("name")):
            self.fields[name] = values.get("value") or ""


async def begun_state(client: httpx.AsyncClient, backend: str = "github", query: str = "") -> str:
    """Begin a flow, and give its state."""
    begun = await client.get(f"/associate/{backend}/{query}")
    assert begun.status_code == 303, begun.text
    return query_of(begun.headers["location"])["state"]


async def completed(client: httpx.AsyncClient, state: str, backend: str = "github", **params: str) -> httpx.Response:
    """Bring a code to /complete, as a program would that wants JSON."""
    answer = {"code": "a-code", "state": state, **params}
    return await client.get(f"/complete/{backend}/", params=answer, headers=JSON)


def told(answer: httpx.Response) -> tuple[int, str | None, str | None]:
    """Give status, code and reason of an answer as JSON."""
    body = answer.json()
    return answer.status_code, body.get("code"), body.get("reason")


async def rows_of(social: Social, user: str = "ada") -> list[StoredAssociation]:
    """Give what is stored of a user, to compare it to the last byte."""
    return await social.engine.repository.of_user(user)
