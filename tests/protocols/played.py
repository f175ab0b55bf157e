"""Plays a conversation against a list of answers, and keeps what it asked."""

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from asgi_social.errors import SettingsError
from asgi_social.protocols.client import Client, Endpoints
from asgi_social.protocols.message import Conversation, Request, Response
from asgi_social.protocols.metadata import prepared
from asgi_social.registration import registered
from asgi_social.testing.clock import START
from tests.tokens import CLIENT_ID, CLIENT_SECRET, ISSUER

T = TypeVar("T")

HOST = "https://provider.example"
OAUTH2: Mapping[str, Any] = {
    "name": "plain",
    "title": "Plain",
    "authorize": {"url": f"{HOST}/authorize"},
    "token": {"url": f"{HOST}/token"},
    "userinfo": {"url": f"{HOST}/me"},
}
OIDC: Mapping[str, Any] = {
    "name": "signed",
    "title": "Signed",
    "protocol": "oidc",
    "oidc": {"endpoint": ISSUER},
    "authorize": {"url": f"{ISSUER}/authorize", "scope": ["openid"]},
    "token": {"url": f"{ISSUER}/token"},
    "userinfo": {"url": f"{ISSUER}/userinfo"},
    "id_token": {"jwks": f"{ISSUER}/jwks"},
    "verify": [{"kind": "id_token"}],
}
METADATA: Mapping[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "userinfo_endpoint": f"{ISSUER}/userinfo",
    "jwks_uri": f"{ISSUER}/jwks",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Played(Generic[T]):
    """How a conversation went.

    Attributes:
        result: What it gave.
        asked: Its requests.
    """

    result: T
    asked: list[Request]


def play(conversation: Conversation[T], *answers: Response, asked: list[Request] | None = None) -> Played[T]:
    """Play a conversation to its end.

    Args:
        conversation: What is played.
        answers: To its requests, in their order; each has to be asked for, and no more are.
        asked: Gets its requests, for a test in which it raises.
    """
    asked = [] if asked is None else asked
    left = list(answers)
    with closing(conversation):
        try:
            asked.append(next(conversation))
            while True:
                assert left, f"it asks once more than there are answers: {asked}"
                asked.append(conversation.send(left.pop(0)))
        except StopIteration as end:
            assert not left, f"{len(left)} answers were not asked for: {asked}"
            return Played(result=end.value, asked=asked)


def answer(value: object, status: int = 200, **headers: str) -> Response:
    """Give an answer in JSON."""
    return raw(json.dumps(value).encode(), "application/json", status, **headers)


def raw(body: bytes, kind: str = "application/json", status: int = 200, **headers: str) -> Response:
    """Give an answer of any bytes; an underscore in a header's name is a hyphen."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(status=status, headers={"content-type": kind, **named}, body=body, received_at=START)


def client_of(provider: Mapping[str, Any], **settings: object) -> Client:
    """Register this app at a provider, as the settings would; its endpoints are filled in from the data."""
    faults: list[SettingsError] = []
    values = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **settings, "provider": provider}
    client = registered("here", values, redirect_uri="https://app.example/", development=False, faults=faults)
    assert client is not None, [str(fault) for fault in faults]
    return client


def ready(provider: Mapping[str, Any], **settings: object) -> Client:
    """Register this app at a provider, with the time and every endpoint known."""
    client = client_of(provider, **settings)
    conversation = prepared(_at_start(client))
    try:
        next(conversation)
        conversation.send(answer(METADATA))
    except StopIteration as end:
        result: Client = end.value
        return result
    raise AssertionError("the metadata were not enough")


def endpoints_of(client: Client, *answers: Response) -> Endpoints:
    """Give the endpoints that a client finds."""
    return play(prepared(_at_start(client)), *answers).result.endpoints


def _at_start(client: Client) -> Client:
    return replace(client, now=START)
