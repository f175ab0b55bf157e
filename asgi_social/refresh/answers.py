"""What is believed of the answer to a renewal that holds tokens. Pure."""

from dataclasses import replace

from asgi_social.protocols.message import Tokens
from asgi_social.storage.repository import StoredAssociation

# A lifetime that is a thousand times the one before is the same one in milliseconds. No wider: Facebook trades an hour
# for sixty days.
_THOUSANDFOLD = (995.0, 1005.0)


def sober(row: StoredAssociation, new: Tokens, *, now: float) -> tuple[Tokens, list[str]]:
    """Give renewed tokens without what cannot be believed of them, and a word for each of what was odd."""
    odd = list(new.odd)
    if row.expires_at is not None and new.expires_at is not None:
        before, after = row.expires_at - row.issued_at, new.expires_at - now
        if _THOUSANDFOLD[0] * before <= after <= _THOUSANDFOLD[1] * before:
            new, odd = replace(new, expires_at=None), [*odd, "lifetime"]
    # RFC 6749 section 6: no more than was granted. An association of which nobody knows what was granted learns it.
    if new.scope is not None and row.scope and set(new.scope) != set(row.scope):
        odd += ["scope_fewer"] if set(row.scope) - set(new.scope) else []
        odd += ["scope_more"] if set(new.scope) - set(row.scope) else []
        new = replace(new, scope=tuple(one for one in row.scope if one in new.scope))
    return new, odd
