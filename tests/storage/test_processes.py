"""Several processes share one database: one of them gets what only one can have, and none is told that it is locked."""

import asyncio
import contextlib
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from databases import Database

from asgi_social.errors import StorageError
from asgi_social.storage.repository import LeaseSeconds
from asgi_social.storage.sql import SqlRepository
from tests.databases import raw as raw_of
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
    "keep": lambda store: store.keep("key", "v1.k.kept", expires_at=2.0, now=1.0),
    "take": lambda store: store.take("key", now=1.0),
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
    assert raw(file, "SELECT max(version) FROM social_schema") == [(2,)]
    assert raw(file, "PRAGMA journal_mode") == [("wal",)]


async def test_a_process_that_ends_without_closing_does_end(file: Path) -> None:
    await in_process("leave", url_of(file))

    assert raw(file, "SELECT max(version) FROM social_schema") == [(2,)]


async def test_processes_that_write_to_one_database_at_once_each_see_their_writes_and_spend_a_key_once(
    database_url: str,
) -> None:
    spent = await asyncio.gather(*[in_process("write", database_url, f"p{number}") for number in range(2)])

    written = await asyncio.to_thread(raw_of, database_url, "SELECT count(*) FROM social_association WHERE version = 2")
    assert sum(map(int, spent)) == ROUNDS
    assert written == [(2 * (ROUNDS - 1),)]


async def test_of_processes_that_take_what_is_kept_at_once_one_gets_it(
    shared: SqlRepository, database_url: str
) -> None:
    for number in range(ROUNDS):
        await shared.keep(f"key-{number}", "v1.k.kept", expires_at=2.0, now=1.0)

    taken = await asyncio.gather(*[in_process("take", database_url, f"p{number}") for number in range(2)])

    assert sum(map(int, taken)) == ROUNDS


async def test_of_processes_that_sign_up_the_same_people_at_once_one_makes_each_user(
    shared: SqlRepository, database_url: str
) -> None:
    made = await asyncio.gather(*[in_process("sign_up", database_url, f"p{number}") for number in range(2)])

    assert sum(map(int, made)) == ROUNDS


async def test_of_processes_that_ask_for_one_lease_at_once_one_gets_it_whatever_their_clocks_say(
    shared: SqlRepository, database_url: str
) -> None:
    await shared.add_each([association(f"{number}") for number in range(ROUNDS)])

    given = await asyncio.gather(*[in_process("lease", database_url, f"p{number}") for number in range(2)])

    assert sum(map(int, given)) == ROUNDS
    lengths = LeaseSeconds(fresh=60.0, taking_over=60.0)
    assert await shared.lease("0", version=1, lease_id="here", seconds=lengths) is None


@pytest.mark.parametrize("operation", CALLS)
async def test_nobody_else_can_write_between_the_statements_of_one_call(file: Path, operation: str) -> None:
    watched = Watched()
    repository = SqlRepository(Database(url_of(file), factory=watched))
    await repository.open()
    await repository.add(association())
    await repository.keep("key", "v1.k.kept", expires_at=2.0, now=1.0)
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


async def test_f_db_04_a_file_that_another_process_has_locked_is_waited_for(
    repository: SqlRepository, file: Path
) -> None:
    """The other lets go when our BEGIN is waiting, which this process tells it at once: no time goes by."""
    await repository.add(association())
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(repository.save_tokens(association(version=2), replaces=1))
    read = await asyncio.wait_for(asyncio.to_thread(raw, file, "SELECT version FROM social_association"), timeout=30)
    is_waiting = not waiting.done()

    other.execute("COMMIT")

    assert (read, is_waiting) == ([(1,)], True)
    assert await waiting
    other.close()


async def test_f_db_04_a_file_that_stays_locked_is_a_storage_error_after_three_tries_and_nothing_is_lost(
    file: Path,
) -> None:
    watched = Watched()
    repository = SqlRepository(Database(url_of(file), factory=watched, check_same_thread=False))
    await repository.open()
    await repository.add(association())
    watched.made[0].execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    tries: list[str] = []
    watched.before = tries.append

    with pytest.raises(StorageError, match="SQLITE_BUSY"):
        await repository.save_tokens(association(version=2), replaces=1)

    other.execute("COMMIT")
    assert tries == ["BEGIN IMMEDIATE"] * 3
    assert await repository.save_tokens(association(version=2), replaces=1)
    other.close()
    await repository.close()


async def test_f_db_10_where_nothing_can_be_written_the_lease_fails_first_and_reading_goes_on(file: Path) -> None:
    watched = Watched()
    repository = SqlRepository(Database(url_of(file), factory=watched, check_same_thread=False))
    await repository.open()
    await repository.add(association())
    watched.made[0].execute("PRAGMA query_only = ON")

    with pytest.raises(StorageError, match="SQLITE_READONLY"):
        await repository.lease("association-1", version=1, lease_id="l1", seconds=LeaseSeconds())

    assert await repository.get("association-1") == association()
    await repository.close()
