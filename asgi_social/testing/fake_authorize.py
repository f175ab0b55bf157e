"""What the fake provider asks of an authorization request, and the way back to the app.

Source: RFC 6749 section 4.1, RFC 7636 section 4.3, RFC 9207, OpenID Connect Core section 3.1.2.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode, urlsplit

from asgi_social.testing.fake_people import Person
from asgi_social.testing.fake_requests import RecordedRequest, RegisteredClient
from asgi_social.testing.fake_tokens import Grant, Refusal

DEFAULT_SCOPE = ("profile", "email")
"""What is granted to a client that asks for nothing in particular (RFC 6749 section 3.3)."""

RESPONSE_MODES = ("query", "form_post")

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+\Z")
_NOT_TAKEN = {"request": "request_not_supported", "request_uri": "request_uri_not_supported"}


class NoWayBack(Exception):
    """The browser may not be sent back, for nobody vouches for the address (RFC 6749 section 4.1.2.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """How the answer goes back to the app: the first thing that is settled.

    Attributes:
        client: Who asks.
        redirect_uri: Where to, checked.
        response_mode: In the URL, or in a form that the browser posts.
        state: What the app sent to find again, or None.
    """

    client: RegisteredClient
    redirect_uri: str
    response_mode: Literal["query", "form_post"]
    state: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a client asks for, checked.

    Attributes:
        scope: In its own order.
        nonce: For the ID token, or None.
        code_challenge: For PKCE (S256), or None.
        offline: Whether refresh tokens are asked for, by scope or by ``access_type``.
    """

    scope: tuple[str, ...]
    nonce: str | None
    code_challenge: str | None
    offline: bool


def way_back(asked: RecordedRequest, clients: Mapping[str, RegisteredClient]) -> WayBack:
    """Give the way back to the app.

    Raises:
        NoWayBack: The client is unknown, or the redirect_uri is not one of its own, byte by byte.
    """
    params = asked.params
    if {"client_id", "redirect_uri"} & set(asked.repeated):
        raise NoWayBack("client_id and redirect_uri come once")
    client = clients.get(params.get("client_id", ""))
    if client is None:
        raise NoWayBack("the client_id is unknown")
    redirect_uri = params.get("redirect_uri", "")
    if not _is_redirect_uri(redirect_uri):
        raise NoWayBack("the redirect_uri is missing, not absolute, or has a fragment")
    if client.redirect_uris is not None and redirect_uri not in client.redirect_uris:
        raise NoWayBack("the redirect_uri is not registered for this client")
    return WayBack(
        client=client,
        redirect_uri=redirect_uri,
        response_mode="form_post" if params.get("response_mode") == "form_post" else "query",
        state=params.get("state"),
    )


def wanted(asked: RecordedRequest, *, require_pkce: bool, default_scope: Sequence[str] = DEFAULT_SCOPE) -> Wanted:
    """Give what an authorization request asks for.

    Raises:
        Refusal: With the error code that goes back to the app.
    """
    params = asked.params
    if asked.repeated:
        raise _invalid_request(f"repeated: {', '.join(asked.repeated)}")
    _check_response(params)
    _check_challenge(params, require_pkce=require_pkce)
    # Without a session at the provider there is nobody who could be signed in without a page.
    if "none" in params.get("prompt", "").split():
        raise Refusal("login_required", "nobody is signed in")
    scope = params.get("scope", "").split(" ") if "scope" in params else list(default_scope)
    if not all(_SCOPE.match(word) for word in scope):
        raise Refusal("invalid_scope", "the scope is not words with one space between")
    return Wanted(
        scope=tuple(dict.fromkeys(scope)),
        nonce=params.get("nonce"),
        code_challenge=params.get("code_challenge"),
        offline="offline_access" in scope or params.get("access_type") == "offline",
    )


def granted(way: WayBack, wish: Wanted, *, person: Person, auth_time: int, renewable: bool) -> Grant:
    """Give the grant that a person's yes makes of what was asked."""
    return Grant(
        person=person,
        client_id=way.client.client_id,
        scope=wish.scope,
        auth_time=auth_time,
        nonce=wish.nonce,
        redirect_uri=way.redirect_uri,
        code_challenge=wish.code_challenge,
        renewable=renewable,
    )


def with_params(url: str, params: Mapping[str, str]) -> str:
    """Give a redirect_uri with parameters added; those that it has stay as they are (RFC 6749 section 3.1.2)."""
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(params)}"


def _is_redirect_uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.path)) and "#" not in text


def _check_response(params: Mapping[str, str]) -> None:
    for name, error in _NOT_TAKEN.items():
        if name in params:
            raise Refusal(error, f"{name} is not taken here")
    if "response_type" not in params:
        raise _invalid_request("response_type is missing")
    if params["response_type"] != "code":
        raise Refusal("unsupported_response_type", "only code is given")
    if params.get("response_mode", "query") not in RESPONSE_MODES:
        raise _invalid_request("the response_mode is query or form_post")


def _check_challenge(params: Mapping[str, str], *, require_pkce: bool) -> None:
    challenge, method = params.get("code_challenge"), params.get("code_challenge_method")
    if challenge is None:
        if require_pkce or method is not None:
            raise _invalid_request("the code_challenge is missing")
        return
    # Left out, the method would be plain, which hides nothing (RFC 9700 section 2.1.1).
    if method != "S256" or not _CHALLENGE.match(challenge):
        raise _invalid_request("the code_challenge is not one by S256")


def _invalid_request(description: str) -> Refusal:
    return Refusal("invalid_request", description)
