"""A provider that answers as it was recorded; and what was asked held against what was recorded."""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import httpx
from joserfc import jwt

from asgi_social.testing import ManualClock
from tests.app import BASE
from tests.providers.answering import KEY, key_set
from tests.providers.recorded import (
    ADDED,
    ADDED_BY,
    BY_FORM,
    FURTHER,
    LEFT_OUT,
    METADATA,
    NEVER_TWICE,
    NOT_ASKED,
    NOTHING_ADDED_BY,
    Call,
    Recording,
    fields_of,
)

# Where the keys are asked for by those whose recordings hold an ID token.
KEY_SETS = {
    "https://cas.example.net/oidc/jwks",
    "https://example.auth0.com/.well-known/jwks.json",
    "https://www.googleapis.com/oauth2/v3/certs",
    "https://appleid.apple.com/auth/keys",
    "https://login.microsoftonline.com/727406ac-7068-48fa-92b9-c2d67211bc50/discovery/keys",
    "https://login.microsoftonline.com/common/discovery/keys",
    "https://www.linkedin.com/oauth/openid/jwks",
}


class Replayed:
    """The network during one replay.

    Attributes:
        asked: Each request that has an answer in the recording, with its call.
        surplus: Addresses of requests that nobody recorded.
        nonce: The flow's, for the ID token.
    """

    def __init__(self, recording: Recording, *, clock: ManualClock) -> None:
        self.asked: list[tuple[Call, httpx.Request]] = []
        self.surplus: list[str] = []
        self.nonce = ""
        self._recording = recording
        self._left = list(recording.calls)
        self._clock = clock

    @property
    def left(self) -> list[Call]:
        """The calls that were not made, and have nothing in their place."""
        # Once is enough, and keys are of the tests.
        had = {call.address for call, _ in self.asked} | NOT_ASKED | KEY_SETS
        return [one for one in self._left if one.address not in had]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        address = str(request.url).partition("?")[0]
        if address in KEY_SETS:
            return httpx.Response(200, json=key_set())
        if address in METADATA:
            return httpx.Response(200, json=METADATA[address])
        call = next((one for one in self._left if one.address == address), None)
        if call is not None:
            self._left.remove(call)
            self.asked.append((call, request))
            headers = {"content-type": call.content_type}
            return httpx.Response(call.status, content=self._answer(call), headers=headers)
        further = FURTHER.get(self._recording.provider, {})
        if address not in further:
            self.surplus.append(address)
        text = further.get(address)
        return httpx.Response(404) if text is None else httpx.Response(200, text=text)

    def id_token(self) -> str | None:
        """Give the recorded ID token, signed again; None where none was recorded."""
        answers = [json.loads(call.answer) for call in self._left if call.answer.startswith("{")]
        recorded = next((answer["id_token"] for answer in answers if "id_token" in answer), None)
        return None if recorded is None else self._signed_again(recorded)

    def _answer(self, call: Call) -> str:
        if self._recording.provider == "stackoverflow" and "=" in call.answer and "{" not in call.answer:
            return json.dumps(fields_of(call.answer))  # the address of today answers in JSON
        if not call.answer.startswith(("{", "[")):
            return call.answer
        answer = json.loads(call.answer)
        # VK's recording has "id-token", and nobody reads it.
        if isinstance(answer, dict) and "id_token" in answer and self._recording.provider != "vk-id":
            answer["id_token"] = self._signed_again(answer["id_token"])
        # The recording's profile has no sub. The standard demands it (OpenID Connect Core section 5.3.2), and an answer
        # without it is refused, because it may be another person's.
        if call.address == "https://api.linkedin.com/v2/userinfo":
            answer["sub"] = self._recording.expect["uid"]
        return json.dumps(answer)

    def _signed_again(self, id_token: str) -> str:
        """Sign the recorded claims with our key, for this flow and this time."""
        now = int(self._clock.now())
        claims = _claims_of(id_token) if "." in id_token else self._claims_of_apple()
        if self.nonce:  # social-core sends some providers none, which then repeat none
            claims["nonce"] = self.nonce
        claims |= {"iat": now, "exp": now + 600}
        return jwt.encode({"alg": "RS256", "kid": KEY.kid}, claims, KEY)

    def _claims_of_apple(self) -> dict[str, Any]:
        # Apple's recording has "a-id-token" where the token would be.
        return {
            "iss": "https://appleid.apple.com",
            "aud": self._recording.settings["APPLE_ID_CLIENT"],
            "sub": self._recording.expect["uid"],
            "email": self._recording.expect["details"]["email"],
            "email_verified": "true",
            "nonce": self.nonce,
        }


