"""A network for the tests of the catalogue: answers by address, and a key that signs ID tokens."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from asgi_social import providers
from asgi_social.testing.clock import START
from tests.providers.recorded import fields_of
from tests.testing.trips import RSA_PEM

KEY = RSAKey.generate_key(2048, {"kid": "a-key-of-the-tests", "use": "sig", "alg": "RS256"})
# Whose certificate is nobody's.
_IDP = {
    "entity_id": "https://id.example",
    "url": "https://id.example/sso",
    "x509cert": "MIIBBTCBraADAgECAgEBMAoGCCqGSM49BAMCMA0xCzAJBgNVBAMMAmlkMB4XDTI2MDEwMTAwMDAwMFoXDTM1MTIzMDAwMDAwMFow"
    "DTELMAkGA1UEAwwCaWQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATbHJmIOVeLGrMRZLUX/ou+Ddcj0U/v/I6DIoqPNVktSsP/"
    "CDGwfdaAMWSuYGH3aI1UWNsiO9J3XeX6cyGfrYniMAoGCCqGSM49BAMCA0cAMEQCIQDDp2UgFkHY3YJU4ol9IbWeoF8F8Q6JQ9Nu"
    "H62d7QCKjAIfSdSikW1ALmUXI4YdvQj2ICItoxFmaiRjxP0rBS9ieg==",
}
BACKENDS: Mapping[str, Mapping[str, Any]] = {
    "apple-id": {"team": "TEAM", "key": "KEY", "client_ids": ["com.example.phone"]},
    "azuread-tenant-oauth2": {"tenant_id": "8c4b1a52-7f1d-4a0e-9d2c-3b5a6e7f8091"},
    "azuread-v2-tenant-oauth2": {"tenant_id": "8c4b1a52-7f1d-4a0e-9d2c-3b5a6e7f8091"},
    "jira": {"client_secret": RSA_PEM},
    "oauth2": {
        "authorize_url": "https://own.example/authorize",
        "token_url": "https://own.example/token/",
        "userinfo_url": "https://own.example/me/",
    },
    "oidc": {"issuer": "https://own.example", "client_secret": "a-secret-as-long-as-a-key-must-be"},
    "saml": {"sp_entity_id": "https://app.example", "enabled_idps": {"corp": _IDP}},
    "slack": {"team": "T1"},
}


def backends_of(name: str, **more: object) -> dict[str, Any]:
    """Give the settings of one backend of the catalogue, with what it must have."""
    must = {one.setting: one.example for one in providers.provider(name).variables.values() if one.default is None}
    return {name: {"client_id": "an-id", "client_secret": "a-secret", **must, **BACKENDS.get(name, {}), **more}}


def startable(names: Iterable[str]) -> list[Any]:
    """Give names as parameters of a test that starts an app with each; one needs an extra."""
    return [pytest.param(name, marks=pytest.mark.saml) if name == "saml" else name for name in names]


class Answering:
    """Answers by address, whatever is asked.

    Attributes:
        answers: JSON by address without query.
        otherwise: Status and JSON for every other address.
        asked: The requests, oldest first.
    """

    def __init__(self, answers: Mapping[str, object]) -> None:
        self.answers = dict(answers)
        self.otherwise: tuple[int, object] = (404, {})
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.asked.append(request)
        address = address_of(request)
        status, body = (200, self.answers[address]) if address in self.answers else self.otherwise
        return httpx.Response(status, json=body)

    @property
    def addresses(self) -> list[str]:
        """Where it was asked, oldest first."""
        return [address_of(request) for request in self.asked]


def address_of(request: httpx.Request) -> str:
    """Give the URL of a request without its query."""
    return str(request.url).partition("?")[0]


def sent_in(request: httpx.Request) -> dict[str, Any]:
    """Give all parameters of a request, whether in the query, a form or JSON."""
    query, body = request.url.query.decode(), request.content.decode()
    if request.headers.get("content-type") == "application/json":
        return {**fields_of(query), **json.loads(body)}
    return fields_of(query, body)


def key_set() -> dict[str, object]:
    """Give the JWKS with the public part of the key."""
    return {"keys": [KEY.as_dict(private=False)]}


def signed(**claims: object) -> str:
    """Give an ID token that was made just now."""
    whole = {"aud": "an-id", "iat": int(START), "exp": int(START) + 600, **claims}
    return jwt.encode({"alg": "RS256", "kid": KEY.kid}, whole, KEY)
