"""The steps make the tables that the code knows, and a database of another age is told apart."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from asgi_social.errors import SettingsError, StorageError
from asgi_social.storage.repository import StoredAssociation
from asgi_social.storage.schema import metadata, steps_for
from asgi_social.storage.sql import SqlRepository
from tests.storage.files import raw, url_of
from tests.storage.rows import association

FURTHER = ("ALTER TABLE social_user ADD COLUMN note TEXT", "CREATE INDEX ix_note ON social_user (note)")


def described(file: Path) -> dict[str, object]:
    """Give the tables of a file, as SQLAlchemy reads them."""
    engine = sa.create_engine(f"sqlite:///{file}", poolclass=sa.NullPool)
    inspector = sa.inspect(engine)
    tables: dict[str, object] = {
        table: {
            "columns": [(each["name"], repr(each["type"]), each["nullable"]) for each in inspector.get_columns(table)],
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "unique": inspector.get_unique_constraints(table),
            "indexes": inspector.get_indexes(table),
        }
        for table in inspector.get_table_names()
    }
    engine.dispose()
    return tables


async def open_and_close(file: Path) -> None:
    repository = SqlRepository(url_of(file))
    await repository.open()
    await repository.close()


async def upgraded(file: Path, *steps: Sequence[str]) -> None:
    """Take further steps, as a newer release does."""
    repository = SqlRepository(url_of(file))
    repository.steps = [*steps_for("SQLite"), *steps]
    await repository.migrate()


async def test_the_steps_make_the_tables_of_the_metadata(tmp_path: Path) -> None:
    await open_and_close(tmp_path / "steps.db")
    engine = sa.create_engine(f"sqlite:///{tmp_path}/metadata.db", poolclass=sa.NullPool)
    metadata.create_all(engine)

    made = described(tmp_path / "steps.db")

    assert sorted(made) == ["social_association", "social_flow", "social_schema", "social_user"]
    # The steps' DOUBLE PRECISION, which all databases know, is read back as REAL.
    assert str(made) == str(described(tmp_path / "metadata.db")).replace("DOUBLE()", "REAL()")


async def test_a_database_that_is_up_to_date_is_left_as_it_is(file: Path) -> None:
    for _ in range(2):
        await open_and_close(file)

    assert raw(file, "SELECT version FROM social_schema ORDER BY version") == [(1,), (2,)]


async def test_what_is_stored_is_there_for_the_next_who_opens_the_file(file: Path) -> None:
    rows: list[StoredAssociation | None] = []
    first = SqlRepository(url_of(file))
    await first.open()
    await first.add(association())
    await first.close()

    second = SqlRepository(url_of(file))
    await second.open()
    rows.append(await second.get("association-1"))
    await second.close()

    assert rows == [association()]


async def test_stores_that_open_a_fresh_file_at_once_make_the_tables_once(file: Path) -> None:
    await asyncio.gather(*[open_and_close(file) for _ in range(4)])

    assert raw(file, "SELECT version FROM social_schema ORDER BY version") == [(1,), (2,)]


async def test_an_older_database_gets_the_steps_it_lacks_and_keeps_its_rows(file: Path) -> None:
    await open_and_close(file)
    raw(file, "INSERT INTO social_user VALUES ('1', 1, NULL, 1.0)")

    await upgraded(file, FURTHER)

    assert raw(file, "SELECT id, note FROM social_user") == [("1", None)]
    assert raw(file, "SELECT version FROM social_schema ORDER BY version") == [(1,), (2,), (3,)]


async def test_a_database_of_the_first_release_learns_to_keep_and_keeps_what_was_spent(file: Path) -> None:
    first = SqlRepository(url_of(file))
    first.steps = steps_for("SQLite")[:1]
    await first.migrate()
    raw(file, "INSERT INTO social_flow VALUES ('spent', 600.0, '')")

    await open_and_close(file)

    repository = SqlRepository(url_of(file))
    await repository.open()
    assert not await repository.spend("spent", expires_at=600.0, now=0.0)
    assert await repository.keep("kept", "v1.k.kept", expires_at=600.0, now=0.0)
    assert await repository.take("kept", now=0.0) == "v1.k.kept"
    await repository.close()


async def test_a_database_newer_than_the_code_is_refused_with_both_versions_and_not_touched(file: Path) -> None:
    await open_and_close(file)
    await upgraded(file, FURTHER, ())

    with pytest.raises(SettingsError) as raised:
        await open_and_close(file)

    assert raised.value.setting == "database"
    assert "schema 4" in raised.value.message
    assert "schema 2" in raised.value.message
    assert "install" in raised.value.hint
    assert raw(file, "SELECT max(version) FROM social_schema") == [(4,)]


@pytest.mark.parametrize(
    "table",
    [
        pytest.param("social_association (id TEXT)", id="no-table-of-versions"),
        pytest.param("social_schema (version INTEGER)", id="no-row-in-it"),
    ],
)
async def test_tables_without_a_version_are_refused_with_what_to_write(file: Path, table: str) -> None:
    raw(file, f"CREATE TABLE {table}")

    with pytest.raises(SettingsError) as raised:
        await open_and_close(file)

    assert raised.value.setting == "database"
    assert "INSERT INTO social_schema (version) VALUES" in raised.value.hint


async def test_tables_that_the_apps_own_migrations_made_are_used_as_they_are(file: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{file}", poolclass=sa.NullPool)
    metadata.create_all(engine)
    raw(file, "INSERT INTO social_schema (version) VALUES (2)")
    repository = SqlRepository(url_of(file))

    await repository.open()

    assert await repository.add(association())
    assert await repository.get("association-1") == association()
    await repository.close()


async def test_a_step_that_breaks_off_leaves_nothing_behind(file: Path) -> None:
    raw(file, "CREATE TABLE social_user (id TEXT)")

    with pytest.raises(StorageError):
        await open_and_close(file)

    assert raw(file, "SELECT name FROM sqlite_master WHERE type = 'table'") == [("social_user",)]


def test_the_version_of_a_file_is_read_without_making_or_changing_it(file: Path) -> None:
    repository = SqlRepository(url_of(file))
    absent, made = asyncio.run(repository.version()), file.exists()
    asyncio.run(open_and_close(file))
    before = file.read_bytes()

    there = asyncio.run(repository.version())

    assert (absent, made, there) == (0, False, 2)
    assert file.read_bytes() == before


async def test_a_file_of_another_app_has_no_version_of_ours(file: Path) -> None:
    raw(file, "CREATE TABLE theirs (id TEXT)")

    assert await SqlRepository(url_of(file)).version() == 0


def test_a_file_that_is_no_database_has_none(file: Path) -> None:
    file.write_bytes(b"no database" * 100)

    with pytest.raises(StorageError, match="SQLITE_NOTADB"):
        asyncio.run(SqlRepository(url_of(file)).version())


def test_reading_the_version_tidies_up_nothing_that_a_killed_process_has_left(file: Path, tmp_path: Path) -> None:
    asyncio.run(open_and_close(file))
    with closing(sqlite3.connect(file)) as writing:
        writing.execute("INSERT INTO social_user VALUES ('1', 1, NULL, 1.0)")
        writing.commit()
        left = {ending: Path(f"{file}{ending}").read_bytes() for ending in ("", "-wal")}
    for ending, content in left.items():
        (tmp_path / f"left.db{ending}").write_bytes(content)

    version = asyncio.run(SqlRepository(url_of(tmp_path / "left.db")).version())

    assert version == 2
    assert {ending: (tmp_path / f"left.db{ending}").read_bytes() for ending in left} == left
