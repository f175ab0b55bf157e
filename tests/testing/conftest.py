"""A fake provider on a clock that stands still, and a client of it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from asgi_social.testing import FakeProvider, ManualClock
from tests.testing.asking import ISSUER


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def fake(clock: ManualClock) -> FakeProvider:
    return FakeProvider(clock=clock)


@pytest.fixture
async def http(fake: FakeProvider) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=fake.transport(), base_url=ISSUER) as client:
        yield client
