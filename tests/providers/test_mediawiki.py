"""MediaWiki tells who somebody is by a signed token, of which only one for this very request is believed."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import OctKey

from asgi_social import providers
from asgi_social.account import Account
from asgi_social.errors import ProviderBroken, ProviderUnreachable
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Callback, Challenge, Request, Response, Tokens
from asgi_social.protocols.metadata import prepared
from asgi_social.protocols.signing import TokenPair
from asgi_social.protocols.steps import sign_in
from asgi_social.providers.own_steps import steps_of
from asgi_social.secret import Secret
from asgi_social.settings import checked
from asgi_social.testing.clock import START
from tests.app import KEY
from tests.protocols.played import play, raw
from tests.testing.trips import SECRET

WIKI = "https://wiki.example.com/w/index.php"
STEPS = steps_of(providers.provider("mediawiki"))
TOKENS = Tokens(access_token=TokenPair(token="a-token", secret=Secret("a-secret")).as_text())
SAID: dict[str, Any] = {
    "iss": "https://wiki.example.com",
    "aud": "an-id",
    "sub": "12345",
    "username": "Ada",
    "realname": "Ada Lovelace",
    "email": "ada@example.com",
    "confirmed_email": True,
    "iat": int(START),
    "exp": int(START) + 100,
}


def client_of(**settings: Any) -> Client:
    backend = {"client_id": "an-id", "client_secret": SECRET, "url": WIKI, **settings}
    client = checked({"secret_key": KEY, "backends": {"mediawiki": backend}}).backends["mediawiki"].client
    return replace(client, now=START)


def signed(payload: object, *, secret: str = SECRET, alg: str = "HS256") -> bytes:
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return jws.serialize_compact({"alg": alg}, text, OctKey.import_key(secret), algorithms=[alg]).encode()


def nonce_in(request: Request) -> str:
    [nonce] = re.findall(r'oauth_nonce="(.*?)"', request.headers["authorization"])
    return str(nonce)


def told(client: Client | None = None, *, body: bytes | None = None, **changed: Any) -> tuple[Account, Request]:
    """Play the one request, answered with these claims or this body."""
    conversation = STEPS.fetch_account(client or client_of(), TOKENS)
    request = next(conversation)
    claims = {"nonce": nonce_in(request), **SAID, **changed}
    answer = signed({name: one for name, one in claims.items() if one is not None}) if body is None else body
    with pytest.raises(StopIteration) as end:
        conversation.send(raw(answer + b"\n", "text/html"))
    return end.value.value, request


def test_who_it_is_is_asked_signed() -> None:
    account, request = told()

    assert (request.method, request.url) == ("POST", f"{WIKI}?title=Special:OAuth/identify")
    assert (account.uid, account.username, account.fullname) == ("12345", "Ada", "Ada Lovelace")
    assert (account.email, account.email_verified) == ("ada@example.com", True)


def test_a_flow_goes_by_the_pages_of_the_wiki() -> None:
    challenge = Challenge(
        redirect_uri="https://app.example/?state=a-state",
        state=Secret("a-state"),
        nonce=Secret("a-nonce"),
        verifier=None,
        scope=(),
        kept={"oauth_token": "a-request-token"},
        withheld=Secret("a-request-secret"),
    )
    callback = Callback(code=Secret("a-verifier"), kept={"oauth_token": "a-request-token"})
    client, asked = client_of(), []
    conversation = sign_in(client, STEPS, callback, challenge)
    asked.append(next(conversation))
    asked.append(conversation.send(raw(b"oauth_token=a-token&oauth_token_secret=a-secret", "text/html")))
    with pytest.raises(StopIteration) as end:
        conversation.send(raw(signed({**SAID, "nonce": nonce_in(asked[1])}), "text/html"))
    tokens, account = end.value.value

    assert [one.url for one in asked] == [f"{WIKI}?title=Special:OAuth/{page}" for page in ("token", "identify")]
    assert (tokens.access_token, account.uid) == (TOKENS.access_token, "12345")
    assert STEPS.begin is not None
    begun = STEPS.begin(play(prepared(client)).result, challenge)
    assert next(begun).url == f"{WIKI}?title=Special:OAuth/initiate"
    given = b"oauth_token=a-request-token&oauth_token_secret=a-request-secret&oauth_callback_confirmed=true"
    with pytest.raises(StopIteration) as end:
        begun.send(raw(given, "text/html"))
    assert end.value.value.url == f"{WIKI}?title=Special:OAuth/authenticate&oauth_token=a-request-token"


def test_an_id_that_is_a_number_is_the_same_as_its_text() -> None:
    account, _ = told(sub=12345, email=None, confirmed_email=None)

    assert (account.uid, account.email, account.email_verified) == ("12345", None, False)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"iss": "https://evil.example"}, "of another wiki", id="another wiki"),
        pytest.param({"iss": None}, "of another wiki", id="no issuer"),
        pytest.param({"iss": "https://[evil"}, "of another wiki", id="an issuer that is no address"),
        pytest.param({"aud": "another-id"}, "for another app", id="another app"),
        pytest.param({"aud": ["an-id"]}, "for another app", id="several apps"),
        pytest.param({"iat": "now"}, "does not say from when", id="no beginning"),
        pytest.param({"exp": None}, "does not say from when", id="no end"),
        pytest.param({"iat": START + 61}, "of another time", id="from the future"),
        pytest.param({"exp": START - 61}, "of another time", id="of the past"),
        pytest.param({"nonce": "another"}, "for another request", id="a token that was sent before"),
        pytest.param({"nonce": None}, "for another request", id="no nonce"),
        pytest.param({"sub": None}, "none", id="nobody"),
        pytest.param({"sub": ""}, "none", id="nobody's id"),
        pytest.param({"body": b"{}"}, "no token", id="no token"),
        pytest.param({"body": b"\xff.\xff.\xff"}, "no token", id="no text"),
        pytest.param({"body": signed(SAID, secret=f"{SECRET}!")}, "no token", id="another secret"),
        pytest.param({"body": signed(SAID, alg="HS512")}, "no token", id="another algorithm"),
        pytest.param({"body": signed("[]")}, "no token", id="a list"),
        pytest.param({"body": signed("{")}, "no token", id="no JSON"),
    ],
)
def test_what_is_not_made_for_this_request_is_refused(change: dict[str, Any], expected: str) -> None:
    with pytest.raises(ProviderBroken, match=expected):
        told(**change)


def test_a_wiki_that_is_down_is_told() -> None:
    down = Response(status=503, headers={}, body=b"", received_at=START)

    with pytest.raises(ProviderUnreachable):
        play(STEPS.fetch_account(client_of(), TOKENS), down)
