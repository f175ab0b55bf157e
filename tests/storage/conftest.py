"""The stores under test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from asgi_social.storage.memory import MemoryRepository
from asgi_social.storage.repository import Repository
from asgi_social.storage.sql import SqlRepository
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


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, file: Path) -> AsyncIterator[Repository]:
    """Each of our stores in turn, for the rules that all keep."""
    made: Repository = MemoryRepository() if request.param == "memory" else SqlRepository(url_of(file))
    await made.open()
    yield made
    await made.close()
