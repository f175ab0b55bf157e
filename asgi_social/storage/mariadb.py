"""MariaDB, through asyncmy.

asyncmy and not aiomysql, as of November 2026: it has had six releases in four months, where aiomysql has had none in
a year; wheels for Python 3.11 to 3.15; and no packages ``docs`` and ``examples``, which aiomysql 0.3.2 puts in
site-packages. Its one advisory (CVE-2025-65896: the keys of a dict given as a value; none is given here) is
mended since 0.2.12, and since 0.2.13 it closes a connection that a cancelled caller left half read.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncmy.errors
import sqlalchemy as sa
from databases.interfaces import ConnectionBackend
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects.mysql import pymysql

from asgi_social.errors import SettingsError, StorageError
from asgi_social.storage.dialect import Dialect, Failure, pooled

CONNECT_SECONDS = 5
LOCK_SECONDS = 600
LOCK_NAME = "concat('asgi_social:', left(md5(database()), 32))"
# RuntimeError: of a pool that is closed just then. The others as for PostgreSQL.
_ERRORS = (asyncmy.errors.MySQLError, OSError, RuntimeError, ValueError, OverflowError)
_COLLIDED = {1020, 1205, 1213}  # a row changed since it was read; a lock was waited for too long; a deadlock
_LOST = {1053, 1152, 1158, 1159, 1160, 1161, 1184, 1317, 1927, 2002, 2003, 2006, 2013, 2014, 2055}

_TABLES = (
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = database() "
    "AND table_name IN ('social_schema', 'social_association')"
)


async def check(connection: ConnectionBackend) -> None:
    """Raise ``SettingsError`` where text that is too long would be cut off."""
    mode = await connection.fetch_val(sa.text("SELECT @@sql_mode"))
    if "STRICT_ALL_TABLES" not in mode and "STRICT_TRANS_TABLES" not in mode:
        raise SettingsError(
            "the database cuts off text that is too long, so that two people may become one",
            hint="set sql_mode to STRICT_ALL_TABLES for the server or in init_command, or pass the URL alone",
            setting="database",
            allowed="MariaDB with STRICT_ALL_TABLES or STRICT_TRANS_TABLES in its sql_mode",
        )


connected = pooled(errors=_ERRORS, discard=lambda raw: raw.close(), check=check)


@asynccontextmanager
async def alone(connection: ConnectionBackend, *, seconds: int = LOCK_SECONDS) -> AsyncIterator[None]:
    """Have a lock of the server; it ends with the connection at the latest."""
    if await connection.fetch_val(sa.text(f"SELECT get_lock({LOCK_NAME}, {seconds})")) != 1:
        raise StorageError("migrate: another process is migrating, and does not end", operation="migrate")
    yield
    await connection.execute(sa.text(f"DO release_lock({LOCK_NAME})"))


def insert_new(table: sa.Table, values: Mapping[str, object]) -> sa.Insert:
    """Give an INSERT that does nothing where a unique key is taken; IGNORE would cut off text that is too long."""
    return mysql.insert(table).values(**values).on_duplicate_key_update(write_id=table.c.write_id)


async def run(connection: ConnectionBackend, text: str, values: Sequence[object]) -> Iterable[Sequence[Any]]:
    """Run a statement, and give its rows."""
    async with connection.raw_connection.cursor() as cursor:
        await cursor.execute(text, values)
        rows: Iterable[Sequence[Any]] = await cursor.fetchall()
        return rows


async def run_many(connection: ConnectionBackend, text: str, values: Sequence[Sequence[object]]) -> None:
    """Run a statement for many rows."""
    async with connection.raw_connection.cursor() as cursor:
        await cursor.executemany(text, values)


def failure(error: Exception) -> Failure:
    """Say what an error means."""
    number = error.args[0] if error.args else None
    if number in _COLLIDED:
        return "collided"
    is_lost = number in _LOST or isinstance(error, OSError | asyncmy.errors.InterfaceError | RuntimeError)
    return "lost" if is_lost else "refused"


def code(error: Exception) -> str:
    """Give the name and, where there is one, the number of an error."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else ""
    return f"{type(error).__name__} {number}".rstrip()


DIALECT = Dialect(
    kind="MariaDB",
    options={
        "min_size": 1,
        "max_size": 10,
        "connect_timeout": CONNECT_SECONDS,
        # Strict, or text that is too long is cut off, and two people may become one.
        "init_command": "SET SESSION sql_mode = concat(@@sql_mode, ',STRICT_ALL_TABLES')",
    },
    # Not UNIX_TIMESTAMP(NOW(6)), which jumps an hour when summer time ends.
    now=sa.literal_column("(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e6)", sa.Double),
    tables=_TABLES,
    begin=("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "START TRANSACTION"),
    insert_new=insert_new,
    words=pymysql.dialect(paramstyle="format"),
    run=run,
    run_many=run_many,
    has_returning=False,
    errors=_ERRORS,
    failure=failure,
    code=code,
    connected=connected,
    stored=None,
    alone=alone,
    seconds=10.0,
    is_migrated_at_start=False,
)
