"""What it means that a renewal gave no tokens, and the errors that say so. Pure: an error in, a word out.

Only the provider's own word ends a grant; an outage, a limit or nonsense never does.
"""

from typing import Literal, get_args

from asgi_social.errors import (
    AssociationGone,
    CannotRenew,
    ProviderBroken,
    ProviderError,
    ProviderRefused,
    ProviderUnreachable,
    ReauthReason,
    SocialError,
)
from asgi_social.protocols.provider import Refresh
from asgi_social.storage.repository import StoredAssociation
from asgi_social.vault import reauth_error

Meaning = Literal["ended", "app", "later", "lost"]

# RFC 9110 sections 15.6.3 and 15.6.5: a gateway says that it got no answer, which is not that nothing was done.
_GATEWAY = frozenset({502, 504})
# RFC 6749 section 5.2.
_CREDENTIALS = frozenset({"invalid_client", "unauthorized_client"})


def meaning_of(error: SocialError, rules: Refresh) -> Meaning:
    """Say what an error of a renewal that was sent means for the tokens.

    Args:
        error: What the conversation raised.
        rules: The provider's, which may name further words for the end of a grant.

    Returns:
        ``ended``: the provider takes the refresh token for dead. ``app``: nothing is wrong with the association, and
        the app's makers have to mend something. ``later``: the provider answered and did not act. ``lost``: it may have
        acted, and its answer did not come or cannot be read; the token may be spent.
    """
    if isinstance(error, ProviderRefused):
        if error.error == "invalid_grant" or error.error in rules.ended:
            return "ended"
        return "app" if error.error in _CREDENTIALS else "later"
    if isinstance(error, ProviderUnreachable):
        is_answered = error.http_status is not None and error.http_status not in _GATEWAY
        return "lost" if error.may_have_arrived and not is_answered else "later"
    if isinstance(error, ProviderBroken):
        # With a status of success it may have rotated, whatever stood between its answer and us.
        return "lost" if error.http_status is None or error.http_status < 300 else "later"
    return "later" if isinstance(error, ProviderError) else "app"


def is_of_credentials(error: SocialError) -> bool:
    """Say whether the provider does not take this app's own credentials, which is the matter of all associations."""
    return isinstance(error, ProviderRefused) and error.error in _CREDENTIALS


def require_active(row: StoredAssociation) -> None:
    """Raise ``NeedsReauth`` where only the person can mend the association."""
    if row.status == "needs_reauth":
        reasons: tuple[ReauthReason, ...] = get_args(ReauthReason)
        reason: ReauthReason = next((one for one in reasons if one == row.reason), "revoked")
        raise reauth_error(row, reason=reason, since=row.since)


def cannot(row: StoredAssociation, reason: str, hint: str | None = None) -> CannotRenew:
    """Make the error of an association that cannot be renewed at all."""
    return CannotRenew(
        f"the tokens of {row.id} are not renewed: {reason}",
        hint=hint or "use the token while it works; when it does not, the person links again",
        association_id=row.id,
        backend=row.backend,
    )


def not_now(row: StoredAssociation, reason: str, *, retry_after: float | None) -> ProviderUnreachable:
    """Make the error of a renewal that is not tried now; the provider was not asked."""
    return ProviderUnreachable(
        f"the tokens of {row.id} are not renewed now: {reason}",
        endpoint="token endpoint",
        may_have_arrived=False,
        retry_after=retry_after,
        backend=row.backend,
    )


def gone(row: StoredAssociation) -> AssociationGone:
    """Make the error of an association that is not stored any more."""
    return AssociationGone(
        f"the association {row.id} was unlinked",
        hint="link the account again",
        association_id=row.id,
        backend=row.backend,
    )
