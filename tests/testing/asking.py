"""How an app asks the fake provider: its URLs and forms, and what it reads out of the answers."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from joserfc import jws
from joserfc.jwk import KeySet

from asgi_social.testing import FakeProvider
from asgi_social.testing.fake_tokens import s256

ISSUER = "http://127.0.0.1:9400"
APP = "https://app.example/complete/corp/?tenant=7"
VERIFIER = "v" * 43
CLIENT = ("fake-client", "fake-secret")
USUAL_SCOPE = "openid profile email"


def location(**changes: str | None) -> str:
    """Give an authorize URL; a change to None leaves a parameter out."""
    params: dict[str, str | None] = {
        "client_id": "fake-client",
        "redirect_uri": APP,
        "response_type": "code",
        "scope": USUAL_SCOPE,
        "state": "state-1",
        "nonce": "nonce-1",
        "code_challenge": s256(VERIFIER),
        "code_challenge_method": "S256",
    }
    return f"{ISSUER}/authorize?{urlencode(_given(params | changes))}"


def params_in(url: str) -> dict[str, str]:
    """Give the parameters of a URL."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def code_form(code: str, changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """Give the form that exchanges a code; a change to None leaves a parameter out."""
    form: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": APP,
        "code_verifier": VERIFIER,
    }
    return _given(form | dict(changes or {}))


async def code_from(fake: FakeProvider, **changes: str | None) -> str:
    """Give a code for the first person."""
    return params_in(await fake.consent(location(**changes)))["code"]


async def exchanged(http: httpx.AsyncClient, code: str, **changes: str | None) -> httpx.Response:
    """Give the token endpoint's answer to a code."""
    return await http.post("/token", data=code_form(code, changes), auth=CLIENT)


async def tokens_from(fake: FakeProvider, http: httpx.AsyncClient, **changes: str | None) -> dict[str, Any]:
    """Give the tokens of a whole trip."""
    answer = await exchanged(http, await code_from(fake, **changes))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def renewal(tokens: Mapping[str, Any], **further: str) -> dict[str, str]:
    """Give the form that renews tokens."""
    return {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], **further}


async def renewed(http: httpx.AsyncClient, tokens: Mapping[str, Any], **further: str) -> httpx.Response:
    """Give the token endpoint's answer to a refresh token."""
    return await http.post("/token", data=renewal(tokens, **further), auth=CLIENT)


def bearer(tokens: Mapping[str, Any]) -> dict[str, str]:
    """Give the header that shows an access token."""
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def is_alive(http: httpx.AsyncClient, tokens: Mapping[str, Any]) -> bool:
    """Say whether an access token opens something."""
    return (await http.get("/userinfo", headers=bearer(tokens))).status_code == 200


async def claims_in(http: httpx.AsyncClient, id_token: str, *, alg: str = "RS256") -> dict[str, Any]:
    """Give the claims of an ID token whose signature is by a published key."""
    keys = KeySet.import_key_set((await http.get("/jwks")).json())
    return dict(json.loads(jws.deserialize_compact(id_token, keys, algorithms=[alg]).payload))


def differences(right: Mapping[str, object], wrong: Mapping[str, object]) -> dict[str, object]:
    """Give what the second says differently; None for what it leaves out."""
    return {name: wrong.get(name) for name in {**right, **wrong} if right.get(name) != wrong.get(name)}


def _given(params: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in params.items() if value is not None}
