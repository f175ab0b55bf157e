"""The store in a SQLite file, through ``databases`` and aiosqlite.

One connection is held from ``open`` to ``close``, and one caller at a time has it: a connection and a thread for each
query would cost ten times the query. What more than one statement does is done inside ``BEGIN IMMEDIATE``, which waits
for the writers of other processes, where a deferred transaction is told that the database is locked.

Of ``databases`` this room does not use ``transaction()``, which loses its place when it is cancelled, nor what
``execute()`` returns, which is a row's number as often as a count of rows.
"""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import fields
from pathlib import Path

import sqlalchemy as sa
from databases import Database, DatabaseURL
from databases.core import Connection
from databases.interfaces import Record

from asgi_social.errors import SettingsError, StorageError, cleaned
from asgi_social.secret import random_text
from asgi_social.storage.repository import StoredAssociation, StoredUser
from asgi_social.storage.schema import (
    STEPS,
    TABLES,
    VERSION,
    known_version,
    social_association,
    social_flow,
    social_user,
    upgrade,
)

BUSY_SECONDS = 10
MAX_FORGOTTEN_KEYS = 100
_WAL_TRIES = 5
_NEVER_REWRITTEN = {"id", "user_id", "backend", "authority", "uid", "created_at", "version"}
_READ = [column for column in social_association.c if column.name != "write_id"]
# ValueError: text that is no UTF-8, or a stored value that is no JSON. OverflowError: a number of more than 64 bits.
# What the system says of a file comes as sqlite3.Error, and SQLAlchemy only writes the statements here.
_DRIVER_ERRORS = (sqlite3.Error, ValueError, OverflowError)


