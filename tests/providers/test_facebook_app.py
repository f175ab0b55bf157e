"""Facebook apps on a canvas: the signed request of the frame as a client token."""

import base64
import hmac
import json
from hashlib import sha256
from typing import Any

import httpx
import pytest

from asgi_social.testing.clock import START
from tests.providers.widgets import SECRET, page


def graph(request: httpx.Request) -> httpx.Response:
    """Answer as Facebook does for one person."""
    if request.url.path == "/debug_token":
        told = {"app_id": "an-id", "user_id": "424000", "is_valid": True, "type": "USER", "expires_at": 0}
        return httpx.Response(200, json={"data": told})
    assert dict(request.url.params)["access_token"] == "a-token"
    return httpx.Response(200, json={"id": "424000", "name": "Ada Lovelace"})


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(content: bytes, *, secret: str = SECRET) -> str:
    text = encoded(content)
    return f"{encoded(hmac.new(secret.encode(), text.encode(), sha256).digest())}.{text}"


def request_of(*, secret: str = SECRET, **changed: Any) -> str:
    """Sign what Facebook says of a person."""
    said = {
        "algorithm": "HMAC-SHA256",
        "issued_at": int(START),
        "user_id": "424000",
        "oauth_token": "a-token",
        **changed,
    }
    return signed(json.dumps(said).encode(), secret=secret)


async def test_a_signed_request_links_the_person_whose_access_token_it_holds() -> None:
    async with page("facebook-app", graph) as one:
        association = await one.link(request_of())
        token = await association.get_access_token()

    assert (association.uid, association.account["username"], token) == ("424000", "Ada Lovelace", "a-token")


async def test_a_plain_access_token_is_looked_up() -> None:
    async with page("facebook-app", graph) as one:
        assert (await one.link("a-token")).uid == "424000"


async def test_a_signed_request_is_taken_once() -> None:
    async with page("facebook-app", graph) as one:
        await one.link(request_of())

        assert await one.refusal(request_of()) == "spent"


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        pytest.param(request_of(secret="another app's"), "signature", id="another app"),
        pytest.param(request_of()[:-2] + "xx", "signature", id="tampered"),
        pytest.param(request_of(algorithm="none"), "signature", id="another algorithm"),
        pytest.param(request_of(issued_at=int(START) - 86_401), "expired", id="a day old"),
        pytest.param(request_of(issued_at=int(START) + 61), "expired", id="of the future"),
        pytest.param(request_of(issued_at=1e9), "malformed", id="a fraction"),
        pytest.param(request_of(issued_at=True), "malformed", id="a boolean"),
        pytest.param(request_of(oauth_token=None), "malformed", id="no access token"),
        pytest.param(request_of(oauth_token="a token"), "malformed", id="no token at all"),
        pytest.param(request_of(user_id="1"), "subject", id="the access token of another"),
        pytest.param("%." + encoded(b"{}"), "malformed", id="no signature"),
        pytest.param(signed(b"[]"), "malformed", id="no object"),
        pytest.param(signed(b"{"), "malformed", id="no JSON"),
    ],
)
async def test_a_request_that_is_not_facebooks_is_refused(request_: str, reason: str) -> None:
    async with page("facebook-app", graph) as one:
        assert await one.refusal(request_) == reason
