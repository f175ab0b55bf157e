"""The tables of other libraries, read in pages and never written.

What a table means is not known here: rows come out as plain mappings, with whatever columns there are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, cast
from urllib.parse import quote

import sqlalchemy as sa
from databases import Database, DatabaseURL

from asgi_social.errors import SettingsError
from asgi_social.storage.address import found
from asgi_social.storage.dialect import connection_of
from asgi_social.storage.schema import Kind

Row = Mapping[str, object]

# A file of SQLite is opened read-only; a server is told that this session only reads.
_READ_ONLY: Mapping[Kind, str] = {
    "PostgreSQL": "SET default_transaction_read_only = on",
    "MariaDB": "SET SESSION TRANSACTION READ ONLY",
}


class OtherDatabase:
    """A database of which something is read. It is entered for use."""

    def __init__(self, url: str) -> None:
        """Check the URL; nothing is opened yet.

        Args:
            url: As the setting ``database`` takes it.

        Raises:
            SettingsError: It is no such URL, its driver is not installed, or its file is not there.
        """
        make, self._dialect = found(url)
        self._make = _reading(DatabaseURL(url).database) if self._dialect.kind == "SQLite" else make
        self._holding = AsyncExitStack()

    async def __aenter__(self) -> "OtherDatabase":
        """Connect.

        Raises:
            SettingsError: It does not open.
        """
        async with AsyncExitStack() as opening:
            with self._told("the database to read does not open", hint="look at its host, port, name and password"):
                database = self._make()
                await database.connect()
                opening.push_async_callback(database.disconnect)
                connection = connection_of(database)
                await connection.acquire()
                opening.push_async_callback(connection.release)
                self._connection = connection
                if (statement := _READ_ONLY.get(self._dialect.kind)) is not None:
                    await connection.execute(sa.text(statement))
            self._holding = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._holding.aclose()

    async def count(self, table: str) -> int:
        """Count the rows of a table.

        Raises:
            SettingsError: It cannot be read, which is so where it is not there.
        """
        [row] = await self._read(table, sa.select(sa.func.count().label("rows")).select_from(sa.table(table)))
        return cast(int, row["rows"])

    async def page(self, table: str, *, after: object, limit: int) -> list[Row]:
        """Give rows in the order of their ids, at most ``limit``.

        Args:
            table: Which.
            after: The id of the last one of the page before; None begins.
            limit: How many at most.

        Raises:
            SettingsError: The table cannot be read.
        """
        key: sa.ColumnClause[object] = sa.column("id")
        query = _all_of(table).order_by(key).limit(limit)
        return await self._read(table, query if after is None else query.where(key > after))

    async def matching(self, table: str, *, column: str, values: Sequence[object]) -> list[Row]:
        """Give the rows of which a column has one of some values, in the order of their ids.

        Raises:
            SettingsError: The table cannot be read.
        """
        query = _all_of(table).where(sa.column(column).in_(values)).order_by(sa.column("id"))
        return await self._read(table, query)

    async def _read(self, table: str, query: sa.Select[Any]) -> list[Row]:
        hint = "name the database that has the tables of that library, and a user who may read them"
        with self._told(f"the table {table} cannot be read", hint=hint):
            return [dict(record._mapping) for record in await self._connection.fetch_all(query)]

    @contextmanager
    def _told(self, what: str, *, hint: str) -> Iterator[None]:
        """Turn what the driver raises into an error; its own text may hold the password, so it goes."""
        try:
            yield
        except self._dialect.errors as error:
            raise _fault(f"{what}: {self._dialect.kind} answers {self._dialect.code(error)}", hint=hint) from None


def _all_of(table: str) -> sa.Select[Any]:
    # Not by their names: which columns there are depends on the version of that library.
    return sa.select(sa.literal_column("*")).select_from(sa.table(table))


def _reading(name: str) -> Callable[[], Database]:
    file = Path(name)
    if not file.is_file():
        raise _fault(
            "the file of the database to read is not there",
            hint="write sqlite:///their.db, with four slashes before an absolute path",
        )
    # The driver takes a file: URI, quoted once for it and once for databases; mode=ro makes and changes nothing.
    return lambda: Database(f"sqlite+aiosqlite:///{quote(file.absolute().as_uri())}?mode=ro", uri=True)


def _fault(message: str, *, hint: str) -> SettingsError:
    return SettingsError(message, hint=hint, setting="url", allowed="a database that can be read")
