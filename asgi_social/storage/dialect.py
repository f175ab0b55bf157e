"""What differs between the databases, as one value for each; the files beside this one fill it in.

Of ``databases`` three things are used: its URL, its pools, and a connection's way to run a statement of SQLAlchemy;
what is run often, or for many rows, goes to the driver's own connection.
Not ``Database.connection()``, which ties a connection to the task that asked for it: one that was lost inside a
transaction would be given to that task again and again. Not ``transaction()`` either, which loses its place in the pool
when it is cancelled; nor what ``execute()`` returns, which is a row's number as often as a count of rows: what was
written is read back by a ``write_id``.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from databases import Database
from databases.interfaces import ConnectionBackend

from asgi_social.errors import SettingsError
from asgi_social.storage.schema import Kind

# The right to use a connection for a while, with no other task at it. One that something went wrong on is not used
# again as it is, also when its user was cancelled: what was begun is undone first.
Lend = Callable[[], AbstractAsyncContextManager[ConnectionBackend]]

# lost: the connection broke. collided: another transaction was in the way, and this one was undone. refused: any other.
Failure = Literal["lost", "collided", "refused"]

CLOSE_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A kind of database.

    Attributes:
        kind: Its name, as a person reads it.
        tables: The query for the names of those of our tables that there are.
        options: What ``Database`` is given, where neither the app nor the URL says otherwise.
        now: The present moment by the database's clock, in epoch seconds, not as of the transaction's begin.
        begin: What begins a transaction in which each statement sees what was committed before it.
        insert_new: Gives an INSERT that does nothing where a unique key is taken.
        words: What writes a statement out once, and not at each call as ``databases`` does, with marks in an order.
        run: Runs such a statement with values in that order, and gives its rows.
        run_many: Runs it with the values of each of many rows, and gives nothing.
        has_returning: Whether an UPDATE can give what it changed.
        errors: What the driver raises.
        failure: Says what such an error means.
        code: Gives its code; never its text, which may hold a value of the row.
        connected: Opens a database, and gives what lends its connections.
        stored: Reads which of our tables there are, and their version if any, without changing anything; None where
            a connection is opened for it.
        alone: Gives what keeps other processes from migrating meanwhile; entered in a transaction, and left behind it.
        seconds: How long a call may take, tries included; None where what is waited for has a limit of its own.
        is_migrated_at_start: Whether opening brings the schema up to date.
    """

    kind: Kind
    tables: str
    options: Mapping[str, Any]
    now: sa.ColumnElement[float]
    begin: Sequence[str]
    insert_new: Callable[[sa.Table, Mapping[str, object]], sa.Insert]
    words: sa.Dialect
    run: Callable[[ConnectionBackend, str, Sequence[object]], Awaitable[Iterable[Sequence[Any]]]]
    run_many: Callable[[ConnectionBackend, str, Sequence[Sequence[object]]], Awaitable[None]]
    has_returning: bool
    errors: tuple[type[Exception], ...]
    failure: Callable[[Exception], Failure]
    code: Callable[[Exception], str]
    connected: Callable[[Database], AbstractAsyncContextManager[Lend]]
    stored: Callable[[Database], tuple[set[str], int | None]] | None
    alone: Callable[[ConnectionBackend], AbstractAsyncContextManager[None]]
    seconds: float | None
    is_migrated_at_start: bool


def connection_of(database: Database) -> ConnectionBackend:
    """Give a connection, not acquired yet, that ``databases`` ties to no task."""
    connection: ConnectionBackend = database._backend.connection()
    return connection


def refuse_rollback(database: Database) -> None:
    """Raise ``SettingsError`` for a database that undoes whatever is written."""
    if database._force_rollback:
        raise SettingsError(
            "the database is opened with force_rollback, in which no write is ever kept",
            hint="for tests, pass MemoryRepository() of asgi_social.testing",
            setting="database",
            allowed="a Database without force_rollback",
        )


def pooled(
    *,
    errors: tuple[type[Exception], ...],
    discard: Callable[[Any], object],
    check: Callable[[ConnectionBackend], Awaitable[None]],
) -> Callable[[Database], AbstractAsyncContextManager[Lend]]:
    """Give the ``connected`` of a database on a server, which has a pool.

    Args:
        errors: What the driver raises.
        discard: Ends a connection of the driver at once, unasked; the server then undoes what was not committed.
        check: Raises ``SettingsError`` where the server is set up in a way that loses something.
    """

    @asynccontextmanager
    async def connected(database: Database) -> AsyncIterator[Lend]:
        await database.connect()
        try:
            lend = lend_of(database)
            async with lend() as connection:
                await check(connection)
            yield lend
        finally:
            # As a generator this is also ended by an event loop that ends without a close: it leaves nothing open.
            with suppress(TimeoutError, *errors):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await database.disconnect()

    def lend_of(database: Database) -> Lend:
        @asynccontextmanager
        async def lend() -> AsyncIterator[ConnectionBackend]:
            connection = connection_of(database)
            await connection.acquire()
            is_well = False
            try:
                yield connection
                is_well = True
            finally:
                # Before the first await, so that no second cancellation comes in between: a connection in an unknown
                # state must not be given to the next one, and asking the server to undo would be to wait for it.
                if not is_well:
                    with suppress(*errors):  # of one that the pool has taken away already
                        discard(connection.raw_connection)
                with suppress(*errors):
                    await connection.release()

        return lend

    return connected
