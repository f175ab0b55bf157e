"""Rows as if accounts had been linked: sealed with the app's own keys, so that the engine opens them."""

import secrets
from dataclasses import replace

from asgi_social import Social
from asgi_social.account import Account, Uid
from asgi_social.protocols.message import Tokens
from asgi_social.secret import Secret, random_text
from asgi_social.storage.repository import StoredAssociation
from asgi_social.vault import with_account, with_tokens


def linked(
    uid: str, *, access_token: str, refresh_token: str, social: Social, user_id: str = "ada"
) -> StoredAssociation:
    """Give the row of an account at the one backend of an engine, whose access token lives for an hour."""
    [backend] = social.settings.backends
    client, keys, now = social.settings.backends[backend].client, social.engine.keys, social.engine.clock.now()
    bare = StoredAssociation(
        id=random_text(bits=128),
        user_id=user_id,
        backend=backend,
        authority="",
        uid=uid,
        account="",
        client_id=client.client_id,
        access_token="",
        issued_at=now,
        since=now,
        created_at=now,
    )
    tokens = Tokens(
        access_token=Secret(access_token),
        refresh_token=Secret(refresh_token),
        expires_at=now + 3600,
        scope=("profile",),
    )
    row = with_tokens(bare, tokens, keys=keys, now=now)
    return with_account(row, Account(uid=Uid(uid), username=f"user-{uid}", email=f"{uid}@app.example"), keys=keys)


def expired(row: StoredAssociation) -> StoredAssociation:
    """Give a row whose access token ended a moment ago, and which has been due for up to five minutes."""
    ended_at = row.issued_at - 1
    due_at = ended_at - secrets.SystemRandom().uniform(0, 300)
    return replace(row, issued_at=ended_at - 3600, expires_at=ended_at, renew_at=due_at)
