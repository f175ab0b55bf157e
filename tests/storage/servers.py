"""Servers seen from outside: the driver watched at work, sessions killed, a server that does not answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from databases import Database, DatabaseURL

from tests.databases import raw

Before = Callable[[str, int], object]


def is_postgresql(url: str) -> bool:
    return DatabaseURL(url).dialect == "postgresql"


def kill(url: str, session: int) -> None:
    """Let the server end a session."""
    raw(url, f"SELECT pg_terminate_backend({session})" if is_postgresql(url) else f"KILL {session}")


def sessions(url: str) -> int:
    """Give how many connections others have to a database."""
    name = DatabaseURL(url).database
    postgresql = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"  # noqa: S608
    mariadb = f"SELECT count(*) FROM information_schema.processlist WHERE db = '{name}' AND id <> connection_id()"  # noqa: S608
    return int(raw(url, postgresql if is_postgresql(url) else mariadb)[0][0])


class Watched:
    """A database whose statements are told before they are run.

    Attributes:
        before: Called with each statement and the session of the server that it is for; what can be awaited is.
        statements: Those that were run.
    """

    def __init__(self, url: str, *, size: int = 1) -> None:
        self.url = url
        self.statements: list[str] = []
        self.before: Before = lambda statement, session: None
        self.database = Database(url, min_size=1, max_size=size, **self._option())

    def _option(self) -> dict[str, Any]:
        if is_postgresql(self.url):
            return {"connection_class": _asyncpg_class(self)}
        return {"cursor_cls": _asyncmy_class(self)}

    async def note(self, statement: str, session: int) -> None:
        self.statements.append(statement)
        waits = self.before(statement, session)
        if isinstance(waits, Awaitable):
            await waits

    def kill_at(self, word: str, *, times: int) -> None:
        """Let the server end the session just before a statement that begins with a word, so many times."""
        left = iter(range(times))

        def before(statement: str, session: int) -> None:
            if statement.startswith(word) and next(left, None) is not None:
                kill(self.url, session)

        self.before = before


@asynccontextmanager
async def refusing(url: str, *, postgresql: str, mariadb: str) -> AsyncIterator[None]:
    """Let each UPDATE of an association run a statement of the server's own language first, for a while."""
    body = f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {postgresql}; END $$"
    made = "CREATE TRIGGER refuse BEFORE UPDATE ON social_association FOR EACH ROW"
    makes = [body, f"{made} EXECUTE FUNCTION refuse()"] if is_postgresql(url) else [f"{made} {mariadb}"]
    # In another thread, so that the event loop goes on and really closes what is to be closed.
    await asyncio.to_thread(raw, url, *makes)
    try:
        yield
    finally:
        await asyncio.to_thread(
            raw, url, "DROP FUNCTION refuse CASCADE" if is_postgresql(url) else "DROP TRIGGER refuse"
        )


def _asyncpg_class(watched: Watched) -> type:
    import asyncpg

    class Connection(asyncpg.Connection):  # type: ignore[misc]  # it carries no types
        async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
            await watched.note(query, self.get_server_pid())
            return await super().fetch(query, *args, **options)

        async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
            await watched.note(query, self.get_server_pid())
            return await super().fetchrow(query, *args, **options)

        async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
            await watched.note(query, self.get_server_pid())
            return await super().fetchval(query, *args, **options)

    return Connection


def _asyncmy_class(watched: Watched) -> type:
    from asyncmy.cursors import Cursor

    class WatchedCursor(Cursor):
        async def execute(self, query: str, args: Any = None) -> Any:
            await watched.note(query, self.connection.thread_id())
            return await super().execute(query, args)

    return WatchedCursor
