"""Databases for tests: SQLite in a file, and one of its own on PostgreSQL and MariaDB for each run of the tests.

Those on the servers are made once, with the schema, and removed at the end; each test finds the tables empty.
"""

import asyncio
import secrets
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from databases import DatabaseURL

from asgi_social.storage.schema import metadata
from asgi_social.storage.sql import SqlRepository

POSTGRESQL = "postgresql+asyncpg://root@127.0.0.1:5432/"
MARIADB = "mysql+asyncmy://root@127.0.0.1:3306/"
_EMPTY = [f"DELETE FROM {table.name}" for table in metadata.sorted_tables if table.name != "social_schema"]  # noqa: S608  # ours


def raw(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Give what the last of some statements of another program gives; each is committed by itself."""
    with ThreadPoolExecutor(1) as another_thread:  # where no event loop is running
        return another_thread.submit(_raw, DatabaseURL(url), statements).result()


def _raw(url: DatabaseURL, statements: tuple[str, ...]) -> list[tuple[Any, ...]]:
    if url.dialect == "sqlite":
        with closing(sqlite3.connect(url.database, isolation_level=None)) as connection:
            return [connection.execute(statement).fetchall() for statement in statements][-1]
    return asyncio.run((_on_postgresql if url.dialect == "postgresql" else _on_mariadb)(url, statements))


async def _on_postgresql(url: DatabaseURL, statements: tuple[str, ...]) -> list[tuple[Any, ...]]:
    import asyncpg

    connection = await asyncpg.connect(url.replace(driver="")._url)
    try:
        return [[tuple(row) for row in await connection.fetch(statement)] for statement in statements][-1]
    finally:
        await connection.close()


async def _on_mariadb(url: DatabaseURL, statements: tuple[str, ...]) -> list[tuple[Any, ...]]:
    import asyncmy

    rows: list[tuple[Any, ...]] = []
    connection = await asyncmy.connect(
        host=url.hostname, port=url.port, user=url.username, db=url.database, autocommit=True
    )
    try:
        async with connection.cursor() as cursor:
            for statement in statements:
                await cursor.execute(statement)
                rows = list(await cursor.fetchall())
    finally:
        await connection.ensure_closed()
    return rows


def migrated(url: str) -> None:
    """Make our tables in a database."""
    with ThreadPoolExecutor(1) as another_thread:
        another_thread.submit(lambda: asyncio.run(SqlRepository(url).migrate())).result()


@pytest.fixture(scope="session")
def run_name() -> str:
    """What the databases of this run of the tests are called."""
    return f"asgi_social_{secrets.token_hex(6)}"


@pytest.fixture(scope="session")
def postgresql_database(run_name: str) -> Iterator[str]:
    raw(f"{POSTGRESQL}postgres", f"CREATE DATABASE {run_name} ENCODING 'UTF8' TEMPLATE template0")
    try:
        migrated(f"{POSTGRESQL}{run_name}")
        yield f"{POSTGRESQL}{run_name}"
    finally:
        raw(f"{POSTGRESQL}postgres", f"DROP DATABASE {run_name} WITH (FORCE)")


@pytest.fixture(scope="session")
def mariadb_database(run_name: str) -> Iterator[str]:
    raw(f"{MARIADB}test", f"CREATE DATABASE {run_name}")
    try:
        migrated(f"{MARIADB}{run_name}")
        yield f"{MARIADB}{run_name}"
    finally:
        raw(f"{MARIADB}test", f"DROP DATABASE {run_name}")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A file of SQLite with our tables."""
    url = f"sqlite+aiosqlite:///{tmp_path}/social.db"
    migrated(url)
    return url


@pytest.fixture
def postgresql_url(postgresql_database: str) -> str:
    """A database of PostgreSQL with our tables, all empty."""
    return _emptied(postgresql_database)


@pytest.fixture
def mariadb_url(mariadb_database: str) -> str:
    """A database of MariaDB with our tables, all empty."""
    return _emptied(mariadb_database)


SERVERS = [
    pytest.param("postgresql", marks=pytest.mark.postgresql),
    pytest.param("mariadb", marks=pytest.mark.mariadb),
]


@pytest.fixture(params=["sqlite", *SERVERS])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn, with our tables, all empty."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=SERVERS)
def server_url(request: pytest.FixtureRequest) -> str:
    """Each kind of database on a server in turn, with our tables, all empty."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def new_postgresql_url(postgresql_database: str) -> Iterator[str]:
    """A database of PostgreSQL with nothing in it, for tests that make or change tables."""
    with _new(postgresql_database, options=" ENCODING 'UTF8' TEMPLATE template0", force=" WITH (FORCE)") as url:
        yield url


@pytest.fixture
def new_mariadb_url(mariadb_database: str) -> Iterator[str]:
    """A database of MariaDB with nothing in it, for tests that make or change tables."""
    with _new(mariadb_database, options="", force="") as url:
        yield url


@pytest.fixture(params=SERVERS)
def new_server_url(request: pytest.FixtureRequest) -> str:
    """Each kind of server in turn, with a database that has nothing in it."""
    url: str = request.getfixturevalue(f"new_{request.param}_url")
    return url


@pytest.fixture(params=["sqlite", *SERVERS])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each kind of database in turn, with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/new.db"
    url: str = request.getfixturevalue(f"new_{request.param}_url")
    return url


@contextmanager
def _new(beside: str, *, options: str, force: str) -> Iterator[str]:
    url = DatabaseURL(beside)
    name = f"{url.database}_{secrets.token_hex(3)}"
    raw(beside, f"CREATE DATABASE {name}{options}")
    yield url.replace(database=name)._url
    raw(beside, f"DROP DATABASE {name}{force}")


def _emptied(url: str) -> str:
    raw(url, *_EMPTY)
    return url
