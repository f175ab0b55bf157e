"""The stores on a server besides: their URL, their driver, event loops that end, and who may see a password."""

import asyncio
import builtins
import logging
import sys
from typing import Any

import pytest
from databases import Database, DatabaseURL

from asgi_social.errors import SettingsError
from asgi_social.storage.sql import SqlRepository
from tests.databases import raw
from tests.storage.rows import association
from tests.storage.servers import sessions

POSTGRESQL = pytest.mark.postgresql
MARIADB = pytest.mark.mariadb


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("postgresql://app:hunter2@h", id="no-database", marks=POSTGRESQL),
        pytest.param("mysql://app:hunter2@h/", id="empty-database", marks=MARIADB),
        pytest.param("postgresql://app:hunter2@h:port/app", id="no-port"),
        pytest.param("postgresql://app:hunter2@h/app?sslmode=require", id="option-of-another", marks=POSTGRESQL),
        pytest.param("postgresql://app@h/app?password=hunter2", id="password-as-option", marks=POSTGRESQL),
        pytest.param("postgresql://app:hunter2@h/app?max_size=many", id="no-number", marks=POSTGRESQL),
        pytest.param("mysql://app:hunter2@h/app?ssl=require", id="no-ssl-of-mariadb", marks=MARIADB),
        pytest.param("mysql://app:hunter2@h/app?charset=latin1", id="charset", marks=MARIADB),
    ],
)
def test_what_is_no_database_of_a_server_is_refused_and_no_password_is_shown(url: str) -> None:
    with pytest.raises(SettingsError) as raised:
        SqlRepository(url)

    assert raised.value.setting == "database"
    assert "hunter2" not in f"{raised.value!r} {raised.value} {raised.value.hint}"


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("postgresql://h/app?ssl=verify-full&max_size=2", marks=POSTGRESQL),
        pytest.param("postgresql+asyncpg://h/app", marks=POSTGRESQL),
        pytest.param("mariadb://h/app?ssl=true&pool_recycle=60", marks=MARIADB),
        pytest.param("mysql+asyncmy://h/app?unix_socket=/run/x", marks=MARIADB),
    ],
)
def test_a_url_of_a_server_is_taken_and_nothing_is_opened(url: str) -> None:
    assert SqlRepository(url)


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+asyncpg"])
@pytest.mark.postgresql
async def test_each_way_to_write_postgresql_leads_to_the_same_database(postgresql_url: str, scheme: str) -> None:
    await used(str(DatabaseURL(postgresql_url).replace(scheme=scheme)))


@pytest.mark.parametrize("scheme", ["mariadb", "mariadb+asyncmy", "mysql", "mysql+asyncmy"])
@pytest.mark.mariadb
async def test_each_way_to_write_mariadb_leads_to_the_same_database(mariadb_url: str, scheme: str) -> None:
    await used(str(DatabaseURL(mariadb_url).replace(scheme=scheme)))


async def used(url: str) -> None:
    repository = SqlRepository(url)
    await repository.open()
    assert await repository.add(association())
    await repository.close()


@pytest.mark.parametrize(
    ("url", "driver", "extra"),
    [("postgresql://h/app", "asyncpg", "postgresql"), ("mysql://h/app", "asyncmy", "mariadb")],
)
def test_a_driver_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, url: str, driver: str, extra: str
) -> None:
    absent(monkeypatch, driver, module=f"asgi_social.storage.{extra}")

    with pytest.raises(SettingsError) as raised:
        SqlRepository(url)

    assert driver in raised.value.message
    assert f"asgi-social[{extra}]" in raised.value.hint


def absent(monkeypatch: pytest.MonkeyPatch, driver: str, *, module: str) -> None:
    """Let the import of a driver end as where it is not installed."""
    real = builtins.__import__

    def refuse(name: str, *args: Any, **options: Any) -> Any:
        if name.partition(".")[0] == driver:
            raise ModuleNotFoundError(f"No module named {driver!r}", name=driver)
        return real(name, *args, **options)

    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)


async def test_the_apps_database_keeps_its_own_connections_and_its_options_hold_for_ours(server_url: str) -> None:
    async with Database(server_url, min_size=1, max_size=2) as database:
        repository = SqlRepository(database)
        await repository.open()
        async with database.connection() as connection, connection.transaction(force_rollback=True):
            await asyncio.gather(*[repository.add(association(f"{number}")) for number in range(20)])

        assert await repository.count() == 20
        assert 2 <= sessions(server_url) <= 4
        await repository.close()
        assert database.is_connected


