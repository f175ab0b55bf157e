"""Telegram: what its former login widget and its Mini Apps give to a page, which hands it over as a client token."""

import hmac
from collections.abc import Mapping
from hashlib import sha256

from asgi_social.protocols import payload
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Conversation, Tokens
from asgi_social.protocols.proof import Proven
from asgi_social.protocols.strict_json import parsed
from asgi_social.secret import Secret

# Whoever sees a payload has it too, and a page hands it on at once.
MAX_AGE_SECONDS = 600.0


def prove(client: Client, tokens: Tokens) -> Conversation[Proven]:
    """Verify a payload: all of its fields but the hash are signed, by a key made of the bot's token.

    The two are signed by different keys, so that none is ever taken for the other. A Mini App's names the person in
    the field ``user``, as JSON.

    Source: https://core.telegram.org/widgets/login, "Checking authorization";
    https://core.telegram.org/bots/webapps, "Validating data received via the Mini App".
    """
    yield from ()  # nobody is asked
    fields = payload.fields_of(client, tokens)
    given, made_at = payload.required(client, fields, "hash", "auth_date")
    signed = "\n".join(sorted(f"{name}={text}" for name, text in fields.items() if name != "hash"))
    bot_token, is_mini_app = payload.key_of(client).encode(), "user" in fields
    key = hmac.new(b"WebAppData", bot_token, sha256).digest() if is_mini_app else sha256(bot_token).digest()
    payload.require_signature(client, given, hmac.new(key, signed.encode(), sha256).hexdigest())
    moment = payload.moment_of(client, made_at)
    payload.require_young(client, moment, max_age=MAX_AGE_SECONDS)
    person = _person(client, fields["user"]) if is_mini_app else fields
    [uid] = payload.required(client, person, "id")
    once = payload.once(client, given, until=moment + MAX_AGE_SECONDS)
    return Proven(
        subject=uid, expires_at=None, tokens=Tokens(access_token=Secret(""), scope=(), claims=person, once=once)
    )


def _person(client: Client, text: str) -> Mapping[str, object]:
    try:
        value = parsed(text.encode())
    except ValueError:
        value = None
    number = value.get("id") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(number, int) or isinstance(number, bool):
        raise payload.refused(client, "malformed", "the payload names no person")
    return {**value, "id": str(number)}
