"""The worst provider for a log, an app that uses it, and a scan of all that was told meanwhile.

It takes every token and the app's secret in the query, and repeats them in its errors.
"""

import base64
import logging
import traceback
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from asgi_social import Social, SocialError
from asgi_social.flow import Arrival, unpack
from tests.app import BASE, KEY, app_of, browser, query_of, settings
from tests.served import listener, serving
from tests.tokens import claims, half_hash, key_set, signed

CLIENT_ID = "an-id"
CLIENT_SECRET = "canary+client/secret=of~the-app"
ACCESS, RENEWED = "canary+access/token=one~1", "canary+access/token=two~2"
REFRESH, NEXT_REFRESH = "canary+refresh/token=one~1", "canary+refresh/token=two~2"
CODE = "canary+code/of=the~flow"
CLIENT_TOKEN = "canary+client/token=of~a-phone"
EMAIL = "canary+address@mail.example"


def every_form(text: str) -> set[str]:
    """Give a text as it may be written: plain, percent-encoded, and in base64 at each of the three alignments."""
    forms = {text, quote(text), quote(text, safe=""), quote_plus(text)}
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + text.encode()).decode()
        inner = encoded[4 if shift else 0 : -4]
        forms |= {inner, inner.replace("+", "-").replace("/", "_")}
    return forms


@dataclass
class Provider:
    """A provider that takes everything in the query, and repeats in its errors what it was sent.

    Attributes:
        fault: What the token endpoint does wrong.
        profile_fault: Whether the profile is refused.
        nonce: For the next ID token.
        secrets: What nobody may find in a log.
    """

    issuer: str = "https://id.example"
    fault: str = ""
    profile_fault: bool = False
    nonce: str = ""
    secrets: set[str] = field(default_factory=lambda: {CLIENT_SECRET, KEY, EMAIL})

    def __call__(self, request: httpx.Request) -> httpx.Response:
        sent = dict(request.url.params)
        self.secrets |= {
            sent[name] for name in ("code_verifier", "code", "refresh_token", "access_token") if name in sent
        }
        match request.url.path:
            case "/token":
                return self.tokens(sent)
            case "/me" if self.profile_fault:
                return httpx.Response(400, json=repeating(sent))
            case "/me":
                return httpx.Response(200, json={"id": 7, "sub": "7", "username": "ada", "email": EMAIL})
            case "/look-up":
                app = CLIENT_ID if sent["access_token"] == CLIENT_TOKEN else "another-app"
                return httpx.Response(200, json={"app": app, "user": "7", "token": sent["access_token"]})
            case "/jwks":
                return httpx.Response(200, json=key_set())
            case _:
                return httpx.Response(400, json=repeating(sent))

    def tokens(self, sent: Mapping[str, str]) -> httpx.Response:
        """Answer at the token endpoint."""
        access, refresh = (RENEWED, NEXT_REFRESH) if "refresh_token" in sent else (ACCESS, REFRESH)
        nonce = "canary-other-nonce" if self.fault == "nonce" else self.nonce
        id_token = signed(claims(iss=self.issuer, sub="7", nonce=nonce, at_hash=half_hash(access), email=EMAIL))
        self.secrets |= {access, refresh, id_token, nonce} - {""}
        good = {"access_token": access, "refresh_token": refresh, "id_token": id_token, "expires_in": 3600}
        if self.fault == "away":
            raise httpx.ReadError(f"nobody answers {sent}")
        answers: dict[str, httpx.Response] = {
            "": httpx.Response(200, json=good),
            "nonce": httpx.Response(200, json=good),
            "refused": httpx.Response(400, json={**repeating(sent), "error": "invalid_request"}),
            "refused with 200": httpx.Response(200, json={**good, **repeating(sent)}),
            "ended": httpx.Response(400, json={**repeating(sent), "error": "invalid_grant"}),
            "down": httpx.Response(503, json=repeating(sent)),
            "html": httpx.Response(200, html=f"<html>{sent}</html>"),
            "torn": httpx.Response(200, content=b'{"access_token": "' + access.encode()),
            "no token": httpx.Response(200, json={**good, "access_token": None}),
            "odd token": httpx.Response(200, json={**good, "access_token": f"{access} {access}"}),
            "another type": httpx.Response(200, json={**good, "token_type": "mac"}),
            "redirect": httpx.Response(302, headers={"location": "https://evil.example/"}),
            "too long": httpx.Response(200, content=access.encode() * 50_000),
        }
        return answers[self.fault]


def repeating(sent: Mapping[str, str]) -> dict[str, object]:
    """Give an error that quotes what was sent, plain and encoded; its text is longer than what is kept of one."""
    texts = [text for name, text in sent.items() if name not in {"client_id", "redirect_uri", "grant_type"}]
    quoted = " ".join(texts) + " " + " ".join(quote(text, safe="") for text in texts)
    return {"error": "invalid_token", "error_description": f"{'x' * 40} Malformed token {quoted}"}


def table_of(base: str) -> dict[str, Any]:
    return {
        "name": "loud",
        "title": "Loud",
        "authorize": {"url": f"{base}/authorize"},
        "token": {"url": f"{base}/token", "method": "GET"},
        "userinfo": {"url": f"{base}/me", "auth": "query"},
        "id_token": {"jwks": f"{base}/jwks", "issuer": ["https://id.example"]},
        "revoke": {"url": f"{base}/revoke", "style": "own", "auth": "query", "method": "GET"},
        "account": {"email": "email"},
        "verify": [
            {"kind": "lookup", "url": f"{base}/look-up", "auth": "query", "app": "app", "subject": "user"},
            {"kind": "id_token", "subject": "sub"},
        ],
    }


