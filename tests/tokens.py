"""Keys, key sets and ID tokens, good ones and such as nobody may believe."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from joserfc import jws
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from asgi_social.testing.clock import START

ISSUER = "https://id.example"
CLIENT_ID = "an-id"
CLIENT_SECRET = "a-secret-of-the-tests-that-is-long-enough"
LEFT_OUT: Final = object()
"""The value of a claim that is not there."""


def rsa_key(kid: str = "one") -> RSAKey:
    """Give the RSA key of this name; making one takes a tenth of a second."""
    return _rsa_key(kid)


@cache
def _rsa_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})


@cache
def ec_key(kid: str = "ec") -> ECKey:
    """Give the P-256 key of this name."""
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})


@cache
def ed_key(kid: str = "ed") -> OKPKey:
    """Give the Ed25519 key of this name."""
    return OKPKey.generate_key("Ed25519", {"kid": kid, "use": "sig", "alg": "EdDSA"})


def public(key: Key, **changed: object) -> dict[str, object]:
    """Give a key as a key set publishes it; what is ``LEFT_OUT`` is not there."""
    values: dict[str, object] = {**key.as_dict(private=False), **changed}
    return {name: value for name, value in values.items() if value is not LEFT_OUT}


def key_set(*keys: Key | Mapping[str, object]) -> dict[str, object]:
    """Give a key set (RFC 7517 section 5); without keys that of ``rsa_key()``."""
    return {"keys": [public(key) if isinstance(key, RSAKey | ECKey | OKPKey) else key for key in keys or (rsa_key(),)]}


def claims(now: float = START, **changed: object) -> dict[str, object]:
    """Give the claims of a good ID token; what is ``LEFT_OUT`` is not there."""
    iat = int(now)
    good = {"iss": ISSUER, "sub": "248289761001", "aud": CLIENT_ID, "iat": iat, "exp": iat + 3600}
    return {name: value for name, value in {**good, **changed}.items() if value is not LEFT_OUT}


def signed(
    values: Mapping[str, object] | bytes | None = None, *, key: Key | None = None, alg: str = "RS256", **header: object
) -> str:
    """Sign claims; a part of the header that is ``LEFT_OUT`` is not there."""
    key = key or rsa_key()
    values = claims() if values is None else values
    payload = values if isinstance(values, bytes) else json.dumps(values).encode()
    parts: dict[str, Any] = {"alg": alg, "typ": "JWT", "kid": key.kid, **header}
    parts = {name: value for name, value in parts.items() if value is not LEFT_OUT and value is not None}
    # By hand, because a library refuses to make what a client has to refuse.
    head = encoded(json.dumps(parts).encode())
    body = encoded(payload)
    signature = jws.JWSRegistry.algorithms[alg].sign(f"{head}.{body}".encode(), key)
    return f"{head}.{body}.{encoded(signature)}"


def signed_with_text(text: bytes, values: Mapping[str, object] | None = None, **header: object) -> str:
    """Sign by HS256 with bytes as the key, as one does who takes a public key for a secret (RFC 8725 section 2.1)."""
    head = encoded(json.dumps({"alg": "HS256", "typ": "JWT", **header}).encode())
    body = encoded(json.dumps(claims() if values is None else values).encode())
    signature = hmac.new(text, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{encoded(signature)}"


def unsigned(alg: str = "none", **header: object) -> str:
    """Give a token without a signature."""
    head = encoded(json.dumps({"alg": alg, "typ": "JWT", **header}).encode())
    return f"{head}.{encoded(json.dumps(claims()).encode())}."


def secret_key(text: str = CLIENT_SECRET) -> OctKey:
    """Give a client secret as a key."""
    return OctKey.import_key(text)


def half_hash(text: str) -> str:
    """Give the ``at_hash`` of an access token, for RS256."""
    return encoded(hashlib.sha256(text.encode()).digest()[:16])


def encoded(raw: bytes) -> str:
    """Give bytes in base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
