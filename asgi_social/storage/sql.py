"""The store in a database, through ``databases``: SQLite, PostgreSQL or MariaDB, by its URL."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, fields
from functools import partial
from typing import Any, Literal

import sqlalchemy as sa
from databases import Database

from asgi_social.errors import SettingsError
from asgi_social.secret import random_text
from asgi_social.storage import schema, work
from asgi_social.storage.address import found
from asgi_social.storage.connections import Connections
from asgi_social.storage.repository import Claimed, Due, LeaseSeconds, StoredAssociation, StoredUser
from asgi_social.storage.schema import social_association, social_flow, social_user
from asgi_social.storage.statements import (
    OWN,
    READ,
    Condition,
    due_by,
    of_account,
    of_user,
    sealed_otherwise,
    values_of,
)
from asgi_social.storage.written import Statements, Written, new_values_of, written


class SqlRepository:
    """A ``Repository`` in a database, which any number of processes may share."""

    def __init__(self, database: str | Database) -> None:
        """Check where the data are; nothing is opened before ``open``.

        Args:
            database: A URL such as ``sqlite+aiosqlite:///social.db`` or ``postgresql+asyncpg://user@host/name``; or a
                ``Database``, of which the URL and the options are used: its connections stay the app's own.

        Raises:
            SettingsError: It is not one of ours, or its driver is not installed.
        """
        make, dialect = found(database)
        self._dialect = dialect
        self._connections = Connections(make, dialect)
        self._statements = Statements(dialect)
        self.steps = schema.steps_for(dialect.kind)

    async def open(self) -> None:
        """Connect, and bring the schema of SQLite up to date; a second call changes nothing.

        Raises:
            SettingsError: The schema is newer than this code, of no known version, or, on a server, older.
            StorageError: The database does not do its part.
        """
        await self._connections.open(self._prepare)

    async def close(self) -> None:
        """Let go of the connections once the present callers are done; a second call does nothing."""
        await self._connections.close()

    async def version(self) -> int:
        """Give the number of the schema's last step in the database, without changing it; 0 where there is none.

        Raises:
            SettingsError: The schema is newer than this code, or of no known version.
            StorageError: The database cannot be read.
        """
        names, stored = await self._connections.stored()
        return self._known(names, stored)

    async def migrate(self) -> None:
        """Bring the schema up to date, while no other process does; opens nothing that stays open.

        Raises:
            SettingsError: As for ``version``.
            StorageError: The database does not do its part. Run again, this goes on where it broke off.
        """
        await self._connections.open(lambda: self._upgrade("migrate"))
        await self._connections.close()

    async def find(self, *, backend: str, authority: str, uid: str) -> StoredAssociation | None:
        """Give the association of an account, or None where it is nobody's."""
        return await self._connections.read("find", partial(work.one, of_account(backend, authority, uid)))

    async def get(self, association_id: str) -> StoredAssociation | None:
        """Give one association by its id, or None where it is gone."""
        values = {"association_id": association_id}
        return await self._connections.read("get", partial(work.got, self._statements.get, values))

    async def of_user(self, user_id: str, *, backend: str | None = None) -> list[StoredAssociation]:
        """Give a user's associations, of one backend or of all, oldest first."""
        query = _oldest_first(of_user(user_id, backend=backend, association_id=None))
        return await self._connections.read("of_user", partial(work.every, query))

    async def add(self, row: StoredAssociation) -> bool:
        """Store a new association; False, and nothing changed, where the account has one already."""
        return await self._connections.write("add", self._adding(row, operation="add"))

    async def add_each(self, rows: Sequence[StoredAssociation]) -> list[bool]:
        """Store several new associations in one transaction, and say of each whether it was, as ``add`` does."""
        if not rows:
            return []
        write_id = random_text(bits=128)
        values = [{**values_of(row), "write_id": write_id} for row in rows]
        insert = written(self._dialect.insert_new(social_association, values[0]), self._dialect.words)
        return await self._connections.write("add_each", partial(work.added_each, insert, values, write_id=write_id))

    async def save_tokens(self, row: StoredAssociation, *, replaces: int) -> bool:
        """Write what a renewal changes where the stored version is still ``replaces``; else False."""
        values = {**new_values_of(row), "old_version": replaces}
        return await self._changed("save_tokens", self._statements.save_tokens, row.id, values)

    async def lease(
        self, association_id: str, *, version: int, lease_id: str, seconds: LeaseSeconds
    ) -> StoredAssociation | None:
        """Take the right to renew an association for a while, by the database's clock."""
        named = {"association_id": association_id, "old_version": version, "new_lease_id": lease_id}
        values = {**named, **asdict(seconds)}
        return await self._connections.write("lease", partial(work.got, self._statements.lease, values))

    async def mark_sent(self, association_id: str, *, version: int, lease_id: str) -> bool:
        """Set ``sent_at``; False where the lease or version is lost."""
        values = {"old_version": version, "old_lease_id": lease_id}
        return await self._changed("mark_sent", self._statements.mark_sent, association_id, values)

    async def release(self, row: StoredAssociation, *, outcome: Literal["known", "unknown"]) -> None:
        """End a renewal without new tokens."""
        values = {**new_values_of(row), "old_lease_id": row.lease_id}
        await self._changed("release", self._statements.release[outcome], row.id, values)

    async def claim(
        self, due: Due, *, lease_id: str, seconds: LeaseSeconds, wanted: Callable[[StoredAssociation], bool]
    ) -> Claimed:
        """Take the leases of several associations that are due at once, by the database's clock."""
        claiming = partial(work.claimed, self._statements, due, lease_id, seconds, wanted)
        return await self._connections.write("claim", claiming)

    async def count(self, *, backends: Collection[str] | None = None, due_at: float | None = None) -> int:
        """Count associations: all, those of some backends, those of them that are due at a moment."""
        chosen = sa.true() if backends is None else OWN.backend.in_(list(backends))
        return await self._counted(
            "count", chosen if due_at is None else chosen & due_by(sa.literal(due_at, sa.Double), now=self._dialect.now)
        )

    async def count_sealed_otherwise(self, prefixes: Collection[str]) -> int:
        """Count the associations of which a sealed value begins with none of these."""
        return await self._counted("count_sealed_otherwise", sealed_otherwise(prefixes))

    async def page(self, *, after: str, limit: int) -> list[StoredAssociation]:
        """Give associations of whatever user in the order of their ids."""
        query = sa.select(*READ).where(OWN.id > after).order_by(OWN.id).limit(limit)
        return await self._connections.read("page", partial(work.every, query))

    async def reseal(self, row: StoredAssociation) -> bool:
        """Write what is sealed anew, where the version holds."""
        values = {**new_values_of(row), "old_version": row.version}
        return await self._changed("reseal", self._statements.reseal, row.id, values)

    async def remove(
        self, *, user_id: str, backend: str | None = None, association_id: str | None = None
    ) -> list[StoredAssociation]:
        """Delete a user's associations that match all that is given, and give what went, oldest first."""
        query = _oldest_first(of_user(user_id, backend=backend, association_id=association_id))
        return await self._connections.write("remove", partial(work.removed, query))

    async def spend(self, key: str, *, expires_at: float, now: float) -> bool:
        """Use up a key; True for the first caller only, in whatever process."""
        write_id = random_text(bits=128)
        insert = self._dialect.insert_new(social_flow, {"digest": key, "expires_at": expires_at, "write_id": write_id})
        return await self._connections.write("spend", partial(work.spent, insert, key, now=now, write_id=write_id))

    async def keep(self, key: str, sealed: str, *, expires_at: float, now: float) -> bool:
        """Keep a sealed text until it is taken; False where the key is kept or spent already."""
        write_id = random_text(bits=128)
        values = {"digest": key, "expires_at": expires_at, "write_id": write_id, "kept": sealed}
        insert = self._dialect.insert_new(social_flow, values)
        return await self._connections.write("keep", partial(work.spent, insert, key, now=now, write_id=write_id))

    async def take(self, key: str, *, now: float) -> str | None:
        """Give what is kept under a key, and keep it no more: to the first caller only, in whatever process."""
        return await self._connections.write("take", partial(work.taken, key, now=now))

    async def user(self, user_id: str) -> StoredUser | None:
        """Give one user, or None."""
        query = sa.select(social_user).where(social_user.c.id == user_id)
        found = await self._connections.read("user", partial(work.first, query))
        return None if found is None else StoredUser(**{**found, "is_active": bool(found["is_active"])})

    async def add_user(self, user: StoredUser, association: StoredAssociation) -> bool:
        """Store a new user and their first association together, or neither."""
        insert = sa.insert(social_user).values({field.name: getattr(user, field.name) for field in fields(user)})
        adding = self._adding(association, operation="add_user")
        return await self._connections.write("add_user", lambda: work.added_with_user(adding(), insert))

    async def _prepare(self) -> None:
        if self._dialect.is_migrated_at_start:
            await self._upgrade("open")
            return
        version, newest = self._known(*await self._connections.stored()), len(self.steps)
        if version < newest:
            raise SettingsError(
                f"the database has schema {version}, and this asgi_social needs schema {newest}",
                hint="run asgi-social migrate, which shows with --dry-run what it will do",
                setting="database",
                allowed=f"a database with schema {newest}",
            )

    async def _upgrade(self, operation: str) -> None:
        upgrade = partial(schema.upgrade, self._dialect.tables, self.steps, kind=self._dialect.kind)
        await self._connections.migrate(operation, upgrade)

    def _known(self, names: Collection[str], stored: int | None) -> int:
        return schema.known_version(names, stored, newest=len(self.steps), kind=self._dialect.kind)

    async def _counted(self, operation: str, condition: Condition) -> int:
        query = sa.select(sa.func.count().label("number")).select_from(social_association).where(condition)
        [found] = await self._connections.read(operation, partial(work.rows, query))
        return int(found["number"])

    async def _changed(
        self, operation: str, statements: Sequence[Written], association_id: str, values: Mapping[str, object]
    ) -> bool:
        named = {"association_id": association_id, "new_write_id": random_text(bits=128)}
        return await self._connections.write(operation, partial(work.changed, statements, {**values, **named}))

    def _adding(self, row: StoredAssociation, *, operation: str) -> Callable[[], work.Work[bool]]:
        write_id = random_text(bits=128)
        insert = self._dialect.insert_new(social_association, {**values_of(row), "write_id": write_id})
        return partial(work.added, insert, row, write_id=write_id, operation=operation)


def _oldest_first(condition: Condition) -> sa.Select[Any]:
    return sa.select(*READ).where(condition).order_by(OWN.created_at, OWN.id)
