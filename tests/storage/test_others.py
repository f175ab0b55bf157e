"""Tables of other libraries are read in pages, on each database, and cannot be written."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from asgi_social import SettingsError
from asgi_social.storage.others import OtherDatabase
from tests.cli.their_tables import KINDS, Theirs, made

TABLE = "socialaccount_socialapp"


@pytest.fixture(params=KINDS)
def theirs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Theirs]:
    with made(request.param, tmp_path) as database:
        database.add_all(TABLE, [{"provider": f"p{one}", "client_id": "é 🐙"} for one in range(5)])
        yield database


async def test_a_table_is_read_in_pages_by_its_ids(theirs: Theirs) -> None:
    async with OtherDatabase(theirs.url) as database:
        pages = [await database.page(TABLE, after=after, limit=2) for after in (None, 2, 4, 5)]
        count = await database.count(TABLE)

    assert [[row["provider"] for row in page] for page in pages] == [["p0", "p1"], ["p2", "p3"], ["p4"], []]
    assert pages[0][0]["client_id"] == "é 🐙"
    assert count == 5


async def test_rows_are_found_by_the_values_of_a_column(theirs: Theirs) -> None:
    async with OtherDatabase(theirs.url) as database:
        rows = await database.matching(TABLE, column="provider", values=["p3", "p1", "p9"])

    assert [row["id"] for row in rows] == [2, 4]


async def test_nothing_can_be_written(theirs: Theirs) -> None:
    async with OtherDatabase(theirs.url) as database:
        with pytest.raises(Exception, match=r"(?i)read.?only"):
            await database._connection.execute(sa.delete(sa.table(TABLE)))

        assert await database.count(TABLE) == 5


async def test_a_table_that_is_not_there_is_an_error_that_names_it(theirs: Theirs) -> None:
    async with OtherDatabase(theirs.url) as database:
        with pytest.raises(SettingsError) as raised:
            await database.page("no_such_table", after=None, limit=1)

    assert raised.value.message.startswith("the table no_such_table cannot be read: ")
    assert raised.value.setting == "url"
