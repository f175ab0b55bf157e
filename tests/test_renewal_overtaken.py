"""A renewal that is overtaken by another process between its look at the row and its lease."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from asgi_social import ProviderUnreachable
from asgi_social.storage.memory import MemoryRepository
from asgi_social.storage.repository import LeaseSeconds, StoredAssociation
from tests.renewing import Acme, again, at


class Overtaken:
    """A store in which something happens before a lease is taken."""

    def __init__(self, within: MemoryRepository, happens: Callable[[], Awaitable[None]]) -> None:
        self._within = within
        self._happens = happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._within, name)

    async def lease(
        self, association_id: str, *, version: int, lease_id: str, seconds: LeaseSeconds
    ) -> StoredAssociation | None:
        await self._happens()
        return await self._within.lease(association_id, version=version, lease_id=lease_id, seconds=seconds)


async def test_an_attempt_that_went_wrong_since_the_row_was_read_is_heeded_and_its_wait_stays() -> None:
    acme = Acme()
    async with at(acme) as there:
        acme.answers = [httpx.Response(503, headers={"retry-after": "60"})]

        async def another_fails() -> None:
            with pytest.raises(ProviderUnreachable):
                await there.association.refresh_token()

        async with again(there, acme, database=Overtaken(there.repository, another_fails)) as late:
            [association] = await late.associations("ada")
            with pytest.raises(ProviderUnreachable) as raised:
                await association.refresh_token()
        row = await there.row()

    assert len(acme.renewals) == 1
    assert raised.value.retry_after == pytest.approx(60)
    assert (row.lease_id, row.attempts) == (None, 1)
    assert row.next_attempt_at == there.clock.now() + 60
