"""Ways in which workers could share rows, in bare SQL: is the lease alone good enough, or are batches better?

``lease alone``: pages of what is due are read by each worker, from the oldest on, and gone through in an order of its
own; each row is claimed by a conditional UPDATE that writes a lease, and a SELECT by that lease. ``lease, ring`` is the
same, but begins at a random moment between the oldest and now, and goes on with the oldest. ``skip locked`` claims a
whole page in one transaction: SELECT … FOR UPDATE SKIP LOCKED, and one UPDATE that writes the lease to all; the engine
does so for as many rows as it can begin right then, so that no lease waits. Each way a row is then worked on for so
long, and written once more as done; 20 are worked on at a time.

``python -m benchmarks.sweeps.claims <database> <way> <milliseconds>``; it begins once its parent says so.
"""

import asyncio
import contextlib
import json
import secrets
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any, Protocol

import asyncmy
import asyncpg
from databases import DatabaseURL

from asgi_social.secret import random_text
from benchmarks.processes import together
from benchmarks.sweeps.worker import AT_ONCE, cpu_seconds

WAYS = ["lease alone", "lease, ring", "skip locked"]
PAGE = 100
POOL = 10
_POSTGRESQL_NOW = "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"
_MARIADB_NOW = "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e6)"
_DUE = (
    "SELECT * FROM social_association WHERE backend = 'example' AND status = 'active' AND renew_at <= {now} "
    "AND (next_attempt_at IS NULL OR next_attempt_at <= {now}) AND (lease_until IS NULL OR lease_until <= {now})"
)
_ORDER = f" ORDER BY renew_at, id LIMIT {PAGE}"
_LEASE = "UPDATE social_association SET lease_id = %s, lease_until = {now} + 30 WHERE "
_DONE = (
    "UPDATE social_association SET renew_at = renew_at + 3600, version = version + 1, lease_until = NULL WHERE id = %s"
)

Row = dict[str, Any]


class Statements(Protocol):
    """A connection, in a transaction."""

    async def __call__(self, statement: str, *values: object) -> list[Row]:
        """Run a statement, whose values are marked by %s, and give its rows."""


class Counted:
    """The statements of one worker, on a pool of its own.

    Attributes:
        statements: How many there were, without those that begin and end a transaction.
        wasted: How many of them found nothing because of another worker.
    """

    def __init__(self, pool: Any, *, is_postgresql: bool) -> None:
        self._pool = pool
        self._is_postgresql = is_postgresql
        self.statements = 0
        self.wasted = 0

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Statements]:
        """Have a connection, in a transaction of the isolation that the engine uses."""
        async with self._pool.acquire() as connection:
            if self._is_postgresql:
                async with connection.transaction(isolation="read_committed"):
                    yield self._postgresql(connection)
                return
            async with connection.cursor(asyncmy.cursors.DictCursor) as cursor:
                await cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
                await cursor.execute("START TRANSACTION")
                yield self._mariadb(cursor)
                await cursor.execute("COMMIT")

    async def once(self, statement: str, *values: object) -> list[Row]:
        """Run a statement in a transaction of its own."""
        async with self.transaction() as run:
            return await run(statement, *values)

    def _postgresql(self, connection: Any) -> Statements:
        async def run(statement: str, *values: object) -> list[Row]:
            self.statements += 1
            first, *rest = statement.replace("{now}", _POSTGRESQL_NOW).split("%s")
            numbered = first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))
            return [dict(row) for row in await connection.fetch(numbered, *values)]

        return run

    def _mariadb(self, cursor: Any) -> Statements:
        async def run(statement: str, *values: object) -> list[Row]:
            self.statements += 1
            await cursor.execute(statement.replace("{now}", _MARIADB_NOW), values)
            return list(await cursor.fetchall()) if cursor.description else []

        return run


