"""SQLite, through aiosqlite: a file that any number of processes of one machine may share.

One connection is held from open to close, and one caller at a time has it: a connection and a thread for each query
would cost ten times the query. What more than one statement does is done inside ``BEGIN IMMEDIATE``, which waits for
the writers of other processes, where a deferred transaction is told that the database is locked.
"""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from databases import Database
from databases.interfaces import ConnectionBackend
from sqlalchemy.dialects import sqlite

from asgi_social.storage.dialect import Dialect, Failure, Lend, connection_of
from asgi_social.storage.schema import VERSION

BUSY_SECONDS = 10
MAX_SECONDS_WAITED = 5.0
_WAL_TRIES = 5
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('social_schema', 'social_association')"
# ValueError: text that is no UTF-8, or a stored value that is no JSON. OverflowError: a number of more than 64 bits.
# What the system says of a file comes as sqlite3.Error, and SQLAlchemy only writes the statements here.
_ERRORS = (sqlite3.Error, ValueError, OverflowError)


@asynccontextmanager
async def connected(database: Database) -> AsyncIterator[Lend]:
    """Hold a connection, and lend it to one task at a time.

    As a generator it is also ended by the event loop, when the app ends without closing its repository; the
    connection's thread would keep the process from ending.
    """
    lock = asyncio.Lock()
    connection = connection_of(database)

    @asynccontextmanager
    async def lend() -> AsyncIterator[ConnectionBackend]:
        async with lock:
            is_well = False
            try:
                yield connection
                is_well = True
            finally:
                if not is_well:
                    # This is in the queue of the connection's thread, behind what a cancelled caller left in it, before
                    # the first await: a second cancellation, or the next caller, comes too late to be in between.
                    await connection.raw_connection.rollback()

    await _acquire(connection)
    try:
        await connection.execute(sa.text(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}"))
        await _use_wal(connection)
        yield lend
    finally:
        try:
            await lock.acquire()  # once the present caller is done, and those behind it
        finally:
            await connection.release()


async def _acquire(connection: ConnectionBackend) -> None:
    """Open the file; where that does not succeed, wait for the end of the thread, which aiosqlite does not.

    In an event loop that ended before it, the thread would end with a traceback on the person's terminal.
    """
    before = set(threading.enumerate())
    try:
        await connection.acquire()
    except sqlite3.Error:
        for thread in set(threading.enumerate()) - before:
            await asyncio.to_thread(thread.join, MAX_SECONDS_WAITED)
        raise


async def _use_wal(connection: ConnectionBackend) -> None:
    """Let readers and a writer work at once; the file remembers it.

    This statement does not wait for a lock as others do: with another process at it or writing, it is told at once
    that the database is locked. BEGIN IMMEDIATE does wait, so it stands in line here.
    """
    for _ in range(_WAL_TRIES):
        try:
            await connection.execute(sa.text("PRAGMA journal_mode = WAL"))
            return
        except sqlite3.OperationalError:
            await connection.execute(sa.text("BEGIN IMMEDIATE"))
            await connection.execute(sa.text("ROLLBACK"))
    await connection.execute(sa.text("PRAGMA journal_mode = WAL"))


def stored(database: Database) -> tuple[set[str], int | None]:
    """Read which of our tables there are, and their version if any; no file is made or changed."""
    return _stored(Path(database.url.database))


def _stored(path: Path) -> tuple[set[str], int | None]:
    file = path.absolute()
    if not file.exists():
        return set(), None
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        names = {row[0] for row in connection.execute(_TABLES)}
        return names, connection.execute(VERSION).fetchone()[0] if "social_schema" in names else None


@asynccontextmanager
async def alone(connection: ConnectionBackend) -> AsyncIterator[None]:  # noqa: ARG001  # as the servers have it
    """Do nothing: BEGIN IMMEDIATE keeps every other writer out."""
    yield


def insert_new(table: sa.Table, values: Mapping[str, object]) -> sa.Insert:
    """Give an INSERT that does nothing where a unique key is taken."""
    return sqlite.insert(table).values(**values).on_conflict_do_nothing()


async def run(connection: ConnectionBackend, text: str, values: Sequence[object]) -> Iterable[Sequence[Any]]:
    """Run a statement, and give its rows."""
    rows: Iterable[Sequence[Any]] = await connection.raw_connection.execute_fetchall(text, values)
    return rows


async def run_many(connection: ConnectionBackend, text: str, values: Sequence[Sequence[object]]) -> None:
    """Run a statement for many rows."""
    await connection.raw_connection.executemany(text, values)


def failure(error: Exception) -> Failure:
    """Say what an error means: another process has the file for longer than is waited for, or something else."""
    return "collided" if code(error).startswith("SQLITE_BUSY") else "refused"


def code(error: Exception) -> str:
    """Give SQLite's own name for an error."""
    return getattr(error, "sqlite_errorname", type(error).__name__)


DIALECT = Dialect(
    kind="SQLite",
    options={},
    now=sa.literal_column("(julianday('now') - 2440587.5) * 86400.0", sa.Double),  # to a millisecond
    tables=_TABLES,
    begin=("BEGIN IMMEDIATE",),
    insert_new=insert_new,
    words=sqlite.dialect(paramstyle="qmark"),
    run=run,
    run_many=run_many,
    has_returning=False,  # SQLite of before 3.35 has none
    errors=_ERRORS,
    failure=failure,
    code=code,
    connected=connected,
    stored=stored,
    alone=alone,
    seconds=None,
    is_migrated_at_start=True,
)
