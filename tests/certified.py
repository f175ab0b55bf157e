"""The certified OpenID provider (npm's ``oidc-provider``) as a process, and a browser that a test drives at it.

The provider listens on 127.0.0.1 and an app under test is on ``localhost``, which are two sites, as in the world. A
test that uses it is marked ``node``. This room knows the provider and its pages; it knows nothing of ``asgi_social``,
so that what is proved against it is proved against somebody else's reading of the standards.
"""

import json
import select
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

APP_URL = "http://localhost:8000"
"""Where the app under test is, for the provider of the session; a backend there is named as its client_id."""

_START_SECONDS = 20.0
_MAX_STEPS = 20
_SERVER = Path(__file__).with_name("oidc_provider") / "server.mjs"

_CLIENT_ID = "app-one"
# A secret with characters that HTTP Basic takes only in their form-encoded spelling (RFC 6749 section 2.3.1).
_CLIENT_SECRET = "one: 100% of +/=& and more"
_SECOND_CLIENT_ID = "app-two"
_SECOND_CLIENT_SECRET = "two-0123456789abcdefghijklmnopqrstuv"

_ACCOUNTS: Mapping[str, Mapping[str, object]] = {
    "ada": {
        "email": "ada@people.example",
        "email_verified": True,
        "name": "Ada Lovelace",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "preferred_username": "ada",
        "picture": "https://people.example/ada.png",
    },
    "grace": {
        "email": "grace@people.example",
        "email_verified": False,
        "name": "Grace Hopper",
        "given_name": "Grace",
        "family_name": "Hopper",
        "preferred_username": "amazing",
        "picture": "https://people.example/grace.png",
    },
    "zoë/7": {"name": "Zoë Ångström", "preferred_username": "zoë"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifiedProvider:
    """A provider that runs, and what is registered there.

    It takes a secret in the header and in the body alike, whichever a client has registered; a test of which one is
    sent must look at the request.

    Attributes:
        issuer: Its issuer, ``http://127.0.0.1:…``; discovery is below it.
        client_id: The client that is registered for ``client_secret_basic``.
        client_secret: Its secret; in the header it holds only where it was form-encoded.
        second_client_id: The client that is registered for ``client_secret_post``.
        second_client_secret: Its secret.
        redirect_uris: What both clients have registered, compared byte by byte.
        accounts: The claims of each person by ``sub``, which is also what is typed to sign in. ``ada`` has a verified
            address, ``grace`` an unverified one, ``zoë/7`` none.
    """

    issuer: str
    client_id: str
    client_secret: str
    second_client_id: str
    second_client_secret: str
    redirect_uris: Sequence[str]
    accounts: Mapping[str, Mapping[str, object]]

    async def renewals(self, http: httpx.AsyncClient) -> list[str]:
        """Give what came of each renewal that it was asked for so far: ``success`` or ``error``."""
        grants: list[str] = (await http.get(f"{self.issuer}/grants")).json()
        return [outcome for kind, _, outcome in (grant.partition(" ") for grant in grants) if kind == "refresh_token"]


@contextmanager
def running_provider(
    *,
    redirect_uris: Sequence[str],
    access_token_seconds: int = 3600,
    refresh_tokens: Literal["offline_access", "always"] = "offline_access",
) -> Iterator[CertifiedProvider]:
    """Give a provider of its own that runs as long as the context.

    It asks for PKCE of every client, sends ``iss`` with its answers, gives claims at the userinfo endpoint alone, and
    rotates refresh tokens: an old one that comes again ends the whole grant.

    Args:
        redirect_uris: What both clients register.
        access_token_seconds: How long an access token lives.
        refresh_tokens: Whether a refresh token comes with every code, or only where ``offline_access`` is granted;
            for that scope the provider wants ``prompt=consent`` (OpenID Connect Core section 11).
    """
    setup = {
        "clients": [
            {
                "client_id": client_id,
                "client_secret": client_secret,
                "token_endpoint_auth_method": method,
                "redirect_uris": list(redirect_uris),
                "grant_types": ["authorization_code", "refresh_token"],
            }
            for client_id, client_secret, method in (
                (_CLIENT_ID, _CLIENT_SECRET, "client_secret_basic"),
                (_SECOND_CLIENT_ID, _SECOND_CLIENT_SECRET, "client_secret_post"),
            )
        ],
        "accounts": _ACCOUNTS,
        "access_token_seconds": access_token_seconds,
        "refresh_tokens": refresh_tokens,
    }
    command = [shutil.which("node") or "node", str(_SERVER), json.dumps(setup)]
    # stdin stays open and unused: its end tells the provider that this process is gone.
    with subprocess.Popen(  # noqa: S603 - the command is ours
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        try:
            yield CertifiedProvider(
                issuer=f"http://127.0.0.1:{_port_of(process)}",
                client_id=_CLIENT_ID,
                client_secret=_CLIENT_SECRET,
                second_client_id=_SECOND_CLIENT_ID,
                second_client_secret=_SECOND_CLIENT_SECRET,
                redirect_uris=tuple(redirect_uris),
                accounts=_ACCOUNTS,
            )
        finally:
            # The end of stdin, which the context brings as well, would do for a provider that is not stuck.
            process.terminate()


@pytest.fixture(scope="session")
def certified_provider() -> Iterator[CertifiedProvider]:
    """Give the provider that all tests of a session share."""
    redirect_uris = [f"{APP_URL}/complete/{name}/" for name in (_CLIENT_ID, _SECOND_CLIENT_ID)]
    with running_provider(redirect_uris=redirect_uris) as provider:
        yield provider


async def consent(http: httpx.AsyncClient, location: str, *, login: str) -> str:
    """Play the browser of a person who signs in and agrees; give the address that the provider sends it to at last.

    Only pages of the provider are asked for; the address, which is the app's, is not. A browser that is signed in at
    the provider already is not asked who it is, so each person needs an ``http`` of their own.

    Args:
        http: The browser; its cookies are kept in it.
        location: The authorization request, as the app sent it to the browser.
        login: Whose account; a key of ``CertifiedProvider.accounts``.

    Raises:
        AssertionError: The provider shows an error, or asks again what was answered.
    """
    unanswered = {"login": {"login": login, "password": "any"}, "consent": {}}

    def agree(page: _Page) -> httpx.Request:
        answer = unanswered.pop(page.prompt, None)
        assert answer is not None, f"the provider asks {page.prompt!r} of {login!r}, to which no answer is left"
        return http.build_request("POST", page.action, data=page.fields | answer)

    return await _walked(http, location, agree)


async def deny(http: httpx.AsyncClient, location: str) -> str:
    """Play the browser of a person who cancels on the first page; give the address that the provider sends it to.

    Where no page is shown there is nothing to cancel, and the address holds a code.

    Args:
        http: The browser; its cookies are kept in it.
        location: The authorization request, as the app sent it to the browser.

    Raises:
        AssertionError: The provider shows an error.
    """

    def cancel(page: _Page) -> httpx.Request:
        return http.build_request("GET", page.cancel)

    return await _walked(http, location, cancel)


def _port_of(process: "subprocess.Popen[bytes]") -> int:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], _START_SECONDS)
    line = process.stdout.readline() if readable else b""
    assert line, "the provider does not start; stderr says why (npm install --no-package-lock brings what it needs)"
    return int(json.loads(line)["port"])


async def _walked(http: httpx.AsyncClient, location: str, answer: "Callable[[_Page], httpx.Request]") -> str:
    origin = _origin_of(location)
    request = http.build_request("GET", location)
    for _ in range(_MAX_STEPS):
        response = await http.send(request, follow_redirects=False)
        if not response.has_redirect_location:
            request = answer(_Page(response))
            continue
        location = urljoin(str(response.url), response.headers["Location"])
        if _origin_of(location) != origin:
            return location
        request = http.build_request("GET", location)
    raise AssertionError(f"the provider does not come to an end in {_MAX_STEPS} steps")


def _origin_of(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


class _Page(HTMLParser):
    """A page of the provider, read: its one form, its way out, and what it says of an error.

    Attributes:
        prompt: What it asks: ``login``, ``consent``, or '' where it is neither page.
        action: Where its form goes.
        fields: What its form holds.
        cancel: Where its link "Cancel" goes.
        said: The text of its error, or ''.
    """

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self.action = ""
        self.cancel = ""
        self.fields: dict[str, str] = {}
        self.said = ""
        self._in_error = False
        self.feed(response.text)
        assert response.status_code == 200, f"the provider answers {response.status_code}: {self.said}"
        self.prompt = self.fields.get("prompt", "")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        match tag:
            case "form":
                self.action = attributes["action"]
            case "input":
                self.fields[attributes["name"]] = attributes.get("value", "")
            case "a" if attributes["href"].endswith("/abort"):
                self.cancel = attributes["href"]
            case "pre":
                self._in_error = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._in_error = False
            self.said += "; "

    def handle_data(self, data: str) -> None:
        if self._in_error:
            self.said += data
