"""Telegram: the payload of its former login widget, which a page hands over as a client token."""

import hmac
from hashlib import sha256

from asgi_social.protocols import payload
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Conversation, Tokens
from asgi_social.protocols.proof import Proven
from asgi_social.secret import Secret

# Whoever sees a payload has it too, and a page hands it on at once.
MAX_AGE_SECONDS = 600.0


def prove(client: Client, tokens: Tokens) -> Conversation[Proven]:
    """Verify a payload: all of its fields but the hash are signed, by a key made of the bot's token.

    Source: https://core.telegram.org/widgets/login, "Checking authorization".
    """
    yield from ()  # nobody is asked
    fields = payload.fields_of(client, tokens)
    given, uid, made_at = payload.required(client, fields, "hash", "id", "auth_date")
    signed = "\n".join(sorted(f"{name}={text}" for name, text in fields.items() if name != "hash"))
    key = sha256(payload.key_of(client).encode()).digest()
    payload.require_signature(client, given, hmac.new(key, signed.encode(), sha256).hexdigest())
    moment = payload.moment_of(client, made_at)
    payload.require_young(client, moment, max_age=MAX_AGE_SECONDS)
    once = payload.once(client, given, until=moment + MAX_AGE_SECONDS)
    return Proven(
        subject=uid, expires_at=None, tokens=Tokens(access_token=Secret(""), scope=(), claims=fields, once=once)
    )
