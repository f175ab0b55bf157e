"""Facebook apps on a canvas: the signed request that the frame is opened with, handed over as a client token."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from hashlib import sha256

from asgi_social.protocols import payload, proof
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Conversation, Tokens
from asgi_social.protocols.oauth2 import is_token
from asgi_social.protocols.proof import Proven
from asgi_social.protocols.strict_json import parsed
from asgi_social.secret import Secret

MAX_AGE_SECONDS = 86400.0


def prove(client: Client, tokens: Tokens) -> Conversation[Proven]:
    """Verify a signed request, and take the access token out of it; a plain access token is looked up.

    Source: social-auth-core 7.0.0, facebook.py; https://developers.facebook.com/docs/games/gamesonfacebook/login.
    """
    signature, dot, content = tokens.access_token.reveal().partition(".")
    if not dot:
        return (yield from proof.prove(client, tokens))
    expected = hmac.new(payload.key_of(client).encode(), content.encode(), sha256).digest()
    if not hmac.compare_digest(_decoded(client, signature), expected):
        raise payload.refused(client, "signature", "the signed request's signature does not fit")
    said = _object(client, content)
    if said.get("algorithm") != "HMAC-SHA256":
        raise payload.refused(client, "signature", "the signed request is signed in another way")
    moment = payload.moment_of(client, said.get("issued_at"))
    payload.require_young(client, moment, max_age=MAX_AGE_SECONDS)
    uid, token = payload.required(client, said, "user_id", "oauth_token")
    if not is_token(token):
        raise payload.refused(client, "malformed", "the signed request's access token is none")
    once = payload.once(client, signature, until=moment + MAX_AGE_SECONDS)
    return Proven(subject=uid, expires_at=None, tokens=Tokens(access_token=Secret(token), once=once))


def _decoded(client: Client, text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise payload.refused(client, "malformed", "the signed request cannot be read") from None


def _object(client: Client, content: str) -> Mapping[str, object]:
    try:
        value = parsed(_decoded(client, content))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise payload.refused(client, "malformed", "the signed request holds no object")
    return value
