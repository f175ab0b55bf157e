"""ID tokens: whose key signed one, and whether its claims are what this app may believe.

Cheap checks come first, so that nobody makes us fetch keys or compute signatures for what is refused anyway. A
departure from the standard is named in a provider's data (``id_token.lax``, ``id_token.nonce``) and is its alone.

Source: OpenID Connect Core section 3.1.3.7; RFC 7515, RFC 7517, RFC 8725.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, OctKey

from asgi_social.errors import ProviderBroken, TokenReason, TokenRefused
from asgi_social.protocols.body import object_in, require_success
from asgi_social.protocols.client import Client, values
from asgi_social.protocols.message import Conversation, Response, shared_request
from asgi_social.protocols.provider import IdTokenRules
from asgi_social.protocols.strict_json import parsed
from asgi_social.secret import Secret, digest, same

MAX_TOKEN_CHARACTERS = 16 * 1024
MAX_HEADER_CHARACTERS = 2 * 1024
MAX_KEYS = 100
MAX_KEY_SETS = 64
MAX_HEADERS = 64
SKEW_SECONDS = 60.0
_KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP", "HS": "oct"}
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}
_STANDARD, _URL_SAFE = bytes.maketrans(b"-_", b"+/"), bytes.maketrans(b"+/", b"-_")
_DEFAULT_RULES = IdTokenRules()
# All that can be verified. Which of them a provider may sign with, its data say; "none" nobody may.
_JWS = jws.JWSRegistry(algorithms=jws.JWSRegistry.algorithms.keys() - {"none"}, strict_check_header=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What of a token's header may be believed before its signature is checked: how to check it."""

    alg: str
    kid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the claims must agree with, beside the client's own ids.

    Attributes:
        now: Epoch seconds; None where it is asked whose token it is and not when, so that a wrong clock costs no link.
        nonce: The nonce that was sent, or None where none was.
        max_age: The greatest age in seconds counted from ``iat``, or None where only ``exp`` counts.
        access_token: The access token that came with it, for ``at_hash``; None without one.
    """

    now: float | None
    nonce: Secret | None
    max_age: float | None
    access_token: Secret | None = None


def verified_claims(client: Client, token: Secret, *, expected: Expected) -> Conversation[dict[str, object]]:
    """Give the claims of an ID token, after every check of the standard.

    Asks for the provider's keys, which transport keeps; at most once more where the token names a key not among them.

    Raises:
        TokenRefused: With the reason.
        ProviderBroken: The keys cannot be read.
    """
    rules = client.provider.id_token or _DEFAULT_RULES
    header = header_of(token, rules=rules, backend=client.name)
    key = yield from _signing_key(client, header)
    claims = _signed_claims(token, header, key, backend=client.name)
    _check_claims(client, rules, claims, header=header, expected=expected)
    return claims


def keys_at_hand(client: Client) -> Conversation[None]:
    """Have the provider's keys fetched where they are not kept, so that a token that comes next is judged at once."""
    if client.endpoints.jwks is not None:
        yield shared_request("key set", client.endpoints.jwks)


def header_of(token: Secret, *, rules: IdTokenRules, backend: str) -> Header:
    """Read a token's header, and refuse what no key could mend: a wrong form, another algorithm, another kind of token.

    Raises:
        TokenRefused: ``malformed``, ``signature`` (an algorithm that is not declared) or ``kind`` (an access token).
    """
    text = token.reveal()
    parts = text.split(".") if len(text) <= MAX_TOKEN_CHARACTERS else []
    if len(parts) != 3 or len(parts[0]) > MAX_HEADER_CHARACTERS:
        raise _refused("malformed", "the ID token is not a signed JWT of at most 16 KiB", backend)
    header, is_sound = _header_in(parts[0])
    if header is None:
        raise _refused("malformed", "the ID token's header cannot be read", backend)
    alg, kid = header.get("alg"), header.get("kid")
    if not isinstance(alg, str) or alg not in rules.algs:
        raise _refused("signature", f"the ID token is not signed with {' or '.join(rules.algs)}", backend)
    if "crit" in header:  # RFC 7515 section 4.1.11: we understand no extension
        raise _refused("malformed", "the ID token demands an extension", backend)
    if str(header.get("typ", "JWT")).lower() in {"at+jwt", "application/at+jwt", "logout+jwt"}:  # RFC 9068 section 2.1
        raise _refused("kind", "the token is a JWT of another kind, not an ID token", backend)
    if not is_sound:
        raise _refused("signature", "the ID token's header is not what can be signed", backend)
    return Header(alg=alg, kid=kid if isinstance(kid, str) else None)


