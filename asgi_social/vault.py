"""Tokens and account on their way into a row and out of it: sealed above storage, which sees neither.

The account is sealed too, for it holds an address and names, and database drivers log what they are given.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import cast

from asgi_social.account import Account
from asgi_social.errors import NeedsReauth, ReauthReason
from asgi_social.protocols.message import Tokens
from asgi_social.secret import Keys, Secret
from asgi_social.storage.repository import Associations, StoredAssociation

_TABLE = "social_association"
_SEALED = ("account", "access_token", "refresh_token", "id_token")


def with_tokens(row: StoredAssociation, tokens: Tokens, *, keys: Keys, now: float) -> StoredAssociation:
    """Give a row that holds new tokens; what they leave out (refresh token, ID token, scope) stays as it was.

    So does everything where there is no access token, because an ID token alone takes nothing away. What stays is
    sealed anew where an old key has sealed it: a write must not bring back what a change of keys has just replaced.
    """
    if not tokens.access_token:
        return row
    row = _sealed_anew(row, keys=keys)
    return replace(
        row,
        access_token=_sealed(row.id, "access_token", tokens.access_token, keys=keys) or "",
        refresh_token=_sealed(row.id, "refresh_token", tokens.refresh_token, keys=keys) or row.refresh_token,
        id_token=_sealed(row.id, "id_token", tokens.id_token, keys=keys) or row.id_token,
        token_type=tokens.token_type,
        scope=tuple(row.scope) if tokens.scope is None else tokens.scope,
        expires_at=tokens.expires_at,
        issued_at=now,
    )


def without_dead(row: StoredAssociation, *, keys: Keys) -> StoredAssociation:
    """Give a row without what new tokens must not be laid over: those of a grant that ended, or that do not open."""
    if row.status == "active" and _opens(row, keys=keys):
        return row
    return replace(row, refresh_token=None, id_token=None)


def tokens_of(row: StoredAssociation, *, keys: Keys) -> Tokens:
    """Give the tokens of a row; what was kept of the answers when it was linked stands for their token answer.

    Raises:
        NeedsReauth: A sealed value does not open (``unreadable``): its key was removed, or the row was tampered with.
            The row is left as it is.
    """
    return Tokens(
        access_token=_unsealed(row, "access_token", row.access_token, keys=keys),
        refresh_token=_unsealed(row, "refresh_token", row.refresh_token, keys=keys) if row.refresh_token else None,
        id_token=_unsealed(row, "id_token", row.id_token, keys=keys) if row.id_token else None,
        token_type=row.token_type,
        scope=tuple(row.scope),
        expires_at=row.expires_at,
        answer=cast("dict[str, object]", account_of(row, keys=keys).get("extra_data") or {}),
    )


def with_account(row: StoredAssociation, account: Account, *, keys: Keys) -> StoredAssociation:
    """Give a row that holds what a provider says of the account, beside its uid; no tokens are among it."""
    kept = {name: value for name, value in asdict(account).items() if name not in {"uid", "authority"}}
    return replace(row, account=_sealed(row.id, "account", Secret(json.dumps(kept)), keys=keys) or "")


def account_of(row: StoredAssociation, *, keys: Keys) -> Mapping[str, object]:
    """Give what is kept of the account; empty where it does not open, for the link can still be shown and unlinked."""
    text = keys.unseal(row.account, purpose="storage", context=f"{_TABLE}/{row.id}/account")
    return cast("dict[str, object]", json.loads(text)) if text is not None else {}


def resealed(row: StoredAssociation, *, keys: Keys) -> StoredAssociation | None:
    """Give a row with everything sealed by the first key; None where it is already.

    Raises:
        NeedsReauth: A value that another key sealed does not open (``unreadable``).
    """
    anew = _sealed_anew(row, keys=keys)
    if any(value and not keys.is_newest(value) for value in (getattr(anew, column) for column in _SEALED)):
        raise reauth_error(row, reason="unreadable", since=row.since)
    return None if anew == row else anew


async def count_unopenable(repository: Associations, *, keys: Keys) -> int:
    """Count the associations of which a value was sealed with a key that is not on the list any more.

    They are worth a word when an app starts: a key was taken off too early, and until it is back their tokens are
    ``unreadable``.
    """
    return await repository.count_sealed_otherwise(keys.prefixes)


def reauth_error(row: StoredAssociation, *, reason: ReauthReason, since: float) -> NeedsReauth:
    """Make the error that says that only the person can mend an association."""
    return NeedsReauth(
        f"the association {row.id} needs to be linked again: {reason}",
        hint=f"send the person to /associate/{row.backend}/",
        association_id=row.id,
        since=since,
        reason=reason,
        backend=row.backend,
    )


def _sealed_anew(row: StoredAssociation, *, keys: Keys) -> StoredAssociation:
    """Give a row with all that opens sealed by the first key; what does not open stays as it is."""
    anew: dict[str, str] = {}
    for column in _SEALED:
        value = getattr(row, column)
        if value and not keys.is_newest(value):
            text = keys.unseal(value, purpose="storage", context=f"{_TABLE}/{row.id}/{column}")
            anew[column] = value if text is None else _sealed(row.id, column, Secret(text), keys=keys) or value
    return replace(row, **anew)  # type: ignore[arg-type]  # these columns are all text


def _opens(row: StoredAssociation, *, keys: Keys) -> bool:
    try:
        tokens_of(row, keys=keys)
    except NeedsReauth:
        return False
    return True


def _sealed(row_id: str, column: str, secret: Secret | None, *, keys: Keys) -> str | None:
    if not secret:
        return None
    return keys.seal(secret.reveal(), purpose="storage", context=f"{_TABLE}/{row_id}/{column}")


def _unsealed(row: StoredAssociation, column: str, value: str, *, keys: Keys) -> Secret:
    if not value:
        return Secret("")  # linked by an ID token alone: there is no access token
    text = keys.unseal(value, purpose="storage", context=f"{_TABLE}/{row.id}/{column}")
    if text is None:
        raise reauth_error(row, reason="unreadable", since=row.since)
    return Secret(text)