@pytest.mark.mariadb
async def test_a_mariadb_that_cuts_text_off_is_refused(mariadb_url: str) -> None:
    repository = SqlRepository(Database(mariadb_url, min_size=1, init_command="SET SESSION sql_mode = ''"))

    with pytest.raises(SettingsError) as raised:
        await repository.open()

    assert raised.value.setting == "database"
    assert "STRICT_ALL_TABLES" in raised.value.hint


async def test_opening_and_closing_leaves_no_connection(server_url: str) -> None:
    repository = SqlRepository(server_url)
    await asyncio.gather(repository.open(), repository.open())
    await repository.add(association())

    await asyncio.gather(repository.close(), repository.close())

    assert sessions(server_url) == 0


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "not closed"])
def test_f_pr_10_a_store_can_be_opened_in_a_second_event_loop_and_the_first_leaves_nothing_behind(
    database_url: str, is_closed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    repository = SqlRepository(database_url)

    async def use(number: int) -> list[bool]:
        await repository.open()
        added = await asyncio.gather(*[repository.add(association(f"{number}-{each}")) for each in range(3)])
        if is_closed:
            await repository.close()
        return added

    with caplog.at_level(logging.WARNING):
        assert [asyncio.run(use(number)) for number in range(2)] == [[True] * 3] * 2

    assert caplog.records == []
    if not database_url.startswith("sqlite"):
        assert sessions(database_url) == 0


def test_f_pr_10_a_store_that_a_dead_event_loop_had_open_is_not_open_in_the_next(server_url: str) -> None:
    repository = SqlRepository(server_url)
    asyncio.run(repository.open())

    async def late() -> int:
        await repository.close()
        await repository.open()
        return await repository.count()

    assert asyncio.run(late()) == 0


async def test_sr_s04_whatever_a_text_holds_it_is_a_value_and_no_statement(server_url: str) -> None:
    texts = [
        "'; DELETE FROM social_association; --",
        "\\'; DROP TABLE social_user; --",
        '" OR ""="',
        "%(id)s",
        "\\",
        "\\\\'",
    ]
    repository = SqlRepository(server_url)
    await repository.open()
    rows = [association(f"{number}", uid=text) for number, text in enumerate(texts)]
    await repository.add_each(rows)

    found = [await repository.find(backend="github", authority="", uid=text) for text in texts]

    assert found == rows
    await repository.close()


@pytest.mark.mariadb
async def test_sr_s04_it_is_a_value_also_where_a_backslash_is_no_escape(mariadb_url: str) -> None:
    mode = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES,ANSI_QUOTES'"
    repository = SqlRepository(Database(mariadb_url, min_size=1, init_command=mode))
    await repository.open()
    row = association(uid="\\' OR 1=1; --")
    await repository.add(row)

    assert await repository.find(backend="github", authority="", uid=row.uid) == row
    assert await repository.find(backend="github", authority="", uid="\\") is None
    await repository.close()


async def test_f_db_11_and_sr_s05_a_hundred_thousand_ended_keys_are_swept_in_small_batches_while_flows_run(
    database_url: str,
) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i FROM n"
    name = "concat('ended-', i)" if not database_url.startswith("sqlite") else "'ended-' || i"
    await asyncio.to_thread(
        raw,
        database_url,
        *(["SET max_recursive_iterations = 200000"] if database_url.startswith("mysql") else []),
        f"INSERT INTO social_flow SELECT {name}, 1.0, '', NULL FROM ({numbers}) AS numbers",  # noqa: S608
        "INSERT INTO social_flow VALUES ('living', 1000.0, '', NULL)",
    )
    repository = SqlRepository(database_url)
    await repository.open()

    spent = await asyncio.gather(
        *[repository.spend(f"key-{number % 20}", expires_at=1000.0, now=2.0) for number in range(40)]
    )

    [(left,)] = await asyncio.to_thread(raw, database_url, "SELECT count(*) FROM social_flow WHERE expires_at < 2")
    assert spent.count(True) == 20
    assert 100_000 - 40 * 100 <= left < 100_000
    assert not await repository.spend("living", expires_at=2000.0, now=2.0)
    await repository.close()
