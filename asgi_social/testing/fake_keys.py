"""The fake provider's signing keys, and the ID tokens made with them."""

import base64
import hashlib
import json
from collections.abc import Collection, Mapping
from functools import cache
from typing import Literal

from joserfc import jws
from joserfc.jwk import ECKey, Key, KeyParameters, OctKey, OKPKey, RSAKey

Signature = Literal["own", "stranger", "none"]

# Those first whose keys are made in no time: for RS256 it takes a tenth of a second.
_ALGORITHMS = ("ES256", "ES384", "ES512", "EdDSA", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384}

# Base64 hides the marker by which a scan of a log finds what leaked, but a claim can be chosen that is written "fake-"
# in it: these letters are five sextets of the last two characters, which stand right for it behind two blanks, as the
# first claim of all.
_SPELT_FAKE = {"marker": "  w\u0691\uff90"}


def algorithm_for(taken: Collection[str]) -> str:
    """Give the algorithm that ID tokens are signed with, for apps that take these."""
    return next((alg for alg in _ALGORITHMS if alg in taken), "HS256")


@cache
def signing_key(kid: str, alg: str) -> Key:
    """Give the key of this name, the same for the whole process, because making one can take a tenth of a second."""
    about: KeyParameters = {"kid": kid, "use": "sig", "alg": alg}
    if alg in _CURVES:
        return ECKey.generate_key(_CURVES[alg], about)
    return OKPKey.generate_key("Ed25519", about) if alg == "EdDSA" else RSAKey.generate_key(2048, about)


def key_set(kid: str, alg: str) -> dict[str, object]:
    """Give the JWKS that publishes one key (RFC 7517 section 5); a secret that is shared is not published."""
    return {"keys": [] if alg.startswith("HS") else [dict(signing_key(kid, alg).as_dict(private=False))]}


def signed(claims: Mapping[str, object], *, kid: str, alg: str, signature: Signature, secret: str) -> str:
    """Give an ID token in the compact form (RFC 7515 section 3.1), whose text holds ``fake-``.

    Args:
        claims: What it asserts.
        kid: The key that its header names.
        alg: How it is signed.
        signature: Whose it is: made with the key named, with one that is not published, or not there at all
            (``alg`` is ``none``, RFC 7518 section 3.6).
        secret: The client's secret, which is the key of the ``HS`` algorithms.
    """
    payload = _json({**_SPELT_FAKE, **claims})
    if signature == "none":
        return f"{_encoded(_json({'alg': 'none', 'typ': 'JWT'}))}.{_encoded(payload)}."
    stranger = signature == "stranger"
    if alg.startswith("HS"):
        key: Key = OctKey.import_key(f"{secret} of a stranger" if stranger else secret)
    else:
        key = signing_key("stranger" if stranger else kid, alg)
    return jws.serialize_compact({"alg": alg, "typ": "JWT", "kid": kid}, payload, key, [alg])


def half_hash(token: str, *, alg: str) -> str:
    """Give the left half of a token's hash by the algorithm: ``at_hash`` (OpenID Connect Core section 3.1.3.6)."""
    hashed = _HASHES.get(alg[2:], hashlib.sha512)(token.encode()).digest()
    return _encoded(hashed[: len(hashed) // 2])


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
