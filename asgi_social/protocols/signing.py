"""Signing a request of OAuth 1.0a: oauthlib, which the extra ``oauth1`` brings, says what is signed, and how.

Its parts are used and its ``Client`` is not, for that writes each text that it signs, tokens included, to the log.

Source: RFC 5849 sections 3.1 to 3.5.
"""

import base64
import importlib.util
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Literal
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from asgi_social.secret import Secret, random_text

SignatureMethod = Literal["HMAC-SHA1", "RSA-SHA1"]
Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """A token of OAuth 1.0a with the secret that it signs with: a request token's, or an access token's.

    Attributes:
        token: What is sent.
        secret: What is not; some providers give an empty one.
    """

    token: str
    secret: Secret

    def as_text(self) -> Secret:
        """Give the text that is stored as the access token: a JSON object, as social-auth has it."""
        members = {"oauth_token": self.token, "oauth_token_secret": self.secret.reveal()}
        return Secret(json.dumps(members, separators=(",", ":")))


def pair_of(text: Secret) -> TokenPair | None:
    """Read what :meth:`TokenPair.as_text` gave; None for any other text."""
    try:
        members = json.loads(text.reveal())
    except (ValueError, RecursionError):
        return None
    found = [members.get(name) for name in ("oauth_token", "oauth_token_secret")] if isinstance(members, dict) else []
    match found:
        case [str(token), str(secret)] if token:
            return TokenPair(token=token, secret=Secret(secret))
    return None


def is_installed() -> bool:
    """Say whether oauthlib is there."""
    return importlib.util.find_spec("oauthlib") is not None


def private_key(pem: Secret) -> RSAPrivateKey:
    """Read the key that RSA-SHA1 signs with.

    Raises:
        ValueError: It is no RSA key in PEM, or one with a password.
    """
    try:
        key = serialization.load_pem_private_key(pem.reveal().strip().encode(), password=None)
    except TypeError:  # of a key with a password
        raise ValueError("a key with a password") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("a key of another kind")  # noqa: TRY004  # a text that holds it is no type of ours
    return key


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signs, and when.

    Attributes:
        client_id: This app's id at the provider.
        client_secret: What signs beside a token's secret; for RSA-SHA1 a private key in PEM.
        method: How.
        now: Epoch seconds.
    """

    client_id: str
    client_secret: Secret
    method: SignatureMethod
    now: float

    def authorization(
        self, method: str, url: str, *, form: Pairs, pair: TokenPair | None, more: Mapping[str, str]
    ) -> str:
        """Give the Authorization header of a request, with a nonce of its own.

        Args:
            method: The HTTP method.
            url: With its query.
            form: The fields of the body, where that is a form; of any other body nothing is signed.
            pair: The token that the request is made with, or None before there is one.
            more: Further parameters of the protocol: ``oauth_callback``, ``oauth_verifier``.
        """
        # An optional package, which only an app with a provider of OAuth 1 has.
        from oauthlib.oauth1.rfc5849 import parameters, signature

        known = {
            "oauth_consumer_key": self.client_id,
            "oauth_nonce": random_text(bits=128),
            "oauth_signature_method": self.method,
            "oauth_timestamp": str(int(self.now)),
            "oauth_version": "1.0",
            **({} if pair is None else {"oauth_token": pair.token}),
            **more,
        }
        address, _, query = url.partition("#")[0].partition("?")
        collected = [*known.items(), *parse_qsl(query, keep_blank_values=True), *form]
        base = signature.signature_base_string(
            method, signature.base_string_uri(address), signature.normalize_parameters(collected)
        )
        known["oauth_signature"] = self._signature(base, "" if pair is None else pair.secret.reveal())
        return str(parameters.prepare_headers(list(known.items()))["Authorization"])

    def _signature(self, base: str, token_secret: str) -> str:
        from oauthlib.oauth1.rfc5849 import signature  # as above

        if self.method == "HMAC-SHA1":
            secrets = SimpleNamespace(client_secret=self.client_secret.reveal(), resource_owner_secret=token_secret)
            return str(signature.sign_hmac_sha1_with_client(base, secrets))
        # oauthlib would want PyJWT for this. The protocol names no hash but SHA-1.
        signed = private_key(self.client_secret).sign(base.encode(), padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
        return base64.b64encode(signed).decode()