@lru_cache(maxsize=MAX_HEADERS)
def _header_in(part: str) -> tuple[Mapping[str, object] | None, bool]:
    """Read a header, kept, for the tokens of one key have the same; None where it cannot be read.

    Returns:
        The header; and whether it is the one text of its bytes, with values of the kinds that RFC 7515 gives them.
    """
    header = _decoded(part)
    if header is None:
        return None, False
    # jku, x5u, jwk and x5c are looked at for their form alone: the key comes from the provider's own set. A payload
    # that is not encoded (b64) has to be demanded by crit (RFC 7797 section 6), which we refuse.
    try:
        _bytes_of(part)
        _JWS.check_header(header)
    except (JoseError, ValueError, TypeError):
        return header, False
    return header, header.get("b64", True) is True


def _signing_key(client: Client, header: Header) -> Conversation[Key]:
    if header.alg.startswith("HS"):
        # Only where the data declare it, and never with a key from a JWKS (RFC 8725 section 3.1).
        if not client.client_secret:
            raise _refused("signature", "there is no client_secret to check the ID token with", client.name)
        return OctKey.import_key(client.client_secret.reveal())
    if client.endpoints.jwks is None:
        raise _refused("kind", "the provider publishes no keys, so it has no ID tokens", client.name)
    for renewed in (False, True):
        response = yield shared_request("key set", client.endpoints.jwks, renewed=renewed)
        if (key := _chosen(_published(response, backend=client.name), header)) is not None:
            return key
    raise _refused("signature", "no key of the provider fits the ID token", client.name)


_KeySet: TypeAlias = tuple[tuple[Mapping[str, str | None], str], ...]  # what each key is for, and its JSON


def _published(response: Response, *, backend: str) -> _KeySet:
    require_success(response, endpoint="key set", backend=backend)
    if (found := _keys_in(response.body)) is not None:
        return found
    keys = object_in(response, endpoint="key set", backend=backend, form="json").get("keys")
    raise ProviderBroken(
        endpoint="key set",
        expected=f"a list of at most {MAX_KEYS} keys",
        got=f"{len(keys)} keys" if isinstance(keys, list) else "no list",
        backend=backend,
    )


@lru_cache(maxsize=MAX_KEY_SETS)
def _keys_in(body: bytes) -> _KeySet | None:
    """Give the keys of a set, kept, for transport gives the same bytes for an hour; None where they cannot be read."""
    try:
        said = parsed(body)
    except ValueError:
        return None
    keys = said.get("keys") if isinstance(said, dict) else None
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        return None
    # No more than that: what a key may hold besides can be large.
    return tuple((_told_by(key), json.dumps(key)) for key in keys if isinstance(key, dict))


def _told_by(key: Mapping[str, object]) -> dict[str, str | None]:
    found = ((name, key[name]) for name in ("kty", "use", "alg", "kid") if name in key)
    return {name: value if isinstance(value, str) else None for name, value in found}


def _chosen(keys: _KeySet, header: Header) -> Key | None:
    fitting = [text for key, text in keys if _fits(key, header)]
    # Without a kid a single fitting key is meant; of several none is.
    if not fitting or (header.kid is None and len(fitting) > 1):
        return None
    return _imported(fitting[0])


@lru_cache(maxsize=256)
def _imported(key: str) -> Key | None:
    """Give a key of its JSON, kept: making one takes as long as a signature, and a provider has the same for days."""
    try:
        return JWKRegistry.import_key(json.loads(key))
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _fits(key: Mapping[str, str | None], header: Header) -> bool:
    return (
        key.get("kty") == _KEY_TYPES.get(header.alg[:2])
        and key.get("use", "sig") == "sig"
        and key.get("alg", header.alg) == header.alg
        and (header.kid is None or key.get("kid") == header.kid)
    )


def _signed_claims(token: Secret, header: Header, key: Key, *, backend: str) -> dict[str, object]:
    signing_input, _, signature = token.reveal().rpartition(".")
    try:
        algorithm = _JWS.get_alg(header.alg)
        algorithm.check_key(key)
        payload = _bytes_of(signing_input.partition(".")[2])
        is_signed = algorithm.verify(signing_input.encode(), _bytes_of(signature), key)
    except (JoseError, ValueError, TypeError):
        is_signed = False
    if not is_signed:
        raise _refused("signature", "the ID token's signature does not fit", backend)
    try:
        claims = parsed(payload)
    except ValueError:
        claims = None
    if not isinstance(claims, dict):
        raise _refused("malformed", "the ID token holds no claims", backend)
    return claims


def _bytes_of(part: str) -> bytes:
    """Decode base64url as RFC 7515 section 2 has it: of the same bytes no other text is taken.

    Raises:
        ValueError: It is another.
    """
    text = part.encode()
    raw = binascii.a2b_base64(text.translate(_STANDARD) + b"==")
    if binascii.b2a_base64(raw, newline=False).rstrip(b"=").translate(_URL_SAFE) != text:
        raise ValueError("not the one base64url of these bytes")
    return raw