def departures(recording: Recording, call: Call, request: httpx.Request) -> list[str]:
    """Say where a request to the provider is not as it was recorded; nothing where it is."""
    found = [] if request.method == call.method else [f"{request.method} for {call.method}"]
    sent = fields_of(request.url.query.decode(), request.content.decode())
    found += differences(recording, call.fields, sent, headers=request.headers)
    # The recording wrote down the bytes of Spotify's header as Python shows them.
    authorization = call.headers.get("Authorization", "").removeprefix("b'").removesuffix("'")
    # The scheme of social-core's for Reddit is written small, which says the same (RFC 9110 section 11.1).
    authorization = authorization.replace("bearer ", "Bearer ")
    if authorization.startswith("OAuth ") and "oauth_signature" in authorization:
        return found + _differences_of_signed(recording, signed_in(authorization), request)
    if recording.provider not in BY_FORM and authorization and request.headers.get("authorization") != authorization:
        found.append("another Authorization")
    kind = call.headers.get("Content-Type")
    if kind is not None and request.headers.get("content-type") != kind:
        found.append("another Content-Type")
    return found


def differences(
    recording: Recording, recorded: Mapping[str, str], sent: Mapping[str, str], *, headers: Mapping[str, str]
) -> list[str]:
    """Compare parameters, but for those that a table of :mod:`tests.providers.recorded` names."""
    found = []
    for name in sorted(set(recorded) - LEFT_OUT.get(recording.provider, set())):
        if name == "redirect_uri":
            wanted = f"{BASE}/complete/{recording.provider}/"
        elif name == "access_token" and name not in sent:
            # By header instead: a query is kept in logs.
            if headers.get("authorization") != f"Bearer {recorded[name]}":
                found.append("no access_token")
            continue
        elif name == "code_challenge_method":
            wanted = "S256"  # as RFC 7636 spells it, and never plain
        elif name in {"state", "nonce", "code_challenge", "code_verifier"}:
            found += [] if len(sent.get(name, "")) >= 43 else [f"no {name}"]
            continue
        elif name == "client_secret" and recorded[name].count(".") == 2:
            found += _differences_of_secret(recorded[name], sent.get(name, ".."))
            continue
        else:
            wanted = recorded[name]
        if sent.get(name) != wanted:
            found.append(f"{name} is {sent.get(name)!r} and not {wanted!r}")
    ours = ADDED_BY.get(recording.provider, set()) | (set() if recording.provider in NOTHING_ADDED_BY else ADDED)
    more = set(sent) - set(recorded) - ours
    return found + [f"{name} is sent besides" for name in sorted(more)]


def signed_in(authorization: str) -> dict[str, str]:
    """Give the parameters in a header of OAuth 1."""
    return {name: unquote(text) for name, text in re.findall(r'(\w+)="([^"]*)"', authorization)}


def _differences_of_signed(recording: Recording, recorded: Mapping[str, str], request: httpx.Request) -> list[str]:
    """Compare parameters of OAuth 1, each where RFC 5849 has it.

    social-core sends callback and verifier with every later request too, although a callback is of the first alone
    (section 2.1) and a verifier of the one that gives the access token (section 2.3).
    """
    sent = signed_in(request.headers["authorization"])
    wanted = {name: text for name, text in recorded.items() if name not in NEVER_TWICE}
    if "oauth_token" in wanted:
        del wanted["oauth_callback"]
    else:
        state = sent["oauth_callback"].partition("?state=")[2]
        wanted["oauth_callback"] = f"{BASE}/complete/{recording.provider}/?state={state}"
    if request.method != "POST":  # by which the access token is asked for, and nothing else
        wanted.pop("oauth_verifier", None)
    found = [
        f"{name} is {sent.get(name)!r} and not {text!r}" for name, text in wanted.items() if sent.get(name) != text
    ]
    found += [f"no {name}" for name in NEVER_TWICE if not sent.get(name)]
    return found + [f"{name} is sent besides" for name in sorted(set(sent) - set(wanted) - NEVER_TWICE)]


def _differences_of_secret(recorded: str, sent: str) -> list[str]:
    """Compare two client secrets that are JWTs, but for their times and signature."""
    pairs = [
        (f"client_secret.{name}", one.get(name), other.get(name))
        for part in (0, 1)
        for one, other in [(_part_of(recorded, part), _part_of(sent, part))]
        for name in one
        if name not in {"iat", "exp", "typ"}
    ]
    return [f"{name} is {other!r} and not {one!r}" for name, one, other in pairs if one != other]


def _claims_of(token: str) -> dict[str, Any]:
    return _part_of(token, 1)


def _part_of(token: str, index: int) -> dict[str, Any]:
    part = token.split(".")[index]
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) or b"{}")
    return value