@contextlib.asynccontextmanager
async def opened(database: str) -> AsyncIterator[Counted]:
    """Open a pool."""
    url = DatabaseURL(database)
    if url.dialect == "postgresql":
        async with asyncpg.create_pool(url.replace(driver="")._url, min_size=POOL, max_size=POOL) as pool:
            yield Counted(pool, is_postgresql=True)
        return
    place: dict[str, Any] = {"host": url.hostname, "port": url.port, "user": url.username, "db": url.database}
    async with asyncmy.create_pool(**place, minsize=POOL, maxsize=POOL, autocommit=True) as pool:
        yield Counted(pool, is_postgresql=False)


async def by_lease(counted: Counted, *, is_ring: bool) -> AsyncGenerator[Row, None]:
    """Give rows that are due, none of them claimed; as a ring from a random place on, else from the oldest on."""
    start = None
    if is_ring and (oldest := await counted.once(f"{_DUE}{_ORDER}")):
        begins_at, now = oldest[0]["renew_at"], time.time()
        start = begins_at + (now - begins_at) * secrets.randbelow(1 << 20) / (1 << 20)
        async for row in _pages(counted, after=(start, start, "")):
            yield row
    async for row in _pages(counted, after=()):
        yield row


async def _pages(counted: Counted, *, after: Sequence[object]) -> AsyncGenerator[Row, None]:
    while True:
        behind = " AND (renew_at > %s OR (renew_at = %s AND id > %s))" if after else ""
        page = await counted.once(f"{_DUE}{behind}{_ORDER}", *after)
        if not page:
            return
        after = (page[-1]["renew_at"], page[-1]["renew_at"], page[-1]["id"])
        secrets.SystemRandom().shuffle(page)
        for row in page:
            yield row


async def leased(counted: Counted, row: Row) -> bool:
    """Claim one row."""
    lease_id, free = random_text(bits=128), "id = %s AND version = %s AND (lease_until IS NULL OR lease_until <= {now})"
    async with counted.transaction() as run:
        await run(f"{_LEASE}{free}", lease_id, row["id"], row["version"])
        found = await run("SELECT * FROM social_association WHERE id = %s AND lease_id = %s", row["id"], lease_id)
    counted.wasted += 0 if found else 2
    return bool(found)


async def by_skip_locked(counted: Counted) -> AsyncGenerator[Row, None]:
    """Give rows that are due, claimed by the page."""
    while True:
        async with counted.transaction() as run:
            page = await run(f"{_DUE}{_ORDER} FOR UPDATE SKIP LOCKED")
            if page:
                marks = ", ".join(["%s"] * len(page))
                await run(f"{_LEASE}id IN ({marks})", random_text(bits=128), *[row["id"] for row in page])
        if not page:
            counted.wasted += 1
            return
        for row in page:
            yield row


async def main() -> None:
    """Claim what there is, and print the figures."""
    database, way, seconds_each = sys.argv[1], sys.argv[2], float(sys.argv[3]) / 1000
    async with opened(database) as counted:
        claimed = 0
        is_lease = way != "skip locked"
        rows = by_lease(counted, is_ring=way == "lease, ring") if is_lease else by_skip_locked(counted)
        asking = asyncio.Lock()

        async def work() -> None:
            nonlocal claimed
            while True:
                async with asking:
                    row = await anext(rows, None)
                if row is None:
                    return
                if is_lease and not await leased(counted, row):
                    continue
                claimed += 1
                if seconds_each:
                    await asyncio.sleep(seconds_each)
                await counted.once(_DONE, row["id"])

        together()
        began, had = time.perf_counter(), cpu_seconds()
        await asyncio.gather(*[work() for _ in range(AT_ONCE)])
        seconds, cpu = time.perf_counter() - began, cpu_seconds() - had
    figures = {
        "claimed": claimed,
        "statements": counted.statements,
        "wasted": counted.wasted,
        "seconds": seconds,
        "cpu": cpu,
    }
    sys.stdout.write(f"{json.dumps(figures)}\n")


if __name__ == "__main__":
    asyncio.run(main())
