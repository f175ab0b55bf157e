"""PostgreSQL, through asyncpg."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import sqlalchemy as sa
from databases.interfaces import ConnectionBackend
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import asyncpg as numbered

from asgi_social.storage.dialect import Dialect, Failure, pooled

CONNECT_SECONDS = 5.0
# ValueError: of what is no UTF-8, or no JSON. OSError: what the system says of the network; TimeoutError is one.
_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    ValueError,
    OverflowError,
)
_LOCK = 0x61736769_736F6369  # "asgisoci": the number of our advisory lock

_TABLES = (
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = ANY (current_schemas(false)) "
    "AND tablename IN ('social_schema', 'social_association')"
)


async def check(connection: ConnectionBackend) -> None:
    """Ask for nothing but an answer: no setting of a server loses anything."""
    await connection.fetch_val(sa.text("SELECT 1"))


connected = pooled(errors=_ERRORS, discard=lambda raw: raw.terminate(), check=check)


@asynccontextmanager
async def alone(connection: ConnectionBackend) -> AsyncIterator[None]:
    """Have the lock up to the end of the transaction."""
    await connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    yield


def insert_new(table: sa.Table, values: Mapping[str, object]) -> sa.Insert:
    """Give an INSERT that does nothing where a unique key is taken."""
    return postgresql.insert(table).values(**values).on_conflict_do_nothing()


async def leave(connection: object) -> None:
    """Leave a connection as it is when it goes back to the pool, which would ask the server to undo what is set.

    Nothing is ever set in one, no lock or cursor outlives its transaction, and one that is in a transaction is ended.
    """


async def run(connection: ConnectionBackend, text: str, values: Sequence[object]) -> Iterable[Sequence[Any]]:
    """Run a statement, and give its rows."""
    rows: Iterable[Sequence[Any]] = await connection.raw_connection.fetch(text, *values)
    return rows


async def run_many(connection: ConnectionBackend, text: str, values: Sequence[Sequence[object]]) -> None:
    """Run a statement for many rows."""
    await connection.raw_connection.executemany(text, values)


def failure(error: Exception) -> Failure:
    """Say what an error means."""
    match error:
        # A statement that was prepared before a migration is prepared anew on another connection.
        case asyncpg.SerializationError() | asyncpg.DeadlockDetectedError() | asyncpg.InvalidCachedStatementError():
            return "collided"
        case ValueError():  # of a value that it cannot send, which is an InterfaceError too
            return "refused"
        case (
            asyncpg.PostgresConnectionError()
            | asyncpg.AdminShutdownError()
            | asyncpg.CrashShutdownError()
            | asyncpg.InterfaceError()
            | OSError()
        ):
            return "lost"
    return "refused"


def code(error: Exception) -> str:
    """Give the name of an error, which is that of its SQLSTATE."""
    return type(error).__name__


DIALECT = Dialect(
    kind="PostgreSQL",
    options={"min_size": 1, "max_size": 10, "timeout": CONNECT_SECONDS, "reset": leave},
    # clock_timestamp, for now() is when the transaction began, before it waited for the row.
    now=sa.literal_column("CAST(extract(epoch FROM clock_timestamp()) AS double precision)", sa.Double),
    tables=_TABLES,
    begin=("BEGIN ISOLATION LEVEL READ COMMITTED",),
    insert_new=insert_new,
    words=numbered.dialect(),  # type: ignore[no-untyped-call]  # it carries no types
    run=run,
    run_many=run_many,
    has_returning=True,
    errors=_ERRORS,
    failure=failure,
    code=code,
    connected=connected,
    stored=None,
    alone=alone,
    seconds=10.0,
    is_migrated_at_start=False,
)
