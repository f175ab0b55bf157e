"""On a server the schema is made by ``migrate`` alone, is that of ``metadata``, and a start says what is amiss."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from asgi_social import storage
from asgi_social.errors import SettingsError, StorageError
from asgi_social.storage import metadata, schema
from asgi_social.storage.mariadb import LOCK_NAME, alone
from asgi_social.storage.sql import SqlRepository
from tests.databases import raw
from tests.storage.rows import association, user
from tests.storage.servers import is_postgresql

NEWEST = len(schema.steps_for("PostgreSQL"))
WAITS = "SELECT count(*) FROM information_schema.processlist WHERE state = 'User lock' AND db = database()"
TABLES = ["social_association", "social_flow", "social_schema", "social_user"]


async def with_sqlalchemy(url: str, work: Callable[[sa.Connection], object]) -> object:
    """Give what some work of SQLAlchemy's own gives, committed."""
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.begin() as connection:
        result = await connection.run_sync(work)
    await engine.dispose()
    return result


def described(connection: sa.Connection) -> dict[str, object]:
    """Give the tables of a database, as SQLAlchemy reads them."""
    inspector = sa.inspect(connection)
    return {
        table: {
            "columns": [
                (one["name"], repr(one["type"]), one["nullable"], one["default"])
                for one in inspector.get_columns(table)
            ],
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "unique": inspector.get_unique_constraints(table),
            "indexes": sorted(inspector.get_indexes(table), key=str),
            "options": inspector.get_table_options(table),
        }
        for table in inspector.get_table_names()
    }


async def test_the_steps_make_the_tables_of_the_metadata(new_server_url: str) -> None:
    await SqlRepository(new_server_url).migrate()
    by_steps = await with_sqlalchemy(new_server_url, described)
    await with_sqlalchemy(new_server_url, metadata.drop_all)
    await with_sqlalchemy(new_server_url, metadata.create_all)

    by_metadata = await with_sqlalchemy(new_server_url, described)

    assert isinstance(by_steps, dict)
    assert sorted(by_steps) == TABLES
    assert by_steps == by_metadata


async def test_alembic_finds_nothing_to_change_in_what_the_steps_made(database_url: str) -> None:
    """SQLite has no DOUBLE PRECISION of its own, which is why types are compared on the servers alone."""
    compared = not database_url.startswith("sqlite")

    found = await with_sqlalchemy(
        database_url,
        lambda connection: compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": compared}), metadata
        ),
    )

    assert found == []


async def test_an_apps_own_alembic_makes_the_tables_and_a_start_takes_them(new_url: str) -> None:
    def upgrade(connection: sa.Connection) -> str:
        context = MigrationContext.configure(connection)
        script = produce_migrations(context, metadata)
        assert script.upgrade_ops is not None
        with Operations.context(context) as operations:
            for operation in script.upgrade_ops.ops:
                for one in getattr(operation, "ops", [operation]):
                    operations.invoke(one)
            operations.execute("INSERT INTO social_schema (version) VALUES (2)")
        return render_python_code(script.upgrade_ops)

    code = await with_sqlalchemy(new_url, upgrade)
    repository = SqlRepository(new_url)
    await repository.open()

    assert isinstance(code, str)
    assert "asgi_social" not in code  # the migration stays as it is when the package changes
    assert await repository.add_user(user(), association())
    assert await repository.get("association-1") == association()
    await repository.close()


async def test_a_start_makes_nothing_on_a_server_and_says_what_to_run(new_server_url: str) -> None:
    repository = SqlRepository(new_server_url)

    with pytest.raises(SettingsError) as raised:
        await repository.open()

    assert raised.value.setting == "database"
    assert "schema 0" in raised.value.message
    assert f"schema {NEWEST}" in raised.value.message
    assert "asgi-social migrate" in raised.value.hint
    assert await with_sqlalchemy(new_server_url, described) == {}
    await repository.migrate()
    await repository.open()
    assert await repository.add(association())
    await repository.close()


