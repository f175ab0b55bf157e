"""The fake provider's signing keys, and the ID tokens made with them."""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Literal

from joserfc import jws
from joserfc.jwk import RSAKey

Signature = Literal["own", "stranger", "none"]

# Base64 hides the marker by which a scan of a log finds what leaked, but a claim can be chosen that is written "fake-"
# in it: these letters are five sextets of the last two characters, which stand right for it behind two blanks, as the
# first claim of all.
_SPELT_FAKE = {"marker": "  w\u0691\uff90"}


@cache
def rsa_key(kid: str) -> RSAKey:
    """Give the key of this name, the same for the whole process, because making one takes a tenth of a second."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})


def key_set(kid: str) -> dict[str, object]:
    """Give the JWKS that publishes one key (RFC 7517 section 5)."""
    return {"keys": [dict(rsa_key(kid).as_dict(private=False))]}


def signed(claims: Mapping[str, object], *, kid: str, signature: Signature) -> str:
    """Give an ID token in the compact form (RFC 7515 section 3.1), whose text holds ``fake-``.

    Args:
        claims: What it asserts.
        kid: The key that its header names.
        signature: Whose it is: made with the key named, with one that is not published, or not there at all
            (``alg`` is ``none``, RFC 7518 section 3.6).
    """
    payload = _json({**_SPELT_FAKE, **claims})
    if signature == "none":
        return f"{_encoded(_json({'alg': 'none', 'typ': 'JWT'}))}.{_encoded(payload)}."
    header = {"alg": "RS256", "typ": "JWT", "kid": kid}
    return jws.serialize_compact(header, payload, rsa_key("stranger" if signature == "stranger" else kid))


def half_hash(token: str) -> str:
    """Give the left half of a token's SHA-256: ``at_hash`` (OpenID Connect Core section 3.1.3.6)."""
    return _encoded(hashlib.sha256(token.encode()).digest()[:16])


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