class Records(logging.Handler):
    """Keeps each record as a formatter and a reporter would write it."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.texts: list[str] = []
        self.loggers: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "httpx" and isinstance(record.args, tuple) and "/complete/" in str(record.args[1]):
            return  # the browser of these tests, which is httpx too
        self.loggers.add(record.name.partition(".")[0])
        values = {name: value for name, value in vars(record).items() if name != "msg"}
        self.texts += [record.getMessage(), str(record.msg), repr(record.args), repr(values)]
        if record.exc_info and record.exc_info[1]:
            self.texts += everything_of(record.exc_info[1])


def everything_of(error: BaseException) -> list[str]:
    """Give all that an error tells to a reporter: texts, attributes, notes, traceback, and the chain it stands in."""
    texts, seen = [], set[int]()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        attributes = {name: getattr(one, name) for name in dir(one) if not name.startswith("__")}
        texts += [str(one), repr(one), repr(one.args), repr(attributes), *getattr(one, "__notes__", [])]
        texts += traceback.format_exception(one)
        waiting += [one.__cause__, one.__context__]
    return texts


@dataclass
class World:
    """An open engine at the loud provider, its browser, and all that was told meanwhile."""

    social: Social
    client: httpx.AsyncClient
    provider: Provider
    records: Records
    told: list[object] = field(default_factory=list)
    errors: list[SocialError] = field(default_factory=list)

    async def link(self, **changed: str) -> httpx.Response:
        """Link the account; ``changed`` are parameters of the way back."""
        begun = await self.client.get("/associate/loud/")
        sent = query_of(begun.headers["location"])
        self.provider.nonce = sent["nonce"]
        self.provider.secrets |= {sent["state"], sent["nonce"], CODE}
        cookie = begun.headers["set-cookie"].partition("=")[2].partition(";")[0]
        self.provider.secrets.add(cookie)
        self.told.append(self.flow_of(sent["state"]))
        back = {"code": CODE, "state": sent["state"], **changed}
        completed = await self.client.get("/complete/loud/", params=back)
        self.told.append(completed.text)
        return completed

    def flow_of(self, state: str) -> object:
        """Give the flow that is open for a state."""
        settings, keys = self.social.settings, self.social.engine.keys
        base = settings.base_url or ""
        arrival = Arrival(
            state=state,
            issuer=None,
            backend="loud",
            client_id=CLIENT_ID,
            user_id="ada",
            now=settings.clock.now(),
            secure=base.startswith("https://"),
        )
        return unpack(dict(self.client.cookies), arrival, keys=keys)

    async def refused(self, work: Any) -> SocialError:
        """Await what raises, and keep the error."""
        with pytest.raises(SocialError) as caught:
            await work
        self.errors.append(caught.value)
        return caught.value

    def leaks(self) -> list[str]:
        """Give each place where a secret shows."""
        texts = [*self.records.texts, *(f"{one} {one!r} {one:}" for one in self.told)]
        for error in self.errors:
            texts += everything_of(error)
        forms = {form for secret in self.provider.secrets for form in every_form(secret)}
        return [text for text in texts if any(form in text for form in forms)]


@asynccontextmanager
async def on_the_wire(records: Records, folder: Path) -> AsyncIterator[World]:
    """Give a world with a provider on a socket, the library's own client, and SQLite."""
    provider = Provider()

    async def answer(request: Request) -> Response:
        asked = httpx.Request(request.method, str(request.url))
        said = provider(asked)
        # The provider's own log is not ours to keep clean; here it has none.
        headers = {name: text for name, text in said.headers.items() if name != "content-length"}
        return Response(said.content, said.status_code, headers)

    with listener() as bound:
        port = bound.getsockname()[1]
        app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST", "DELETE"])])
        async with serving(app, bound):
            values = values_of(f"http://127.0.0.1:{port}", base="http://localhost:8000", http_client=None)
            values["database"] = f"sqlite+aiosqlite:///{folder}/social.db"
            async with _world(values, provider, records, base="http://localhost:8000") as world:
                yield world


@asynccontextmanager
async def with_the_apps_client(records: Records, folder: Path) -> AsyncIterator[World]:
    """Give a world with a client of the app's own, and SQLite."""
    provider = Provider()
    async with httpx.AsyncClient(transport=httpx.MockTransport(provider)) as http:
        values = values_of("https://loud.example", base=BASE, http_client=http)
        values["database"] = f"sqlite+aiosqlite:///{folder}/social.db"
        async with _world(values, provider, records, base=BASE) as world:
            yield world


def values_of(provider: str, *, base: str, http_client: httpx.AsyncClient | None) -> dict[str, Any]:
    backend = {"provider": table_of(provider), "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return settings(backends={"loud": backend}, base_url=base, http_client=http_client, embedded_users=True)


@asynccontextmanager
async def _world(values: dict[str, Any], provider: Provider, records: Records, *, base: str) -> AsyncIterator[World]:
    told: list[object] = []
    async with Social(**{**values, "on_event": told.append}) as social, browser(app_of(social), base=base) as client:
        yield World(social, client, provider, records, told)
