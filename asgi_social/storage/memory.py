"""A store in this process's memory, for the tests of apps: quick, empty at the start, gone at the end.

It gives and refuses what the SQL store does. No method awaits anything, so each is one step for all other tasks.
"""

import heapq
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Literal

from asgi_social.clock import Clock, SystemClock
from asgi_social.errors import StorageError
from asgi_social.storage.repository import (
    LONGEST_HOLD_SECONDS,
    Claimed,
    Due,
    LeaseSeconds,
    StoredAssociation,
    StoredUser,
    chosen,
    place_of,
)


class MemoryRepository:
    """A ``Repository`` that no other process sees."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        """Begin with nothing stored.

        Args:
            clock: What leases are timed by, which is a store's own affair; None: the machine's.
        """
        self._clock = clock or SystemClock()
        self._associations: dict[str, StoredAssociation] = {}
        self._users: dict[str, StoredUser] = {}
        self._flows: dict[str, tuple[float, str | None]] = {}  # when each key ends, and what is kept under it

    async def open(self) -> None:
        """Do nothing; there is nothing to connect to."""

    async def close(self) -> None:
        """Do nothing; what is stored stays, so that a test can look at it."""

    async def find(self, *, backend: str, authority: str, uid: str) -> StoredAssociation | None:
        """Give the association of an account, or None where it is nobody's."""
        account = (backend, authority, uid)
        return next((_copy(row) for row in self._associations.values() if _account(row) == account), None)

    async def get(self, association_id: str) -> StoredAssociation | None:
        """Give one association by its id, or None where it is gone."""
        row = self._associations.get(association_id)
        return None if row is None else _copy(row)

    async def of_user(self, user_id: str, *, backend: str | None = None) -> list[StoredAssociation]:
        """Give a user's associations, of one backend or of all, oldest first."""
        return self._of(user_id, backend=backend, association_id=None)

    async def add(self, row: StoredAssociation) -> bool:
        """Store a new association; False, and nothing changed, where the account has one already."""
        if self._is_taken(row):
            return False
        self._insert(row, operation="add")
        return True

    async def add_each(self, rows: Sequence[StoredAssociation]) -> list[bool]:
        """Store several new associations, and say of each whether it was."""
        taken = {row.id for row in rows} & self._associations.keys()
        if taken or len({row.id for row in rows}) < len(rows):
            raise StorageError("add_each: an association with such an id is stored already", operation="add_each")
        return [await self.add(row) for row in rows]

    async def save_tokens(self, row: StoredAssociation, *, replaces: int) -> bool:
        """Write what a renewal changes where the stored version is still ``replaces``; else False."""
        stored = self._associations.get(row.id)
        if stored is None or stored.version != replaces:
            return False
        self._associations[row.id] = replace(
            _copy(row),
            user_id=stored.user_id,
            backend=stored.backend,
            authority=stored.authority,
            uid=stored.uid,
            created_at=stored.created_at,
            version=replaces + 1,
            next_attempt_at=None,
            attempts=0,
            lease_id=None,
            lease_until=None,
            sent_at=None,
        )
        return True

    async def lease(
        self, association_id: str, *, version: int, lease_id: str, seconds: LeaseSeconds
    ) -> StoredAssociation | None:
        """Take the right to renew an association for a while; None where another has it, or the row has moved on."""
        row, now = self._associations.get(association_id), self._clock.now()
        if row is None or row.version != version or _is_leased(row, now=now):
            return None
        return self._lease(row, lease_id, seconds, now=now)

    async def mark_sent(self, association_id: str, *, version: int, lease_id: str) -> bool:
        """Set ``sent_at``; False where the lease or version is lost."""
        row, now = self._associations.get(association_id), self._clock.now()
        if row is None or row.version != version or row.lease_id != lease_id or not _is_leased(row, now=now):
            return False
        self._associations[row.id] = replace(row, sent_at=now)
        return True

    async def release(self, row: StoredAssociation, *, outcome: Literal["known", "unknown"]) -> None:
        """End a renewal without new tokens."""
        stored = self._associations.get(row.id)
        if stored is None or stored.lease_id != row.lease_id:
            return
        if outcome == "known":
            stored = replace(stored, lease_id=None, lease_until=None, sent_at=None)
        self._associations[row.id] = replace(
            stored, attempts=row.attempts, next_attempt_at=row.next_attempt_at, renew_at=row.renew_at
        )

    async def claim(
        self, due: Due, *, lease_id: str, seconds: LeaseSeconds, wanted: Callable[[StoredAssociation], bool]
    ) -> Claimed:
        """Take the leases of several associations that are due at once."""
        behind = (row for row in self._due({due.backend}, now=due.now) if place_of(row) > due.after)
        rows = heapq.nsmallest(due.among, behind, key=place_of)
        claimed, now = chosen(map(_copy, rows), limit=due.limit, wanted=wanted), self._clock.now()
        return replace(claimed, rows=[self._lease(row, lease_id, seconds, now=now) for row in claimed.rows])

    async def count(self, *, backends: Collection[str] | None = None, due_at: float | None = None) -> int:
        """Count associations: all, those of some backends, those of them that are due at a moment."""
        rows = [row for row in self._associations.values() if backends is None or row.backend in backends]
        return len(rows) if due_at is None else len(self._due({row.backend for row in rows}, now=due_at))

    async def count_sealed_otherwise(self, prefixes: Collection[str]) -> int:
        """Count the associations of which a sealed value begins with none of these."""
        known = tuple(prefixes)
        return sum(
            any(value and not value.startswith(known) for value in _sealed(row)) for row in self._associations.values()
        )

    async def page(self, *, after: str, limit: int) -> list[StoredAssociation]:
        """Give associations of whatever user in the order of their ids."""
        return [_copy(self._associations[one]) for one in sorted(self._associations) if one > after][:limit]

    async def reseal(self, row: StoredAssociation) -> bool:
        """Write what is sealed anew, where the version holds."""
        stored = self._associations.get(row.id)
        if stored is None or stored.version != row.version:
            return False
        self._associations[row.id] = replace(
            stored,
            account=row.account,
            access_token=row.access_token,
            refresh_token=row.refresh_token,
            id_token=row.id_token,
        )
        return True

    async def remove(
        self, *, user_id: str, backend: str | None = None, association_id: str | None = None
    ) -> list[StoredAssociation]:
        """Delete a user's associations that match all that is given, and give what went, oldest first."""
        rows = self._of(user_id, backend=backend, association_id=association_id)
        for row in rows:
            del self._associations[row.id]
        return rows

    async def spend(self, key: str, *, expires_at: float, now: float) -> bool:
        """Use up a key; True for the first caller only."""
        return self._noted(key, None, expires_at=expires_at, now=now)

    async def keep(self, key: str, sealed: str, *, expires_at: float, now: float) -> bool:
        """Keep a sealed text until it is taken; False where the key is kept or spent already."""
        return self._noted(key, sealed, expires_at=expires_at, now=now)

    async def take(self, key: str, *, now: float) -> str | None:
        """Give what is kept under a key, and keep it no more."""
        expires_at, sealed = self._flows.get(key, (now, None))
        if sealed is not None:
            del self._flows[key]
        return sealed if expires_at >= now else None

    async def user(self, user_id: str) -> StoredUser | None:
        """Give one user, or None."""
        return self._users.get(user_id)

    async def add_user(self, user: StoredUser, association: StoredAssociation) -> bool:
        """Store a new user and their first association together, or neither."""
        if self._is_taken(association):
            return False
        if user.id in self._users:
            raise StorageError("add_user: a user with this id is stored already", operation="add_user")
        self._insert(association, operation="add_user")
        self._users[user.id] = user
        return True

    def _noted(self, key: str, sealed: str | None, *, expires_at: float, now: float) -> bool:
        self._flows = {one: noted for one, noted in self._flows.items() if noted[0] >= now}
        if key in self._flows:
            return False
        self._flows[key] = (expires_at, sealed)
        return True

    def _lease(self, row: StoredAssociation, lease_id: str, seconds: LeaseSeconds, *, now: float) -> StoredAssociation:
        self._associations[row.id] = replace(row, lease_id=lease_id, lease_until=now + seconds.of(row))
        return _copy(self._associations[row.id])

    def _due(self, backends: Collection[str], *, now: float) -> list[StoredAssociation]:
        moment = self._clock.now()
        return [
            row
            for row in self._associations.values()
            if row.backend in backends
            and row.status == "active"
            and row.renew_at is not None
            and row.renew_at <= now
            and not now < (row.next_attempt_at or 0.0) <= now + LONGEST_HOLD_SECONDS
            and not _is_leased(row, now=moment)
        ]

    def _of(self, user_id: str, *, backend: str | None, association_id: str | None) -> list[StoredAssociation]:
        rows = (
            _copy(row)
            for row in self._associations.values()
            if row.user_id == user_id and backend in {None, row.backend} and association_id in {None, row.id}
        )
        return sorted(rows, key=lambda row: (row.created_at, row.id))

    def _is_taken(self, row: StoredAssociation) -> bool:
        return any(_account(other) == _account(row) for other in self._associations.values())

    def _insert(self, row: StoredAssociation, *, operation: str) -> None:
        if row.id in self._associations:
            raise StorageError(f"{operation}: an association with this id is stored already", operation=operation)
        self._associations[row.id] = _copy(row)


def _is_leased(row: StoredAssociation, *, now: float) -> bool:
    return row.lease_until is not None and row.lease_until > now


def _sealed(row: StoredAssociation) -> tuple[str | None, ...]:
    return row.account, row.access_token, row.refresh_token, row.id_token


def _account(row: StoredAssociation) -> tuple[str, str, str]:
    return row.backend, row.authority, row.uid


def _copy(row: StoredAssociation) -> StoredAssociation:
    """Give the same row with nothing that can be changed, as one that was written and read again has."""
    return row if isinstance(row.scope, tuple) else replace(row, scope=tuple(row.scope))
