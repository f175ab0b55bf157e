"""When tokens are renewed ahead of their end, and when an attempt that went wrong is made again. All of it is pure.

What is called jitter here is no chance but a digest of the row: every process comes to the same moment, and no two
associations that were linked together do.
"""

from dataclasses import replace

from asgi_social.protocols.provider import Refresh
from asgi_social.secret import digest
from asgi_social.storage.repository import LONGEST_HOLD_SECONDS, StoredAssociation

EARLY_SECONDS = 300.0
MIN_BACKOFF_SECONDS = 2.0
MAX_BACKOFF_SECONDS = LONGEST_HOLD_SECONDS
_MAX_DOUBLINGS = 12  # 2 s doubled so often is more than an hour


def with_renew_at(row: StoredAssociation, rules: Refresh) -> StoredAssociation:
    """Give the row with the moment from which it is renewed ahead of its end.

    That is ``early`` seconds of the provider's data before it, else 300 or a fifth of the lifetime, the smaller; up to
    a quarter more, so that tokens given together do not end together; and never more than half the lifetime. None
    where the lifetime is unknown, the token never expires, or there is nothing to renew with.
    """
    return replace(row, renew_at=_renew_at(row, rules))


def is_renewable(row: StoredAssociation, rules: Refresh) -> bool:
    """Say whether the provider renews tokens, and the row has what it does so with."""
    spent = row.access_token if rules.with_token == "access_token" else row.refresh_token
    return rules.enabled and not rules.never_expires and bool(spent)


def is_short(row: StoredAssociation, *, seconds: float, now: float) -> bool:
    """Say whether the token ends within so many seconds; of one of unknown lifetime nobody knows.

    Never within more than half a token's lifetime, or a short-lived one would be renewed at each call.
    """
    if row.expires_at is None:
        return False
    return row.expires_at - now < min(seconds, (row.expires_at - row.issued_at) / 2)


def backoff(row: StoredAssociation, *, attempts: int) -> float:
    """Give the seconds to wait after so many attempts that went wrong: from 2 s, doubled each time, up to an hour."""
    return backoff_seconds(attempts) * (1 - _fraction(row, f"attempt {attempts}") / 2)


def backoff_seconds(attempts: int) -> float:
    """Give the longest wait after so many attempts in a row that went wrong.

    >>> [backoff_seconds(attempts) for attempts in (1, 2, 3, 1000)]
    [2.0, 4.0, 8.0, 3600.0]
    """
    return min(MAX_BACKOFF_SECONDS, MIN_BACKOFF_SECONDS * 2.0 ** min(attempts - 1, _MAX_DOUBLINGS))


def held_back_seconds(row: StoredAssociation, *, now: float) -> float:
    """Give the seconds until the next attempt may be made, 0 where it may be made now.

    A moment further away than any backoff was written by a clock that was wrong, and counts for nothing.
    """
    seconds = (row.next_attempt_at or 0.0) - now
    return seconds if 0 < seconds <= MAX_BACKOFF_SECONDS else 0.0


def _renew_at(row: StoredAssociation, rules: Refresh) -> float | None:
    if row.expires_at is None or not is_renewable(row, rules):
        return None
    lifetime = row.expires_at - row.issued_at
    early = float(rules.early) if rules.early is not None else min(EARLY_SECONDS, lifetime / 5)
    return row.expires_at - min(early * (1 + _fraction(row, "early") / 4), lifetime / 2)


def _fraction(row: StoredAssociation, use: str) -> float:
    """Give a number from 0 to 1 that is the row's own at this version."""
    return int(digest(f"{row.id}/{row.version}/{use}")[:8], 16) / 0xFFFFFFFF
