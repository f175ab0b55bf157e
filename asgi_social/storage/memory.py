"""A store in this process's memory, for the tests of apps: quick, empty at the start, gone at the end.

It gives and refuses what the SQL store does. No method awaits anything, so each is one step for all other tasks.
"""

from dataclasses import replace

from asgi_social.errors import StorageError
from asgi_social.storage.repository import StoredAssociation, StoredUser


class MemoryRepository:
    """A ``Repository`` that no other process sees."""

    def __init__(self) -> None:
        self._associations: dict[str, StoredAssociation] = {}
        self._users: dict[str, StoredUser] = {}
        self._spent: dict[str, float] = {}

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
        self._spent = {spent: until for spent, until in self._spent.items() if until >= now}
        if key in self._spent:
            return False
        self._spent[key] = expires_at
        return True

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


def _account(row: StoredAssociation) -> tuple[str, str, str]:
    return row.backend, row.authority, row.uid


def _copy(row: StoredAssociation) -> StoredAssociation:
    """Give the same row with nothing shared, as one that was written and read again has."""
    return replace(row, scope=tuple(row.scope))
