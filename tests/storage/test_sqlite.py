"""What the store in a SQLite file does besides: its file, its one connection, and its errors."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from databases import Database

from asgi_social.errors import SettingsError, StorageError
from asgi_social.storage.sql import SqlRepository
from tests.storage.files import Watched, raw, url_of
from tests.storage.rows import association, user

CALLS: dict[str, Callable[[SqlRepository], Any]] = {
    "find": lambda store: store.find(backend="github", authority="", uid="hunter2"),
    "get": lambda store: store.get("hunter2"),
    "of_user": lambda store: store.of_user("hunter2"),
    "add": lambda store: store.add(association("hunter2")),
    "save_tokens": lambda store: store.save_tokens(association("hunter2", version=2), replaces=1),
    "remove": lambda store: store.remove(user_id="hunter2"),
    "spend": lambda store: store.spend("hunter2", expires_at=2.0, now=1.0),
    "keep": lambda store: store.keep("hunter2", "v1.k.kept", expires_at=2.0, now=1.0),
    "take": lambda store: store.take("hunter2", now=1.0),
    "user": lambda store: store.user("hunter2"),
    "add_user": lambda store: store.add_user(user("hunter2"), association("hunter2")),
}


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("sqlite+aiosqlite:///social.db?timeout=5", id="query"),
        pytest.param("sqlite:///social.db#x", id="fragment"),
        pytest.param("sqlite:///:memory:", id="memory"),
        pytest.param("sqlite:///%3Amemory%3A", id="memory-escaped"),
        pytest.param("sqlite+aiosqlite://", id="nothing"),
        pytest.param("sqlite:///", id="empty-path"),
        pytest.param("sqlite://social.db", id="two-slashes"),
        pytest.param("sqlite://data/social.db", id="two-slashes-and-a-folder"),
        pytest.param("sqlite+pysqlite:///social.db", id="another-driver"),
        pytest.param("postgresql+psycopg://app:hunter2@localhost/app", id="another-driver-of-postgresql"),
        pytest.param("mysql+aiomysql://app:hunter2@localhost/app", id="another-driver-of-mariadb"),
        pytest.param("mongodb://app:hunter2@localhost/app", id="unknown"),
        pytest.param("social.db", id="no-url"),
        pytest.param("sqlite://[hunter2", id="broken"),
        pytest.param("", id="empty"),
    ],
)
def test_what_is_no_file_of_sqlite_is_refused_with_what_to_write(url: str) -> None:
    with pytest.raises(SettingsError) as raised:
        SqlRepository(url)

    assert raised.value.setting == "database"
    assert "sqlite+aiosqlite:///social.db" in raised.value.hint
    assert "MemoryRepository" in raised.value.hint
    assert "hunter2" not in str(raised.value)


def test_a_database_object_is_checked_as_its_url_is() -> None:
    with pytest.raises(SettingsError):
        SqlRepository(Database("sqlite:///social.db?timeout=5"))


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+aiosqlite"])
async def test_the_file_of_the_url_and_no_other_is_made_when_the_store_is_opened(scheme: str, tmp_path: Path) -> None:
    repository = SqlRepository(f"{scheme}:///{tmp_path}/a file %25.db")
    assert os.listdir(tmp_path) == []

    await repository.open()
    await repository.close()

    assert os.listdir(tmp_path) == ["a file %.db"]


async def test_the_file_holds_what_was_given_and_nothing_else(repository: SqlRepository, file: Path) -> None:
    await repository.add_user(user(username="ada"), association(scope=("a", "b"), expires_at=2.5))
    await repository.spend("digest", expires_at=600.0, now=0.0)

    [(*given, write_id)] = raw(file, "SELECT * FROM social_association")
    assert given == [
        *("association-1", "user-1", "github", "", "uid of association-1", "v1.k.account", "client-1"),
        *("v1.k.sealed", None, None, "Bearer", '["a", "b"]', 2.5, 1_700_000_000.25, "active", None),
        *(1_700_000_000.25, 1_700_000_000.25, 1),
        *("", None, None, 0, None, None, None),
    ]
    assert len(write_id) == 22
    assert raw(file, "SELECT * FROM social_user") == [("user-1", 1, "ada", 1_700_000_000.25)]
    assert raw(file, "SELECT digest, expires_at FROM social_flow") == [("digest", 600.0)]


async def test_at_most_a_hundred_ended_keys_are_forgotten_in_one_call(repository: SqlRepository, file: Path) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 120) SELECT i, 1.0, '', NULL FROM n"
    raw(file, f"INSERT INTO social_flow {numbers}")

    await repository.spend("new", expires_at=600.0, now=2.0)

    assert raw(file, "SELECT count(*) FROM social_flow") == [(21,)]


async def test_one_connection_and_one_thread_are_held_from_open_to_close(file: Path) -> None:
    watched = Watched()
    repository = SqlRepository(Database(url_of(file), factory=watched))
    await asyncio.gather(repository.open(), repository.open())

    await asyncio.gather(*[repository.add(association(f"{number}")) for number in range(10)])
    await asyncio.gather(*[asyncio.create_task(repository.get(f"{number}")) for number in range(10)])

    assert len(watched.made) == 1
    assert watched.threads[0].is_alive()
    await repository.close()
    assert watched.alive() == []


async def test_other_processes_are_waited_for_whatever_timeout_the_app_set(file: Path) -> None:
    watched = Watched()
    repository = SqlRepository(Database(url_of(file), factory=watched, timeout=0, check_same_thread=False))

    await repository.open()

    assert watched.made[0].execute("PRAGMA busy_timeout").fetchall() == [(10_000,)]
    await repository.close()


async def test_readers_do_not_wait_for_a_writer(repository: SqlRepository, file: Path) -> None:
    await repository.add(association())
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    writer.execute("DELETE FROM social_association")

    read = await repository.get("association-1")

    assert read == association()
    writer.close()


async def test_the_apps_transaction_in_the_same_task_does_not_take_our_writes_with_it(file: Path) -> None:
    database = Database(url_of(file))
    repository = SqlRepository(database)
    await repository.open()
    async with database.connection() as connection:
        transaction = await connection.transaction()
        await repository.add(association())
        await transaction.rollback()

    assert await repository.get("association-1") == association()
    await repository.close()


async def test_the_apps_own_connection_is_still_its_own_after_a_close_in_its_task(file: Path) -> None:
    database = Database(url_of(file))
    repository = SqlRepository(database)
    async with database.connection() as connection:
        await repository.open()

        await repository.close()

        assert database.connection() is connection


@pytest.mark.parametrize("is_connected", [True, False])
async def test_the_apps_database_is_left_as_connected_as_it_was(file: Path, is_connected: bool) -> None:
    database = Database(url_of(file))
    if is_connected:
        await database.connect()
    repository = SqlRepository(database)

    await repository.open()
    meanwhile = database.is_connected
    await repository.close()

    assert (meanwhile, database.is_connected) == (is_connected, is_connected)


def test_a_database_that_undoes_every_write_is_refused(file: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        SqlRepository(Database(url_of(file), force_rollback=True))

    assert raised.value.setting == "database"
    assert "MemoryRepository" in raised.value.hint


async def test_another_task_than_the_one_that_opened_can_use_and_close_it(file: Path) -> None:
    watched = Watched()
    repository = SqlRepository(Database(url_of(file), factory=watched))
    await asyncio.create_task(repository.open())

    added = await asyncio.create_task(repository.add(association()))
    await asyncio.create_task(repository.close())

    assert added
    assert watched.alive() == []


def test_it_can_be_opened_again_in_another_event_loop(file: Path) -> None:
    repository = SqlRepository(url_of(file))

    async def use(number: int) -> list[bool]:
        await repository.open()
        added = await asyncio.gather(*[repository.add(association(f"{number}-{each}")) for each in range(3)])
        await asyncio.gather(repository.close(), repository.close())
        return added

    assert [asyncio.run(use(number)) for number in range(2)] == [[True] * 3] * 2


def test_it_can_be_opened_again_after_a_loop_that_ended_without_closing_it(file: Path) -> None:
    repository = SqlRepository(url_of(file))

    async def use(number: int) -> list[bool]:
        await repository.open()
        return await asyncio.gather(*[repository.add(association(f"{number}-{each}")) for each in range(3)])

    assert [asyncio.run(use(number)) for number in range(2)] == [[True] * 3] * 2


@pytest.mark.parametrize("operation", CALLS)
async def test_a_call_before_opening_and_after_closing_is_a_storage_error(file: Path, operation: str) -> None:
    repository = SqlRepository(url_of(file))
    with pytest.raises(StorageError, match="not open"):
        await CALLS[operation](repository)
    await repository.open()
    await repository.close()

    with pytest.raises(StorageError, match="not open") as raised:
        await CALLS[operation](repository)

    assert raised.value.operation == operation


async def test_close_waits_for_the_present_caller_and_tells_those_behind_it(file: Path) -> None:
    repository = SqlRepository(url_of(file))
    await repository.open()

    added, _, late = await asyncio.gather(
        repository.add(association()), repository.close(), repository.get("association-1"), return_exceptions=True
    )

    assert added is True
    assert isinstance(late, StorageError)


@pytest.mark.parametrize("operation", CALLS)
async def test_an_error_of_the_driver_names_the_operation_and_shows_no_value(
    repository: SqlRepository, file: Path, operation: str
) -> None:
    for table in ("social_association", "social_flow", "social_user"):
        raw(file, f"DROP TABLE {table}")

    with pytest.raises(StorageError) as raised:
        await CALLS[operation](repository)

    assert raised.value.operation == operation
    assert "SQLITE_ERROR" in str(raised.value)
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"{hunter2", id="broken-json"),
        pytest.param(b"", id="empty"),
        pytest.param(b"hunter2\xff", id="no-utf-8"),
    ],
)
@pytest.mark.parametrize("column", ["scope"])
async def test_a_row_that_cannot_be_read_is_a_storage_error_that_does_not_show_it(
    repository: SqlRepository, file: Path, column: str, value: bytes
) -> None:
    await repository.add(association())
    raw(file, f"UPDATE social_association SET {column} = CAST(? AS TEXT)", value)  # noqa: S608  # of the table above

    with pytest.raises(StorageError) as raised:
        await repository.get("association-1")

    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"issued_at": float("nan")}, id="not-a-number"),
        pytest.param({"version": 2**63}, id="more-than-64-bits"),
        pytest.param({"user_id": None}, id="null"),
        pytest.param({"client_id": object()}, id="no-text"),
        pytest.param({"client_id": "\udfff"}, id="lone-surrogate"),
    ],
)
async def test_a_row_that_cannot_be_stored_is_a_storage_error_and_not_a_taken_account(
    repository: SqlRepository, changed: dict[str, object]
) -> None:
    with pytest.raises(StorageError):
        await repository.add(association(**changed))

    assert await repository.add(association())


def test_a_file_that_is_no_database_is_a_storage_error(file: Path) -> None:
    file.write_bytes(b"no database" * 100)

    with pytest.raises(StorageError, match="SQLITE_NOTADB") as raised:
        asyncio.run(SqlRepository(url_of(file)).open())

    assert raised.value.operation == "open"


async def test_a_store_that_could_not_be_opened_can_be_opened_later(tmp_path: Path) -> None:
    repository = SqlRepository(url_of(tmp_path / "folder" / "social.db"))
    with pytest.raises(StorageError, match="SQLITE_CANTOPEN"):
        await repository.open()
    (tmp_path / "folder").mkdir()

    await repository.open()

    assert await repository.add(association())
    await repository.close()
