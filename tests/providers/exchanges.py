"""Exchanges of tokens and profiles, one file for each provider, and a provider that answers by one.

A file says where it is ``from``, the ``settings`` of the backend and the parameters of the ``callback`` besides the
code, the ``answers`` by request (``token``, ``id`` for the claims of the ID token, ``userinfo``, and the ids of further
requests), and the account that is to ``expect``.
"""

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from asgi_social import providers
from asgi_social.account import Account
from asgi_social.protocols.client import Client, values
from asgi_social.protocols.message import Challenge, Conversation, Request, Response, Tokens
from asgi_social.protocols.provider import Provider
from asgi_social.protocols.steps import sign_in
from asgi_social.secret import Secret
from asgi_social.settings import checked
from asgi_social.testing.clock import START
from tests.app import KEY
from tests.testing.trips import SECRET, settings_of

HERE = Path(__file__).parent.parent / "exchanges"
NONCE = "a-nonce-of-the-tests"
REDIRECT_URI = "https://app.example/complete/one/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One exchange as its file has it."""

    provider: str
    source: str
    settings: Mapping[str, Any]
    callback: Mapping[str, str]
    answers: Mapping[str, Any]
    expect: Mapping[str, Any]


def exchanges() -> list[Exchange]:
    """Give every exchange there is."""
    return [
        exchange_of(file.stem, json.loads(file.read_text(encoding="utf-8"))) for file in sorted(HERE.glob("*.json"))
    ]


def account_of(exchange: Exchange, provider: Provider | None = None) -> tuple[Tokens, Account, set[str]]:
    """Play an exchange from the callback to the account; give the endpoints that were asked too.

    Args:
        exchange: What is answered.
        provider: Of whom; None: the one of the catalogue.
    """
    provider = provider or providers.provider(exchange.provider)
    backend = checked(
        {
            "secret_key": KEY,
            "base_url": "https://app.example",
            "backends": {exchange.provider: {**settings_of(provider), **exchange.settings}},
        }
    ).backends[exchange.provider]
    client = replace(backend.client, now=START)
    # What OAuth 1 gives back is there in any case, and nobody else reads it.
    params = {
        client.provider.callback.code_param: "a-code",
        "state": "a-state",
        "oauth_token": "a-request-token",
        "oauth_verifier": "a-verifier",
        **exchange.callback,
    }
    callback = backend.steps.read_callback(client, params)
    challenge = Challenge(
        redirect_uri=REDIRECT_URI,
        state=Secret("a-state"),
        nonce=Secret(NONCE),
        verifier=Secret("a-verifier"),
        scope=client.scope,
        kept={"oauth_token": "a-request-token"},
        withheld=Secret("a-request-secret"),
    )
    asked: set[str] = set()
    tokens, account = _played(sign_in(client, backend.steps, callback, challenge), _Answers(exchange, client), asked)
    return tokens, account, asked


def exchange_of(provider: str, file: Mapping[str, Any]) -> Exchange:
    """Give an exchange as its file has it."""
    assert set(file) <= {"from", "settings", "callback", "answers", "expect"}, provider
    return Exchange(
        provider=provider,
        source=file["from"],
        settings=file.get("settings", {}),
        callback=file.get("callback", {}),
        answers=file["answers"],
        expect=file["expect"],
    )


def _played(
    conversation: Conversation[tuple[Tokens, Account]], answers: "_Answers", asked: set[str]
) -> tuple[Tokens, Account]:
    with closing(conversation):
        try:
            request = next(conversation)
            while True:
                asked.add(request.endpoint.removesuffix(" endpoint"))
                request = conversation.send(answers.to(request))
        except StopIteration as end:
            result: tuple[Tokens, Account] = end.value
            return result


class _Answers:
    """What a provider answers in one exchange."""

    def __init__(self, exchange: Exchange, client: Client) -> None:
        self._exchange = exchange
        self._client = client

    def to(self, request: Request) -> Response:
        """Answer a request; one that the exchange has nothing for is not found."""
        if request.endpoint == "metadata document":
            return _response(self._metadata())
        if request.endpoint == "key set":
            return _response({"keys": [_key(alg).as_dict(private=False) for alg in ("RS256", "ES256", "EdDSA")]})
        name = request.endpoint.removesuffix(" endpoint")
        if name not in self._exchange.answers:
            return _response({}, status=404)
        answer = self._exchange.answers[name]
        return _response(self._with_id_token(answer) if name == "token" and "id" in self._exchange.answers else answer)

    def _with_id_token(self, answer: dict[str, Any]) -> dict[str, Any]:
        # Where its data say that it stands; of one provider the access token is a signed one.
        name = self._client.provider.answer.id_token.source
        return {**answer, name: self._signed(self._exchange.answers["id"])}

    def _metadata(self) -> dict[str, Any]:
        base = "https://provider.example"
        return {
            "issuer": self._issuer({}),
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "userinfo_endpoint": f"{base}/userinfo",
            "jwks_uri": f"{base}/keys",
        }

    def _issuer(self, claims: Mapping[str, Any]) -> str:
        provider = self._client.provider
        known = values(self._client, tokens=Tokens(access_token=Secret(""), claims=claims))
        stated = [one.render(known) for one in provider.id_token.issuers] if provider.id_token else []
        if stated:
            return stated[0] or ""
        assert provider.oidc is not None
        return provider.oidc.endpoint.render(known) or ""

    def _signed(self, claims: Mapping[str, Any]) -> str:
        rules = self._client.provider.id_token
        assert rules is not None, "an ID token is answered, and none is read"
        nonce = {} if rules.nonce == "off" else {"nonce": NONCE}
        whole = {
            "iss": self._issuer(claims),
            "aud": self._client.client_id,
            "iat": int(START),
            "exp": int(START) + 600,
            **nonce,
            **claims,
        }
        key = _key(rules.algs[0])
        return jwt.encode({"alg": rules.algs[0], "kid": key.kid}, whole, key, algorithms=[rules.algs[0]])


@cache
def _key(alg: str) -> Any:
    if alg.startswith("HS"):
        return OctKey.import_key(SECRET)
    parameters: Any = {"kid": f"a-key-for-{alg}", "use": "sig", "alg": alg}
    if alg == "EdDSA":
        return OKPKey.generate_key("Ed25519", parameters)
    if alg.startswith("ES"):
        return ECKey.generate_key({"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[alg], parameters)
    return RSAKey.generate_key(2048, parameters)


def _response(answer: object, *, status: int = 200) -> Response:
    """Give an answer: a text as it is, anything else as JSON."""
    text = answer if isinstance(answer, str) else json.dumps(answer)
    kind = {"<": "application/xml", "{": "application/json", "[": "application/json"}.get(
        text[:1], "application/x-www-form-urlencoded" if "=" in text else "text/plain"
    )
    return Response(status=status, headers={"content-type": kind}, body=text.encode(), received_at=START)
