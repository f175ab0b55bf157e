"""A database of its own for a run, made with our schema on a server of this machine, and removed at the end."""

import contextlib
import secrets
from collections.abc import AsyncIterator
from typing import Literal

import asyncmy
import asyncpg

from asgi_social.storage.sql import SqlRepository

Kind = Literal["postgresql", "mariadb"]
URLS: dict[Kind, str] = {
    "postgresql": "postgresql+asyncpg://root@127.0.0.1:5432/",
    "mariadb": "mysql+asyncmy://root@127.0.0.1:3306/",
}


@contextlib.asynccontextmanager
async def fresh(kind: Kind) -> AsyncIterator[str]:
    """Give the URL of a new database."""
    name = f"asgi_social_bench_{secrets.token_hex(6)}"
    await _on_server(kind, f"CREATE DATABASE {name}")
    try:
        await SqlRepository(f"{URLS[kind]}{name}").migrate()
        yield f"{URLS[kind]}{name}"
    finally:
        await _on_server(kind, f"DROP DATABASE {name}" + (" WITH (FORCE)" if kind == "postgresql" else ""))


async def analyzed(url: str) -> None:
    """Let the server count what is in the table, as it does by itself after a while."""
    name = url.rpartition("/")[2]
    if url.startswith("postgresql"):
        await _on_server("postgresql", "VACUUM ANALYZE social_association", database=name)
    else:
        await _on_server("mariadb", "ANALYZE TABLE social_association", database=name)


async def _on_server(kind: Kind, statement: str, *, database: str | None = None) -> None:
    if kind == "postgresql":
        connection = await asyncpg.connect(f"postgresql://root@127.0.0.1:5432/{database or 'postgres'}")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
        return
    connection = await asyncmy.connect(host="127.0.0.1", user="root", db=database, autocommit=True)
    try:
        async with connection.cursor() as cursor:
            await cursor.execute(statement)
    finally:
        await connection.ensure_closed()
