"""Payloads that a provider's widget or frame hands to a page, signed with a secret that the app shares.

The page gives one to the app as a client token. Its signature is a proof that it was made for this app; whoever sees
one has it too, so that each is taken once, and only while it is young.
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from asgi_social.errors import TokenReason, TokenRefused
from asgi_social.protocols.client import Client, values
from asgi_social.protocols.message import Once, Tokens
from asgi_social.secret import digest, same

SKEW_SECONDS = 60.0
_MAX_FIELDS = 50
_SECONDS = re.compile(r"[0-9]{1,12}")


def fields_of(client: Client, tokens: Tokens) -> dict[str, str]:
    """Read a payload that came as the query of an address.

    Raises:
        TokenRefused: ``malformed``: it is none, or a name comes twice, or a value has a line feed, which would make
            two payloads of one signed text.
    """
    text = tokens.access_token.reveal()
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        pairs = []
    fields = dict(pairs)
    if not fields or len(fields) != len(pairs) or any("\n" in name + text for name, text in pairs):
        raise refused(client, "malformed", "the payload is not the query that the widget gave")
    return fields


def key_of(client: Client) -> str:
    """Give the secret that payloads are signed with.

    Raises:
        TokenRefused: ``unbound``: the app has not set it.
    """
    proof = next((proof for proof in client.provider.proofs if proof.kind == "code"), None)
    key = proof.key.render(values(client)) if proof is not None and proof.key is not None else None
    if not key:
        named = proof.key.source if proof is not None and proof.key is not None else ""
        raise TokenRefused(
            f"nothing shows that a payload of {client.provider.title} is its own",
            hint=f"set what its payloads are signed with: {named}",
            reason="unbound",
            backend=client.name,
        )
    return key


def require_signature(client: Client, given: str, expected: str) -> None:
    """Refuse a payload whose signature is another than what it should be, to the letter.

    Raises:
        TokenRefused: ``signature``.
    """
    if not same(given, expected):
        raise refused(client, "signature", "the payload's signature does not fit")


def required(client: Client, fields: Mapping[str, object], *names: str) -> list[str]:
    """Give texts that a payload must hold.

    Raises:
        TokenRefused: ``malformed``: one is missing or empty.
    """
    found = [fields.get(name) for name in names]
    texts = [one for one in found if isinstance(one, str) and one]
    if len(texts) != len(names):
        raise refused(client, "malformed", f"the payload does not hold {', '.join(names)}")
    return texts


def moment_of(client: Client, value: object) -> float:
    """Read epoch seconds, as a whole number or its digits.

    Raises:
        TokenRefused: ``malformed``.
    """
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not _SECONDS.fullmatch(text):
        raise refused(client, "malformed", "the payload does not say when it was made")
    return float(text)


def require_young(client: Client, made_at: float, *, max_age: float) -> None:
    """Refuse a payload that was made too long ago, or in the future.

    Raises:
        TokenRefused: ``expired``.
    """
    if not -SKEW_SECONDS <= client.now - made_at <= max_age:
        raise refused(client, "expired", "the payload was not made just now")


def once(client: Client, signature: str, *, until: float) -> Once:
    """Name a payload by its signature, so that it is taken once."""
    return Once(key=digest(f"payload {client.name} {signature}"), until=until + SKEW_SECONDS)


def refused(client: Client, reason: TokenReason, message: str) -> TokenRefused:
    """Make the refusal of a payload."""
    return TokenRefused(message, hint="get a new one from the provider's widget", reason=reason, backend=client.name)
