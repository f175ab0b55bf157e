"""Is this client token ours? The proof, and the refusal.

A token that some other app got for the same person must not let that person in here. So nothing is read of an account
before the provider, or a signature, has named this app; where neither can, the token is refused.
"""

import hashlib
from dataclasses import replace

from asgi_social.account import Account
from asgi_social.errors import ProviderBroken, ProviderError, ProviderRefused, TokenReason, TokenRefused
from asgi_social.protocols.client import Client
from asgi_social.protocols.id_token import Expected, is_id_token, verified_claims
from asgi_social.protocols.message import Conversation, Tokens
from asgi_social.protocols.metadata import prepared
from asgi_social.protocols.oauth2 import is_token
from asgi_social.protocols.steps import Steps
from asgi_social.protocols.userinfo import account_of_claims
from asgi_social.secret import Secret


def client_token(value: object, *, backend: str) -> Secret:
    """Take what a client sent as a token, before anything is asked of anybody.

    Raises:
        TokenRefused: ``malformed``: not a text of printable ASCII without spaces, of at most 16 KiB.
    """
    if isinstance(value, str) and is_token(value):
        return Secret(value)
    got = f"{len(value)} characters" if isinstance(value, str) else f"a {type(value).__name__}"
    raise TokenRefused(
        f"a token is printable ASCII without spaces, at most 16 KiB; this is {got}",
        hint="send the token exactly as the provider gave it",
        reason="malformed",
        backend=backend,
    )


def proven_account(client: Client, steps: Steps, access_token: Secret) -> Conversation[tuple[Tokens, Account]]:
    """Show that an access token was issued to this app, then ask whose account it is.

    Raises:
        TokenRefused: With the reason; ``unbound`` where the provider has no look-up and the app does not take the risk.
        ProviderError: The provider did not do its part.
    """
    if is_id_token(access_token, audience=client.audience):
        raise _wrong_kind(client, "this is an ID token, and came as an access token")
    client = yield from prepared(client)
    tokens = Tokens(access_token=access_token, token_type=client.provider.answer.token_type)
    unbound = client.allow_unbound_tokens and not {proof.kind for proof in client.provider.proofs} - {"id_token"}
    proven = None if unbound else (yield from steps.prove(client, tokens))
    if proven is not None:
        tokens = proven.tokens or replace(tokens, expires_at=proven.expires_at)
    try:
        account = yield from steps.fetch_account(client, tokens)
    except (ProviderRefused, ProviderBroken) as error:
        raise _judged(error) from None
    if proven is not None and proven.subject is not None and proven.subject != account.uid:
        raise _refused("subject", "the access token and the account are of two people", client)
    return tokens, account


def account_of_id_token(
    client: Client, id_token: Secret, *, nonce: Secret | None
) -> Conversation[tuple[Tokens, Account]]:
    """Verify an ID token that a client got by itself, and read its account from the claims.

    Args:
        client: Whose ids the audience must be.
        id_token: As it came.
        nonce: What the client sent to the provider, or None where it sent none. Without one, no replay is noticed.

    Raises:
        TokenRefused: With the reason; ``kind`` where the provider has no ID tokens.
        ProviderError: The provider's keys cannot be had.
    """
    proof = next((proof for proof in client.provider.proofs if proof.kind == "id_token"), None)
    if proof is None:
        raise _wrong_kind(client, f"{client.provider.title} has no ID tokens that can be proved here")
    if id_token.reveal().count(".") != 2:  # RFC 7515 section 3.1: a signed JWT has three parts
        raise _wrong_kind(client, "this is no ID token, and came as one")
    client = yield from prepared(client)
    if nonce is not None and client.provider.id_token is not None and client.provider.id_token.nonce == "off":
        # Where a flow has TLS to vouch for its ID token, here there would be nothing in the nonce's place.
        raise _refused("nonce", f"{client.provider.title} puts no nonce into its ID tokens", client)
    expected = Expected(now=client.now, nonce=nonce, max_age=None)
    claims = yield from verified_claims(client, id_token, expected=expected)
    # There is no access token: this one gives an account and nothing to call the provider with.
    tokens = Tokens(access_token=Secret(""), claims=claims)
    return tokens, account_of_claims(client, claims, tokens, subject=proof.subject)


def spend_key(client: Client, id_token: Secret) -> str:
    """Name an ID token, for accepting it once: a digest, from which nothing can be read."""
    return hashlib.sha256(f"{client.name} {id_token.reveal()}".encode()).hexdigest()


def _wrong_kind(client: Client, message: str) -> TokenRefused:
    """Refuse a token of another kind, and say what the provider takes and where a client gets it."""
    proved = {proof.kind for proof in client.provider.proofs}
    proved |= {"lookup"} if client.allow_unbound_tokens else set()
    names = {
        "lookup": "access tokens, by do_auth(token)",
        "code": "payloads of its widget, by do_auth(payload)",
        "id_token": "ID tokens, by do_auth(id_token=token)",
    }
    taken = " and ".join(names[kind] for kind in names if kind in proved) or "no client tokens"
    where = f"; a client gets them at {client.provider.title} ({client.provider.docs})" if client.provider.docs else ""
    return TokenRefused(message, hint=f"this backend takes {taken}{where}", reason="kind", backend=client.name)


def _judged(error: ProviderRefused | ProviderBroken) -> ProviderError | TokenRefused:
    """Say whose fault it is that the account could not be read: a 401 or 403 is the token's."""
    if error.http_status not in {401, 403}:
        return error
    reason: TokenReason = "inactive" if error.http_status == 401 else "scope"
    return TokenRefused(
        "the provider does not let the access token read the account",
        hint="get a token with the scope that the backend asks for by default",
        reason=reason,
        backend=error.backend,
    )


def _refused(reason: TokenReason, message: str, client: Client) -> TokenRefused:
    return TokenRefused(
        message, hint="get a new token with this app's own client_id", reason=reason, backend=client.name
    )