def _check_claims(
    client: Client, rules: IdTokenRules, claims: Mapping[str, object], *, header: Header, expected: Expected
) -> None:
    backend = client.name
    if claims.get("iss") not in _issuers(client, rules, claims):
        raise _refused("issuer", "the ID token is of another issuer", backend)
    if not _is_for(client, rules, claims):
        named = claims.get("aud") if claims.get("azp") is None else (claims.get("aud"), claims.get("azp"))
        raise TokenRefused(
            "the ID token was issued to another app",
            hint="get a new token with this app's own client_id",
            reason="audience",
            backend=backend,
            detail=client.misses(named),
        )
    if (late := _untimely(claims, expected)) is not None:
        raise _refused("expired", late, backend)
    if not _nonce_fits(rules, claims.get("nonce"), expected.nonce):
        raise _refused("nonce", "the ID token's nonce is not the one that was sent", backend)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise _refused("subject", "the ID token names no subject", backend)
    at_hash = claims.get("at_hash")
    if expected.access_token is None or at_hash is None or "at_hash" in rules.lax:
        return
    if not isinstance(at_hash, str) or not same(at_hash, left_half(expected.access_token.reveal(), alg=header.alg)):
        raise _refused("signature", "the ID token belongs to another access token", backend)


def _issuers(client: Client, rules: IdTokenRules, claims: Mapping[str, object]) -> list[str]:
    if not rules.issuers:
        return [client.endpoints.issuer] if client.endpoints.issuer else []
    known = values(client, claim=claims)
    return [text for issuer in rules.issuers if (text := issuer.render(known))]


def _is_for(client: Client, rules: IdTokenRules, claims: Mapping[str, object]) -> bool:
    """Hold ``aud`` and ``azp`` against our ids (section 3.1.3.7, steps 3 to 5)."""
    aud, azp = claims.get("aud"), claims.get("azp")
    audiences = aud if isinstance(aud, list) else [aud]
    if not audiences or not any(audience in client.audience for audience in audiences):
        return False
    if azp is not None and azp not in client.audience:
        return False
    if len(audiences) == 1 or "aud_azp" in rules.lax:
        return True
    return azp is not None and all(audience in client.audience for audience in audiences)


def _untimely(claims: Mapping[str, object], expected: Expected) -> str | None:
    exp, iat, nbf = _moment(claims.get("exp")), _moment(claims.get("iat")), _moment(claims.get("nbf"))
    if exp is None or iat is None or (nbf is None and "nbf" in claims):
        return "the ID token does not say from when to when it is good"
    if expected.now is None:
        return None
    if exp + SKEW_SECONDS < expected.now:
        return "the ID token has expired"
    if max(iat, nbf or iat) - SKEW_SECONDS > expected.now:
        return "the ID token is from the future; is this machine's clock right?"
    if expected.max_age is not None and iat + expected.max_age + SKEW_SECONDS < expected.now:
        return "the ID token was not made for this flow, it is too old"
    return None


def _moment(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < 1e12 else None


def _nonce_fits(rules: IdTokenRules, claimed: object, sent: Secret | None) -> bool:
    if sent is None or rules.nonce == "off":
        return True
    said: object = sent.reveal()
    # An app hands on what a client's JSON has for a nonce, which need not be a text.
    if not isinstance(claimed, str) or not claimed or not isinstance(said, str):
        return False
    # Apple's phones send the SHA-256 of the nonce and let the app keep the text itself.
    return same(claimed, said) or (rules.nonce == "sha256" and same(claimed, digest(said)))


def left_half(text: str, *, alg: str) -> str:
    """Give the hash that ``at_hash`` holds: the left half of the algorithm's own, in base64url (section 3.1.3.6)."""
    hashed = _HASHES.get(alg[2:], hashlib.sha512)(text.encode()).digest()
    return base64.urlsafe_b64encode(hashed[: len(hashed) // 2]).rstrip(b"=").decode()


def unverified_claims(token: Secret) -> Mapping[str, object]:
    """Read the claims of an ID token that was verified before it was stored; empty where it cannot be read."""
    parts = token.reveal().split(".")
    return (_decoded(parts[1]) if len(parts) == 3 else None) or {}


def is_id_token(token: Secret, *, audience: Sequence[str]) -> bool:
    """Say whether a text looks like an ID token for one of these audiences; unverified, to tell of a mix-up alone.

    An access token may be a JWT as well; then it is of its own type (RFC 9068 section 2.1) or tells a scope or client.
    """
    claims = unverified_claims(token)
    if "sub" not in claims:  # as of nearly all access tokens
        return False
    header, aud = _decoded(token.reveal().partition(".")[0]) or {}, claims.get("aud")
    return (
        not {"scope", "scp", "client_id"} & claims.keys()
        and "at+jwt" not in str(header.get("typ")).lower()
        and any(one in audience for one in (aud if isinstance(aud, list) else [aud]))
    )


def _decoded(part: str) -> dict[str, object] | None:
    try:
        value = parsed(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _refused(reason: TokenReason, message: str, backend: str) -> TokenRefused:
    return TokenRefused(message, hint="get a new token from the provider", reason=reason, backend=backend)