class SqlRepository:
    """A ``Repository`` in a SQLite file, which any number of processes of one machine may share."""

    def __init__(self, database: str | Database) -> None:
        """Check where the data are; nothing is opened before ``open``.

        Args:
            database: ``sqlite+aiosqlite:///social.db``, or a ``Database`` with such a URL, which may be in use by the
                app: its connections are its own, and it is left connected where it was.

        Raises:
            SettingsError: It is not a file of SQLite.
        """
        _check_url(str(database.url) if isinstance(database, Database) else database)
        self._database = database if isinstance(database, Database) else Database(database)
        self._lock = asyncio.Lock()
        self._connection: Connection | None = None
        self._holding = AsyncExitStack()

    def version(self) -> int:
        """Give the number of the schema's last step in the file; 0 where there is no file, and none is made.

        It reads, and waits for the file as it does: it is for the command line, and for no event loop.

        Raises:
            SettingsError: The schema is newer than this code, or of no known version.
            StorageError: The file cannot be read.
        """
        file = Path(self._database.url.database).absolute()
        if not file.exists():
            return 0
        with _translated("version"), closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            names = {row[0] for row in connection.execute(TABLES)}
            stored = connection.execute(VERSION).fetchone()[0] if "social_schema" in names else None
        return known_version(names, stored, newest=len(STEPS))

    async def open(self) -> None:
        """Connect, and bring the schema up to date; a second call changes nothing.

        Raises:
            SettingsError: The schema is newer than this code, or of no known version.
            StorageError: The file cannot be opened or written.
        """
        async with self._lock:
            if self._connection is not None:
                return
            with _translated("open"):
                # gather() makes a task: databases ties a connection to the task that asked for it, and the caller's
                # task may have one in use, or ask for one later and be given ours.
                await asyncio.gather(self._holding.enter_async_context(self._held()))

    async def close(self) -> None:
        """Let go of the connection once the present caller is done with it; a second call does nothing."""
        async with self._lock:
            with _translated("close"):
                # In a task of its own too: databases forgets the connection of whichever task releases one.
                await asyncio.gather(self._holding.aclose())

    async def find(self, *, backend: str, authority: str, uid: str) -> StoredAssociation | None:
        """Give the association of an account, or None where it is nobody's."""
        async with self._alone("find") as connection:
            return await _one(connection, _is_account(backend, authority, uid))

    async def get(self, association_id: str) -> StoredAssociation | None:
        """Give one association by its id, or None where it is gone."""
        async with self._alone("get") as connection:
            return await _one(connection, social_association.c.id == association_id)

    async def of_user(self, user_id: str, *, backend: str | None = None) -> list[StoredAssociation]:
        """Give a user's associations, of one backend or of all, oldest first."""
        async with self._alone("of_user") as connection:
            return await _all(connection, _is_of_user(user_id, backend=backend, association_id=None))

    async def add(self, row: StoredAssociation) -> bool:
        """Store a new association; False, and nothing changed, where the account has one already."""
        async with self._transaction("add") as connection:
            return await _added(connection, row)

    async def save_tokens(self, row: StoredAssociation, *, replaces: int) -> bool:
        """Write what a renewal changes where the stored version is still ``replaces``; else False."""
        write_id = random_text(bits=128)
        is_replaced = (social_association.c.id == row.id) & (social_association.c.version == replaces)
        values = {name: value for name, value in _values(row).items() if name not in _NEVER_REWRITTEN}
        written = sa.select(social_association.c.version).where(
            social_association.c.id == row.id, social_association.c.write_id == write_id
        )
        async with self._transaction("save_tokens") as connection:
            await connection.execute(
                sa.update(social_association)
                .where(is_replaced)
                .values(**values, version=replaces + 1, write_id=write_id)
            )
            return await connection.fetch_val(written) is not None

    async def remove(
        self, *, user_id: str, backend: str | None = None, association_id: str | None = None
    ) -> list[StoredAssociation]:
        """Delete a user's associations that match all that is given, and give what went, oldest first."""
        goes = _is_of_user(user_id, backend=backend, association_id=association_id)
        async with self._transaction("remove") as connection:
            rows = await _all(connection, goes)
            await connection.execute(sa.delete(social_association).where(goes))
            return rows

    async def spend(self, key: str, *, expires_at: float, now: float) -> bool:
        """Use up a key; True for the first caller only, in whatever process."""
        digest = social_flow.c.digest
        ended = sa.select(digest).where(social_flow.c.expires_at < now).limit(MAX_FORGOTTEN_KEYS).subquery()
        async with self._transaction("spend") as connection:
            await connection.execute(sa.delete(social_flow).where(digest.in_(sa.select(ended.c.digest))))
            if await connection.fetch_val(sa.select(digest).where(digest == key)) is not None:
                return False
            await connection.execute(sa.insert(social_flow).values(digest=key, expires_at=expires_at))
            return True

    async def user(self, user_id: str) -> StoredUser | None:
        """Give one user, or None."""
        async with self._alone("user") as connection:
            record = await connection.fetch_one(sa.select(social_user).where(social_user.c.id == user_id))
            return None if record is None else StoredUser(**record._mapping)

    async def add_user(self, user: StoredUser, association: StoredAssociation) -> bool:
        """Store a new user and their first association together, or neither."""
        values = {field.name: getattr(user, field.name) for field in fields(user)}
        async with self._transaction("add_user") as connection:
            if not await _added(connection, association):
                return False
            await connection.execute(sa.insert(social_user).values(**values))
            return True

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[None]:
        """Hold a connection to a database whose schema is up to date.

        As a generator it is also ended by the event loop, when the app ends without closing its repository; the
        connection's thread would keep the process from ending.
        """
        is_connected_by_app = self._database.is_connected
        await self._database.connect()
        try:
            async with self._database.connection() as connection:
                await _prepare(connection)
                self._connection = connection
                yield
        finally:
            self._connection = None
            # A lock belongs to the loop it was waited for in, and the next open() may be in another.
            self._lock = asyncio.Lock()
            if not is_connected_by_app:
                await self._database.disconnect()

    @asynccontextmanager
    async def _alone(self, operation: str) -> AsyncIterator[Connection]:
        """Have the connection, with no other task at it."""
        async with self._lock:
            if self._connection is None:
                raise StorageError(f"{operation}: the repository is not open", operation=operation)
            with _translated(operation):
                yield self._connection

    @asynccontextmanager
    async def _transaction(self, operation: str) -> AsyncIterator[Connection]:
        """Have the connection, in a transaction that is committed at the end, or undone if it is not reached."""
        async with self._alone(operation) as connection:
            try:
                await connection.execute("BEGIN IMMEDIATE")
                yield connection
                await connection.execute("COMMIT")
            finally:
                # Nothing happens here after a COMMIT. Otherwise this is in the queue of the connection's thread,
                # behind what a cancelled caller left in it, before the first await: a second cancellation, or the
                # next caller, comes too late to be in between.
                await connection.raw_connection.rollback()


