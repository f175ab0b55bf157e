"""What a sweep claims: as much as begins at once, renewed or given back whatever comes in between."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from asgi_social.refresh.attempt import LEASE, SEND_SECONDS, TAKE_OVER_SECONDS
from asgi_social.refresh.sweep import PAGE, Swept
from asgi_social.storage.memory import MemoryRepository
from asgi_social.storage.repository import Claimed, Due, StoredAssociation
from asgi_social.testing import ManualClock
from tests.refresh.test_sweep import rows, swept
from tests.renewing import Acme, Linked, again, backend_at
from tests.security.renewal_doubles import Broken, in_time, sealed_anew, turns

AT_ONCE = 10


class Claims(MemoryRepository):
    """A store that tells what was claimed.

    Attributes:
        asked: What for.
        given: How many each time.
        takes: The seconds that a claim takes.
        gate: A claim waits for it when it is done.
    """

    def __init__(self) -> None:
        self.time = ManualClock()
        super().__init__(clock=self.time)
        self.asked: list[Due] = []
        self.given: list[int] = []
        self.takes = 0.0
        self.gate = asyncio.Event()
        self.gate.set()

    async def claim(self, due: Due, **how: Any) -> Claimed:
        claimed = await super().claim(due, **how)
        self.asked.append(due)
        self.given.append(len(claimed.rows))
        self.time.advance(self.takes)
        await self.gate.wait()
        return claimed


class Standing(MemoryRepository):
    """A store whose reading of one row stands still until a test lets it go on."""

    def __init__(self) -> None:
        super().__init__(clock=ManualClock())
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def get(self, association_id: str) -> StoredAssociation | None:
        row = await super().get(association_id)
        self.reached.set()
        await self.go_on.wait()
        return row


async def leases(there: Linked) -> set[str | None]:
    return {row.lease_id for row in await rows(there)}


async def test_as_many_are_claimed_as_begin_at_once_and_the_next_when_there_is_room_again() -> None:
    acme, store = Acme(), Claims()
    acme.gate.clear()
    async with swept(acme, count=25, repository=store) as there:
        sweeping = asyncio.create_task(there.social.refresh_due())
        await acme.arrived.wait()
        await turns()
        at_first = list(store.given)
        acme.gate.set()

        assert await sweeping == Swept(renewed=25)
    assert (at_first, sum(store.given)) == ([AT_ONCE], 25)
    assert max(store.given) == AT_ONCE


async def test_a_claim_goes_on_behind_what_was_claimed_before() -> None:
    store = Claims()
    async with swept(Acme(), count=25, repository=store) as there:
        await there.social.refresh_due()

    places = [due.after for due in store.asked]
    assert places == sorted(places)
    assert len(set(places)) == len(places)


async def test_behind_what_cannot_be_renewed_more_is_looked_at_in_one_go() -> None:
    acme, store = Acme(), Claims()
    async with swept(acme, count=3 * AT_ONCE, repository=store) as there:
        for row in (await rows(there))[: 2 * AT_ONCE]:
            stuck = replace(row, client_id="another", renew_at=1.0, version=2)
            assert await store.save_tokens(stuck, replaces=1)

        got = await there.social.refresh_due()

    assert got == Swept(renewed=AT_ONCE, cannot_renew=2 * AT_ONCE)
    assert [due.among for due in store.asked[:2]] == [AT_ONCE, PAGE]


async def test_backends_together_keep_to_the_limit_and_none_goes_without_for_another_that_has_nothing_due() -> None:
    acme = Acme()
    backends = {"acme": backend_at(), "other": backend_at({"name": "other", "title": "Other"})}
    async with swept(acme, count=1) as there, again(there, acme, backends=backends) as social:
        row = await there.row()
        for number in range(1, 8):
            await there.repository.add(replace(sealed_anew(row, there, number=number), backend="other"))

        first = await social.refresh_due(limit=3)
        second = await social.refresh_due(limit=4)

    assert (first.renewed, second.renewed, len(acme.renewals)) == (3, 4, 7)


async def test_what_was_claimed_when_a_sweep_is_cut_off_is_renewed_and_no_more_is_claimed() -> None:
    acme, store = Acme(), Claims()
    store.gate.clear()
    async with swept(acme, count=25, repository=store) as there:
        sweeping = asyncio.create_task(there.social.refresh_due())
        await turns()
        sweeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sweeping
        store.gate.set()
        await there.at_rest()

        assert await leases(there) == {None}
        assert [row.version for row in await rows(there)].count(2) == len(acme.renewals) == AT_ONCE
    assert len(store.asked) == 1


async def test_what_was_claimed_just_when_the_app_closes_is_given_back() -> None:
    acme, store = Acme(), Claims()
    store.gate.clear()
    async with swept(acme, count=25, repository=store) as there:
        sweeping = asyncio.create_task(there.social.refresh_due())
        await turns()
        closing = asyncio.create_task(there.social.close())
        await turns()
        store.gate.set()
        got = await sweeping
        await closing

        assert await leases(there) == {None}
    assert (got, acme.renewals) == (Swept(failed=AT_ONCE), [])


async def test_what_was_claimed_for_a_provider_that_cannot_be_found_is_given_back() -> None:
    acme = Acme()
    lost = {"protocol": "oidc", "oidc": {"endpoint": "https://acme.example"}}
    async with swept(acme, count=2) as there, again(there, acme, backends={"acme": backend_at(lost)}) as social:
        got = await social.refresh_due()

        assert await leases(there) == {None}
    assert (got, acme.renewals) == (Swept(failed=2), [])


async def test_nothing_is_sent_where_a_claim_took_so_long_that_the_lease_might_end_before_the_answer() -> None:
    acme, store = Acme(), Claims()
    store.takes = SEND_SECONDS + 1
    async with swept(acme, count=2, repository=store) as there:
        got = await there.social.refresh_due()

        assert await leases(there) == {None}
    assert (got, acme.renewals) == (Swept(failed=2), [])


async def test_what_a_dead_process_had_sent_is_claimed_after_its_lease_and_sent_after_the_pause() -> None:
    acme = Acme()
    async with swept(acme, count=1) as there:
        row = await there.row()
        assert await there.repository.lease(row.id, version=1, lease_id="of the dead", seconds=LEASE)
        assert await there.repository.mark_sent(row.id, version=1, lease_id="of the dead")
        nothing = await there.social.refresh_due()
        there.clock.advance(LEASE.fresh)
        sweeping = asyncio.create_task(there.social.refresh_due())
        await there.clock.until_asleep()
        there.clock.advance(TAKE_OVER_SECONDS - 0.01)
        await turns()
        sent_within_the_pause = len(acme.renewals)

        got = await in_time(_result(sweeping), there.clock)

    assert (nothing, got) == (Swept(), Swept(renewed=1))
    assert (sent_within_the_pause, len(acme.renewals)) == (0, 1)


async def _result(task: "asyncio.Task[Swept]") -> Swept:
    return await task


async def test_a_caller_who_had_begun_before_the_claim_gets_the_lease_and_one_request_is_made() -> None:
    acme, store = Acme(), Standing()
    async with swept(acme, count=1, repository=store) as there:
        store.go_on.clear()
        store.reached.clear()
        caller = asyncio.create_task(there.association.refresh_token())
        await store.reached.wait()
        got = await there.social.refresh_due()
        free = await leases(there)
        store.go_on.set()
        renewed = await caller

        assert await renewed.get_access_token() == "access-1"
    assert (got, free) == (Swept(elsewhere=1), {None})
    assert len(acme.renewals) == 1


async def test_who_asks_while_a_sweep_renews_joins_it() -> None:
    acme = Acme()
    acme.gate.clear()
    async with swept(acme, count=1) as there:
        sweeping = asyncio.create_task(there.social.refresh_due())
        await acme.arrived.wait()
        caller = asyncio.create_task(there.association.refresh_token())
        await turns()
        acme.gate.set()
        renewed = await caller

        assert await renewed.get_access_token() == "access-1"
        assert await sweeping == Swept(renewed=1)
    assert len(acme.renewals) == 1


async def test_what_waits_in_this_process_to_be_stored_is_not_renewed_by_a_sweep() -> None:
    acme, clock = Acme(), ManualClock()
    store = Broken(clock=clock)
    async with swept(acme, count=1, repository=store) as there:
        store.save = "before"
        await there.association.refresh_token()
        for _ in range(int(LEASE.fresh) + 1):
            await turns()
            clock.advance(1)

        got = await there.social.refresh_due()

        store.save = None
        await turns()
        clock.advance(1)
        await there.at_rest()
        assert (await there.row()).version == 2
    assert (got, len(acme.renewals)) == (Swept(elsewhere=1), 1)


async def test_after_an_outage_one_goes_first_and_the_sweep_leaves_the_others_for_the_next() -> None:
    acme = Acme()
    acme.answers = [httpx.Response(503)] * AT_ONCE
    async with swept(acme, count=2 * AT_ONCE) as there:
        await there.social.refresh_due()
        tried = len(acme.renewals)
        there.clock.advance(600)

        first = await there.social.refresh_due()
        second = await there.social.refresh_due()

        assert await leases(there) == {None}
    assert tried == AT_ONCE
    assert first == Swept(renewed=1)
    assert second == Swept(renewed=2 * AT_ONCE - 1)
