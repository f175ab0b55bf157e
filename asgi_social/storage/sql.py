"""The store in a database, through ``databases``: SQLite, PostgreSQL or MariaDB, by its URL."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from typing import Any, Literal

import sqlalchemy as sa
from databases import Database

from asgi_social.errors import SettingsError, StorageError
from asgi_social.secret import random_text
from asgi_social.storage import schema
from asgi_social.storage.address import found
from asgi_social.storage.connections import Connections, Session
from asgi_social.storage.repository import LeaseSeconds, StoredAssociation, StoredUser
from asgi_social.storage.schema import social_association, social_flow, social_user
from asgi_social.storage.statements import (
    AT_REST,
    NEVER_REWRITTEN,
    OWN,
    READ,
    SEALED,
    Condition,
    behind,
    due_by,
    of_account,
    of_user,
    row_of,
    sealed_otherwise,
    unleased,
    values_of,
)

MAX_FORGOTTEN_KEYS = 100


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
        return await self._connections.read("find", lambda session: _one(session, of_account(backend, authority, uid)))

    async def get(self, association_id: str) -> StoredAssociation | None:
        """Give one association by its id, or None where it is gone."""
        return await self._connections.read("get", lambda session: _one(session, OWN.id == association_id))

    async def of_user(self, user_id: str, *, backend: str | None = None) -> list[StoredAssociation]:
        """Give a user's associations, of one backend or of all, oldest first."""
        query = _oldest_first(of_user(user_id, backend=backend, association_id=None))
        return await self._connections.read("of_user", lambda session: _rows(session, query))

    async def add(self, row: StoredAssociation) -> bool:
        """Store a new association; False, and nothing changed, where the account has one already."""
        return await self._connections.write("add", lambda session: self._added(session, row, operation="add"))

    async def add_each(self, rows: Sequence[StoredAssociation]) -> list[bool]:
        """Store several new associations in one transaction, and say of each whether it was, as ``add`` does."""
        if not rows:
            return []
        write_id = random_text(bits=128)
        values = [{**values_of(row), "write_id": write_id} for row in rows]
        insert = self._dialect.insert_new(social_association, values[0])
        query = sa.select(OWN.id, OWN.write_id).where(OWN.id.in_([row.id for row in rows]))

        async def work(session: Session) -> list[bool]:
            await session.do_many(insert, values)
            written = {found["id"]: found["write_id"] for found in await session.every(query)}
            if len({row.id for row in rows}) < len(rows) or set(written.values()) - {write_id}:
                raise _taken("add_each")
            return [row.id in written for row in rows]

        return await self._connections.write("add_each", work)

    async def save_tokens(self, row: StoredAssociation, *, replaces: int) -> bool:
        """Write what a renewal changes where the stored version is still ``replaces``; else False."""
        values = {name: value for name, value in values_of(row).items() if name not in NEVER_REWRITTEN}
        values |= {**AT_REST, "version": replaces + 1}
        return await self._written("save_tokens", row.id, OWN.version == replaces, values)

    async def lease(
        self, association_id: str, *, version: int, lease_id: str, seconds: LeaseSeconds
    ) -> StoredAssociation | None:
        """Take the right to renew an association for a while, by the database's clock."""
        now = self._dialect.now
        until = sa.case((OWN.sent_at.is_(None), now + seconds.fresh), else_=now + seconds.taking_over)
        is_free = (OWN.id == association_id) & (OWN.version == version) & unleased(now)
        query = sa.update(social_association).where(is_free).values(lease_id=lease_id, lease_until=until)

        async def work(session: Session) -> StoredAssociation | None:
            await session.do(query)
            return await _one(session, (OWN.id == association_id) & (OWN.lease_id == lease_id))

        return await self._connections.write("lease", work)

    async def mark_sent(self, association_id: str, *, version: int, lease_id: str) -> bool:
        """Set ``sent_at``; False where the lease or version is lost."""
        now = self._dialect.now
        is_held = (OWN.version == version) & (OWN.lease_id == lease_id) & ~unleased(now)
        return await self._written("mark_sent", association_id, is_held, {"sent_at": now})

    async def release(self, row: StoredAssociation, *, outcome: Literal["known", "unknown"]) -> None:
        """End a renewal without new tokens."""
        values = {name: getattr(row, name) for name in ("attempts", "next_attempt_at", "renew_at")}
        if outcome == "known":
            values |= {"lease_id": None, "lease_until": None, "sent_at": None}
        await self._written("release", row.id, OWN.lease_id == row.lease_id, values)

    async def due(
        self, *, backends: Collection[str], now: float, limit: int, after: tuple[float, str] | None = None
    ) -> list[StoredAssociation]:
        """Give associations to renew ahead of time, by ``renew_at`` and then by id."""
        is_due = OWN.backend.in_(list(backends)) & due_by(now, now=self._dialect.now) & behind(after)
        query = sa.select(*READ).where(is_due).order_by(OWN.renew_at, OWN.id).limit(limit)
        return await self._connections.read("due", lambda session: _rows(session, query))

    async def count(self, *, backends: Collection[str] | None = None, due_at: float | None = None) -> int:
        """Count associations: all, those of some backends, those of them that are due at a moment."""
        chosen = sa.true() if backends is None else OWN.backend.in_(list(backends))
        return await self._counted(
            "count", chosen if due_at is None else chosen & due_by(due_at, now=self._dialect.now)
        )

    async def count_sealed_otherwise(self, prefixes: Collection[str]) -> int:
        """Count the associations of which a sealed value begins with none of these."""
        return await self._counted("count_sealed_otherwise", sealed_otherwise(prefixes))

    async def page(self, *, after: str, limit: int) -> list[StoredAssociation]:
        """Give associations of whatever user in the order of their ids."""
        query = sa.select(*READ).where(OWN.id > after).order_by(OWN.id).limit(limit)
        return await self._connections.read("page", lambda session: _rows(session, query))

    async def reseal(self, row: StoredAssociation) -> bool:
        """Write what is sealed anew, where the version holds."""
        values = {name: getattr(row, name) for name in SEALED}
        return await self._written("reseal", row.id, OWN.version == row.version, values)

    async def remove(
        self, *, user_id: str, backend: str | None = None, association_id: str | None = None
    ) -> list[StoredAssociation]:
        """Delete a user's associations that match all that is given, and give what went, oldest first."""
        # Locked, so that what goes is what was read; by their ids, so that nothing else does.
        query = _oldest_first(of_user(user_id, backend=backend, association_id=association_id)).with_for_update()

        async def work(session: Session) -> list[StoredAssociation]:
            rows = await _rows(session, query)
            if rows:
                await session.do(sa.delete(social_association).where(OWN.id.in_([row.id for row in rows])))
            return rows

        return await self._connections.write("remove", work)

    async def spend(self, key: str, *, expires_at: float, now: float) -> bool:
        """Use up a key; True for the first caller only, in whatever process."""
        flow, write_id = social_flow.c, random_text(bits=128)
        # Those that another caller is forgetting just then are passed by, and not waited for.
        ended = sa.select(flow.digest).where(flow.expires_at < now).order_by(flow.expires_at).limit(MAX_FORGOTTEN_KEYS)
        ended = ended.with_for_update(skip_locked=True)
        insert = self._dialect.insert_new(social_flow, {"digest": key, "expires_at": expires_at, "write_id": write_id})

        async def work(session: Session) -> bool:
            digests = [record["digest"] for record in await session.every(ended)]
            is_ended = flow.digest.in_(digests) | ((flow.digest == key) & (flow.expires_at < now))
            await session.do(sa.delete(social_flow).where(is_ended))
            await session.do(insert)
            return bool(await session.value(sa.select(flow.write_id).where(flow.digest == key)) == write_id)

        return await self._connections.write("spend", work)

    async def user(self, user_id: str) -> StoredUser | None:
        """Give one user, or None."""
        query = sa.select(social_user).where(social_user.c.id == user_id)
        found = await self._connections.read("user", lambda session: session.first(query))
        return None if found is None else StoredUser(**{**found, "is_active": bool(found["is_active"])})

    async def add_user(self, user: StoredUser, association: StoredAssociation) -> bool:
        """Store a new user and their first association together, or neither."""
        values = {field.name: getattr(user, field.name) for field in fields(user)}

        async def work(session: Session) -> bool:
            if not await self._added(session, association, operation="add_user"):
                return False
            await session.do(sa.insert(social_user).values(**values))
            return True

        return await self._connections.write("add_user", work)

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
        async def work(session: Session) -> None:
            names, stored = await schema.stored_version(session.connection, self._dialect.tables)
            await schema.take(session.connection, self.steps, after=self._known(names, stored))

        await self._connections.migrate(operation, work)

    def _known(self, names: Collection[str], stored: int | None) -> int:
        return schema.known_version(names, stored, newest=len(self.steps), kind=self._dialect.kind)

    async def _counted(self, operation: str, condition: Condition) -> int:
        query = sa.select(sa.func.count()).select_from(social_association).where(condition)
        return int(await self._connections.read(operation, lambda session: session.value(query)))

    async def _written(
        self, operation: str, association_id: str, condition: Condition, values: Mapping[str, object]
    ) -> bool:
        """Write to an association where a condition holds, and say whether it did: the write's id is read back."""
        write_id = random_text(bits=128)
        chosen = (OWN.id == association_id) & condition
        update = sa.update(social_association).where(chosen).values(**values, write_id=write_id)
        # By the id too, which has an index.
        query = sa.select(OWN.id).where((OWN.id == association_id) & (OWN.write_id == write_id))

        async def work(session: Session) -> bool:
            await session.do(update)
            return await session.value(query) is not None

        return await self._connections.write(operation, work)

    async def _added(self, session: Session, row: StoredAssociation, *, operation: str) -> bool:
        write_id = random_text(bits=128)
        await session.do(self._insert_new(row, write_id))
        stored = await session.value(sa.select(OWN.write_id).where(OWN.id == row.id))
        if (
            stored not in {None, write_id}
            and await _one(session, of_account(row.backend, row.authority, row.uid)) is None
        ):
            raise _taken(operation)
        return bool(stored == write_id)

    def _insert_new(self, row: StoredAssociation, write_id: str) -> sa.Insert:
        return self._dialect.insert_new(social_association, {**values_of(row), "write_id": write_id})


def _taken(operation: str) -> StorageError:
    return StorageError(f"{operation}: an association with this id is stored already", operation=operation)


def _oldest_first(condition: Condition) -> sa.Select[Any]:
    return sa.select(*READ).where(condition).order_by(OWN.created_at, OWN.id)


async def _one(session: Session, condition: Condition) -> StoredAssociation | None:
    found = await session.first(sa.select(*READ).where(condition))
    return None if found is None else row_of(found)


async def _rows(session: Session, query: sa.Select[Any]) -> list[StoredAssociation]:
    return [row_of(found) for found in await session.every(query)]