async def test_a_schema_newer_than_the_code_is_refused_by_all_and_not_touched(new_server_url: str) -> None:
    repository = SqlRepository(new_server_url)
    await repository.migrate()
    await asyncio.to_thread(raw, new_server_url, "INSERT INTO social_schema (version) VALUES (99)")
    calls: list[Callable[[], Awaitable[object]]] = [repository.open, repository.migrate, repository.version]

    for call in calls:
        with pytest.raises(SettingsError) as raised:
            await call()
        assert "schema 99" in raised.value.message
        assert f"schema {NEWEST}" in raised.value.message


async def test_several_that_migrate_at_once_make_the_tables_once(new_server_url: str) -> None:
    await asyncio.gather(*[SqlRepository(new_server_url).migrate() for _ in range(4)])

    versions = await asyncio.to_thread(raw, new_server_url, "SELECT version FROM social_schema")
    assert versions == [(number + 1,) for number in range(NEWEST)]


async def test_the_version_of_a_server_is_read_without_changing_it(new_server_url: str) -> None:
    repository = SqlRepository(new_server_url)
    before = await repository.version()

    await repository.migrate()

    assert (before, await repository.version()) == (0, NEWEST)


async def test_a_step_that_broke_off_leaves_nothing_or_goes_on_when_it_is_run_again(new_server_url: str) -> None:
    await asyncio.to_thread(raw, new_server_url, "CREATE VIEW social_flow AS SELECT 1 AS one")

    with pytest.raises(StorageError) as raised:
        await SqlRepository(new_server_url).migrate()

    left = await with_sqlalchemy(new_server_url, described)
    assert isinstance(left, dict)
    assert sorted(left) == (
        [] if is_postgresql(new_server_url) else ["social_association", "social_schema", "social_user"]
    )
    assert raised.value.operation == "migrate"
    await asyncio.to_thread(raw, new_server_url, "DROP VIEW social_flow")
    await SqlRepository(new_server_url).migrate()
    made = await with_sqlalchemy(new_server_url, described)
    assert isinstance(made, dict)
    assert sorted(made) == TABLES


@pytest.mark.postgresql
async def test_tables_of_postgresql_without_a_version_are_refused(new_postgresql_url: str) -> None:
    await with_sqlalchemy(new_postgresql_url, metadata.create_all)

    with pytest.raises(SettingsError) as raised:
        await SqlRepository(new_postgresql_url).migrate()

    assert "INSERT INTO social_schema (version) VALUES" in raised.value.hint


@pytest.mark.mariadb
async def test_a_migration_waits_for_another_one(new_mariadb_url: str) -> None:
    engine = create_async_engine(new_mariadb_url, poolclass=NullPool)
    async with engine.connect() as other:
        await other.execute(sa.text(f"SELECT get_lock({LOCK_NAME}, 0)"))
        migrating = asyncio.create_task(SqlRepository(new_mariadb_url).migrate())
        while not await other.scalar(sa.text(WAITS)):
            pass

        assert await with_sqlalchemy(new_mariadb_url, described) == {}
        assert not migrating.done()

        await other.execute(sa.text(f"DO release_lock({LOCK_NAME})"))
        await migrating
    await engine.dispose()
    assert await SqlRepository(new_mariadb_url).version() == NEWEST


@pytest.mark.mariadb
async def test_a_migration_that_another_does_not_let_begin_is_a_storage_error(mariadb_url: str) -> None:
    repository = SqlRepository(mariadb_url)
    await repository.open()
    lend = repository._connections._lent("test")

    async with lend() as one, alone(one):
        with pytest.raises(StorageError, match="another process"):
            async with lend() as other, alone(other, seconds=0):
                pytest.fail("two have the lock")
    await repository.close()


def test_storage_has_metadata_and_no_other_name() -> None:
    assert sorted(storage.metadata.tables) == TABLES
    with pytest.raises(AttributeError, match="nothing"):
        _ = storage.nothing
