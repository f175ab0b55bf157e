"""Calls on a database: its connections from open to close, transactions, and a second try where that is safe."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, closing, nullcontext
from typing import TypeVar

import sqlalchemy as sa
from databases import Database
from databases.interfaces import ConnectionBackend
from sqlalchemy.sql import ClauseElement, visitors

from asgi_social.errors import StorageError
from asgi_social.secret import fraction
from asgi_social.storage.dialect import Dialect, Lend
from asgi_social.storage.schema import stored_version
from asgi_social.storage.work import Asked, Bound, Many, Rows, Work

T = TypeVar("T")

# Between the tries, of which there are one more; each is shortened at random, so that two do not meet again.
_PAUSES = (0.05, 0.25)


class Connections:
    """What a repository asks its database by."""

    def __init__(self, make: Callable[[], Database], dialect: Dialect) -> None:
        """Begin closed.

        Args:
            make: Gives a database that nobody has connected, and nobody else will.
            dialect: Of that database.
        """
        self._make = make
        self._dialect = dialect
        self._renew(None)

    def _renew(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Begin anew in an event loop; another one that was there has ended what was held in it, or is dead."""
        self._loop = loop
        self._lend: Lend | None = None
        self._changing = asyncio.Lock()
        self._held = AsyncExitStack()

    async def open(self, prepare: Callable[[], Awaitable[None]]) -> None:
        """Connect, and prepare the database; a second call does nothing.

        Args:
            prepare: Awaited when there are connections; where it raises, they are let go of.
        """
        if self._loop is not (loop := asyncio.get_running_loop()):
            self._renew(loop)
        async with self._changing:
            if self._lend is not None:
                return
            async with AsyncExitStack() as held:
                lend = await self._tried(
                    "open",
                    lambda: held.enter_async_context(self._dialect.connected(self._make())),
                    seconds=self._dialect.seconds,
                )
                held.callback(self._set, None)
                self._set(lend)
                await prepare()
                self._held = held.pop_all()

    async def close(self) -> None:
        """Let go of the connections once the present callers are done; a second call does nothing."""
        if self._loop is asyncio.get_running_loop():
            async with self._changing:
                await self._tried("close", self._held.aclose, seconds=self._dialect.seconds)

    async def read(self, operation: str, work: Callable[[], Work[T]]) -> T:
        """Give what some reading gives."""

        async def once() -> T:
            async with self._lent(operation)() as connection:
                return await self._played(connection, work())

        return await self._tried(operation, once, seconds=self._dialect.seconds)

    async def write(self, operation: str, work: Callable[[], Work[T]]) -> T:
        """Do some work in a transaction, and give what it gives once that is committed.

        Args:
            operation: What an error calls it.
            work: Made anew for each try, so that nothing outside the database may happen in it.
        """

        async def once() -> T:
            async with self._lent(operation)() as connection:
                return await self._committed(operation, connection, work, inside=nullcontext())

        return await self._tried(operation, once, seconds=self._dialect.seconds)

    async def migrate(self, operation: str, work: Callable[[], Work[None]]) -> None:
        """Do some work in a transaction, however long it takes, while no other process migrates."""

        async def once() -> None:
            async with self._lent(operation)() as connection:
                await self._committed(operation, connection, work, inside=self._dialect.alone(connection))

        await self._tried(operation, once, seconds=None)

    async def stored(self) -> tuple[set[str], int | None]:
        """Give which of our tables there are, and their version if any; it needs no open, and changes nothing."""

        async def once() -> tuple[set[str], int | None]:
            if self._dialect.stored is not None:
                return self._dialect.stored(self._make())
            async with self._dialect.connected(self._make()) as lend, lend() as connection:
                return await self._played(connection, stored_version(self._dialect.tables))

        return await self._tried("version", once, seconds=self._dialect.seconds)

    async def _committed(
        self,
        operation: str,
        connection: ConnectionBackend,
        work: Callable[[], Work[T]],
        *,
        inside: AbstractAsyncContextManager[None],
    ) -> T:
        for statement in self._dialect.begin:
            await self._dialect.run(connection, statement, ())
        async with inside:
            result = await self._played(connection, work())
            try:
                await self._dialect.run(connection, "COMMIT", ())
            except self._dialect.errors as error:
                if self._dialect.failure(error) == "lost":
                    # A second try would not know of the first one.
                    raise self._error(operation, "broke off at COMMIT, which may have come about") from None
                raise
        return result

    async def _tried(self, operation: str, call: Callable[[], Awaitable[T]], *, seconds: float | None) -> T:
        """Give what a call gives, by a further try where the database undid the last one or the connection was lost."""
        try:
            async with asyncio.timeout(seconds):
                for pause in _PAUSES:
                    try:
                        return await call()
                    except self._dialect.errors as error:
                        if self._dialect.failure(error) == "refused":
                            raise self._error(operation, f"answers {self._dialect.code(error)}") from None
                    await asyncio.sleep(pause * fraction())
                return await self._last(operation, call)
        except TimeoutError:
            raise self._error(operation, f"does not answer within {seconds:g} s") from None

    async def _last(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        try:
            return await call()
        except self._dialect.errors as error:
            raise self._error(operation, f"answers {self._dialect.code(error)}") from None

    async def _played(self, connection: ConnectionBackend, work: Work[T]) -> T:
        """Run what some work asks, and give what it gives."""
        with closing(work):
            try:
                asked = next(work)
                while True:
                    asked = work.send(await self._answer(connection, asked))
            except StopIteration as end:
                result: T = end.value
                return result

    async def _answer(self, connection: ConnectionBackend, asked: Asked) -> Rows:
        if isinstance(asked, Many):
            each = [asked.statement.arguments(row) for row in asked.rows]
            for arguments in each:
                _check_each(arguments)
            await self._dialect.run_many(connection, asked.statement.text, each)
            return []
        if isinstance(asked, Bound):
            arguments = asked.statement.arguments(asked.values)
            _check_each(arguments)
            found = await self._dialect.run(connection, asked.statement.text, arguments)
            return [dict(zip(asked.statement.columns, row, strict=True)) for row in found]
        _check(asked)
        if isinstance(asked, sa.Select | sa.TextualSelect):
            return [dict(record._mapping) for record in await connection.fetch_all(asked)]
        await connection.execute(asked)
        return []

    def _lent(self, operation: str) -> Lend:
        if self._lend is None or self._loop is not asyncio.get_running_loop():
            raise StorageError(f"{operation}: the repository is not open", operation=operation)
        return self._lend

    def _set(self, lend: Lend | None) -> None:
        self._lend = lend

    def _error(self, operation: str, what: str) -> StorageError:
        return StorageError(f"{operation}: {self._dialect.kind} {what}", operation=operation)


def _check(query: ClauseElement) -> None:
    for element in visitors.iterate(query):
        if isinstance(element, sa.BindParameter):
            _check_each(element.value if isinstance(element.value, list) else (element.value,))


def _check_each(values: Iterable[object]) -> None:
    """Raise ``UnicodeEncodeError`` where a value is no text of Unicode, which asyncmy would send as other text."""
    for value in values:
        if isinstance(value, str):
            value.encode()