async def _prepare(connection: Connection) -> None:
    if connection.raw_connection.in_transaction:
        raise SettingsError(
            "the database is opened with force_rollback, in which no write is ever kept",
            hint="for tests, pass MemoryRepository() of asgi_social.testing",
            setting="database",
            allowed="a Database without force_rollback",
        )
    await connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    await _use_wal(connection)
    await connection.execute("BEGIN IMMEDIATE")
    await upgrade(connection)
    await connection.execute("COMMIT")


async def _use_wal(connection: Connection) -> None:
    """Let readers and a writer work at once; the file remembers it.

    This statement does not wait for a lock as others do: with another process at it or writing, it is told at once
    that the database is locked. BEGIN IMMEDIATE does wait, so it stands in line here.
    """
    for _ in range(_WAL_TRIES):
        try:
            await connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            await connection.execute("BEGIN IMMEDIATE")
            await connection.execute("ROLLBACK")
    await connection.execute("PRAGMA journal_mode = WAL")


@contextmanager
def _translated(operation: str) -> Iterator[None]:
    """Turn what the driver raises into ``StorageError``; its own text may hold a value of the row, so it goes."""
    try:
        yield
    except _DRIVER_ERRORS as error:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        raise StorageError(f"{operation}: SQLite answers {name}", operation=operation) from None


def _check_url(text: str) -> None:
    """Raise ``SettingsError`` unless a URL names a file of SQLite; a password in it is not shown."""
    try:
        url = DatabaseURL(text)
        scheme, host, further = url.scheme, url.netloc, url.components.query or url.components.fragment
    except ValueError:
        scheme, host, further = "", "", ""
    if scheme not in {"sqlite", "sqlite+aiosqlite"}:
        problem = f"the database is of the kind {cleaned(scheme)!r}, and only SQLite is supported"
    elif further:
        # databases makes the query a part of the file's name, and drops a fragment.
        problem = "the database's URL has a ? or # with something behind it, which would change the file's name"
    elif host:
        problem = "the database's URL has two slashes before the file, which makes its first part a host"
    elif url.database in {"", ":memory:"}:
        problem = "the database's URL names no file, and what is in memory is lost with its connection"
    else:
        return
    raise SettingsError(
        problem,
        hint="write sqlite+aiosqlite:///social.db (four slashes before an absolute path), or pass a Repository of the "
        "app's own; for tests, MemoryRepository() of asgi_social.testing",
        setting="database",
        allowed="sqlite+aiosqlite:///<file>, or a Repository",
    )


async def _added(connection: Connection, row: StoredAssociation) -> bool:
    if await _one(connection, _is_account(row.backend, row.authority, row.uid)) is not None:
        return False
    await connection.execute(sa.insert(social_association).values(**_values(row), write_id=random_text(bits=128)))
    return True


async def _one(connection: Connection, condition: sa.ColumnElement[bool]) -> StoredAssociation | None:
    record = await connection.fetch_one(sa.select(*_READ).where(condition))
    return None if record is None else _row(record)


async def _all(connection: Connection, condition: sa.ColumnElement[bool]) -> list[StoredAssociation]:
    query = sa.select(*_READ).where(condition).order_by(social_association.c.created_at, social_association.c.id)
    return [_row(record) for record in await connection.fetch_all(query)]


def _is_account(backend: str, authority: str, uid: str) -> sa.ColumnElement[bool]:
    table = social_association.c
    return (table.backend == backend) & (table.authority == authority) & (table.uid == uid)


def _is_of_user(user_id: str, *, backend: str | None, association_id: str | None) -> sa.ColumnElement[bool]:
    condition: sa.ColumnElement[bool] = social_association.c.user_id == user_id
    if backend is not None:
        condition &= social_association.c.backend == backend
    if association_id is not None:
        condition &= social_association.c.id == association_id
    return condition


def _values(row: StoredAssociation) -> dict[str, object]:
    values: dict[str, object] = {field.name: getattr(row, field.name) for field in fields(row)}
    return values | {"scope": json.dumps(list(row.scope))}


def _row(record: Record) -> StoredAssociation:
    values = dict(record._mapping)
    return StoredAssociation(**values | {"scope": tuple(json.loads(values["scope"]))})
