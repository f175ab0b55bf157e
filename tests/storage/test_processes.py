"""Several processes share one file of SQLite, and none is told that it is locked."""

import asyncio
import contextlib
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from databases import Database

from asgi_social.errors import StorageError
from asgi_social.storage.sql import SqlRepository
from tests.storage.files import Watched, raw, url_of
from tests.storage.process import ROUNDS
from tests.storage.rows import association, user

PROCESSES = 4
CALLS: dict[str, Callable[[SqlRepository], Awaitable[object]]] = {
    "add": lambda store: store.add(association("new")),
    "add_user": lambda store: store.add_user(user(), association("new")),
    "save_tokens": lambda store: store.save_tokens(association(version=2), replaces=1),
    "remove": lambda store: store.remove(user_id="user-1"),
    "spend": lambda store: store.spend("key", expires_at=2.0, now=1.0),
}
ROOT = Path(__file__).parents[2]


async def in_process(*args: str) -> str:
    """Give what another process printed; it must end by itself, and well."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.storage.process", *args),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), timeout=60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (process.returncode, errors.decode()) == (0, "")
    return output.decode()


def in_our_way(other: sqlite3.Connection, *, times: int) -> Callable[[str], None]:
    """Give what another process does: it writes just when we turn to WAL, so many times, and is done when we wait."""
    turns = iter(range(times))

    def before(statement: str) -> None:
        if statement == "PRAGMA journal_mode = WAL" and next(turns, None) is not None:
            other.execute("BEGIN IMMEDIATE")
        elif other.in_transaction:
            other.execute("COMMIT")

    return before


async def test_processes_that_open_a_fresh_file_at_once_and_write_are_not_told_it_is_locked(file: Path) -> None:
    spent = await asyncio.gather(*[in_process("write", url_of(file), f"p{number}") for number in range(PROCESSES)])

    assert sum(map(int, spent)) == ROUNDS
    assert raw(file, "SELECT count(*) FROM social_association WHERE version = 2") == [(PROCESSES * (ROUNDS - 1),)]
    assert raw(file, "SELECT version FROM social_schema") == [(1,)]
    assert raw(file, "PRAGMA journal_mode") == [("wal",)]


async def test_a_process_that_ends_without_closing_does_end(file: Path) -> None:
    await in_process("leave", url_of(file))

    assert raw(file, "SELECT version FROM social_schema") == [(1,)]


@pytest.mark.parametrize("operation", CALLS)
async def test_nobody_else_can_write_between_the_statements_of_one_call(file: Path, operation: str) -> None:
    watched = Watched()
    repository = SqlRepository(Database(url_of(file), factory=watched))
    await repository.open()
    await repository.add(association())
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=0)
    seen: list[str] = []
    got_in: list[str] = []

    def try_to_write(statement: str) -> None:
        seen.append(statement)
        if statement != "BEGIN IMMEDIATE":
            with contextlib.suppress(sqlite3.OperationalError):
                other.execute("BEGIN IMMEDIATE")
                other.execute("ROLLBACK")
                got_in.append(statement)

    watched.before = try_to_write
    await CALLS[operation](repository)

    assert len(seen) >= 4
    assert got_in == []
    other.close()
    await repository.close()


async def test_a_file_that_another_process_writes_just_then_is_turned_to_wal_when_it_is_done(file: Path) -> None:
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    repository = SqlRepository(Database(url_of(file), factory=Watched(in_our_way(other, times=2))))

    await repository.open()

    assert raw(file, "PRAGMA journal_mode") == [("wal",)]
    other.close()
    await repository.close()


async def test_a_file_in_which_others_always_write_just_then_is_a_storage_error(file: Path) -> None:
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    repository = SqlRepository(Database(url_of(file), factory=Watched(in_our_way(other, times=1000))))

    with pytest.raises(StorageError, match="SQLITE_BUSY") as raised:
        await repository.open()

    assert raised.value.operation == "open"
    other.close()
