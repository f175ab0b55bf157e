"""The stores under test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from asgi_social.storage.memory import MemoryRepository
from asgi_social.storage.repository import Repository
from asgi_social.storage.sql import SqlRepository
from tests.databases import SERVERS
from tests.storage.files import url_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "social.db"


@pytest.fixture
async def repository(file: Path) -> AsyncIterator[SqlRepository]:
    made = SqlRepository(url_of(file))
    await made.open()
    yield made
    await made.close()


@pytest.fixture(params=["memory", "sqlite", *SERVERS])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Repository]:
    """Each of our stores in turn, for the rules that all keep."""
    made: Repository
    if request.param == "memory":
        made = MemoryRepository()
    else:
        made = SqlRepository(request.getfixturevalue(f"{request.param}_url"))
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def shared(database_url: str) -> AsyncIterator[SqlRepository]:
    """Each store that processes can share, in turn."""
    made = SqlRepository(database_url)
    await made.open()
    yield made
    await made.close()
