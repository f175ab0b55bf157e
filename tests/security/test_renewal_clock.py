"""A wall clock that is set while tokens are renewed, and what a request with a living token waits (F-CL-02, SR-F05)."""

import asyncio

import httpx
import pytest

from asgi_social import ProviderUnreachable
from asgi_social.refresh.attempt import LEASE
from asgi_social.refresh.limits import PATIENCE
from asgi_social.refresh.schedule import MAX_BACKOFF_SECONDS
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing import ManualClock
from tests.renewing import Acme, at
from tests.security.renewal_doubles import SetClock, in_time, sealed_anew, turns

HOUR = 3600.0


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forward", "back"])
async def test_f_cl_02_a_step_of_the_wall_clock_makes_at_most_one_renewal_of_an_association(step: float) -> None:
    acme, clock = Acme(), SetClock()
    async with at(acme, clock=clock) as there:
        row = await there.row()
        for number in range(1, 5):
            await there.repository.add(sealed_anew(row, there, number=number))
        clock.offset += step
        for _ in range(30):
            await asyncio.gather(*(one.get_access_token() for one in await there.social.associations("ada")))
            await there.social.refresh_due()
            await there.at_rest()
            clock.advance(1)
        sent = len(acme.renewals)
        clock.offset -= step
        for _ in range(30):
            await asyncio.gather(*(one.get_access_token() for one in await there.social.associations("ada")))
            await there.at_rest()
            clock.advance(1)

    assert sent == (5 if step > 0 else 0)
    assert len(acme.renewals) == sent


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forward", "back"])
async def test_f_cl_02_the_pause_after_an_outage_is_by_the_monotonic_clock(step: float) -> None:
    acme, clock = Acme(), SetClock()
    acme.answers = [httpx.Response(503, headers={"retry-after": "60"})]
    async with at(acme, clock=clock) as there:
        await there.repository.add(sealed_anew(await there.row(), there, number=1))
        first, second = await there.social.associations("ada")
        with pytest.raises(ProviderUnreachable):
            await first.refresh_token()
        clock.offset += step
        for _ in range(59):
            with pytest.raises(ProviderUnreachable):
                await second.refresh_token()
            clock.advance(1)
        sent = len(acme.renewals)
        clock.advance(2)
        await second.refresh_token()

    assert (sent, len(acme.renewals)) == (1, 2)


async def test_f_cl_02_an_attempt_put_off_by_a_clock_that_was_wrong_is_made_within_an_hour() -> None:
    acme, clock = Acme(), SetClock()
    acme.answers = [httpx.Response(500)]
    async with at(acme, clock=clock) as there:
        clock.offset += 10 * 365 * 86_400
        with pytest.raises(ProviderUnreachable):
            await there.association.refresh_token()
        clock.offset = 0.0

        renewed = await there.association.refresh_token()

        assert await renewed.get_access_token() == "access-2"
    assert MAX_BACKOFF_SECONDS <= HOUR


@pytest.mark.parametrize("step", [HOUR, -HOUR, 10 * HOUR], ids=["forward", "back", "ten hours forward"])
async def test_f_cl_02_the_clock_of_one_process_disturbs_no_lease_for_it_is_by_the_store_s_own(step: float) -> None:
    acme, clock = Acme(), SetClock()
    store_s = ManualClock()
    repository = MemoryRepository(clock=store_s)
    async with at(acme, clock=clock, repository=repository) as there:
        row = await there.row()
        assert await repository.lease(row.id, version=row.version, lease_id="of the dead", seconds=LEASE)
        clock.offset += step
        with pytest.raises(ProviderUnreachable):
            await in_time(there.association.refresh_token(), clock)
        sent = len(acme.renewals)
        store_s.advance(LEASE.fresh)

        await there.association.refresh_token()

    assert (sent, len(acme.renewals)) == (0, 1)


async def test_f_cl_02_a_caller_s_wait_for_another_process_is_by_the_monotonic_clock() -> None:
    acme, clock = Acme(), SetClock()
    repository = MemoryRepository(clock=ManualClock())
    async with at(acme, clock=clock, repository=repository) as there:
        row = await there.row()
        assert await repository.lease(row.id, version=row.version, lease_id="of the dead", seconds=LEASE)
        began = clock.monotonic()
        asking = asyncio.create_task(there.association.refresh_token())
        await turns()
        clock.offset -= HOUR
        while not asking.done():
            clock.advance(0.5)
            await turns()

        with pytest.raises(ProviderUnreachable):
            await asking
    assert clock.monotonic() - began < 30


async def test_sr_f05_a_request_with_a_token_that_lives_waits_for_nobody_while_the_provider_does_not_answer() -> None:
    acme = Acme()
    acme.gate.clear()
    async with at(acme) as there:
        there.clock.advance(3400)
        tokens = [await there.association.get_access_token() for _ in range(200)]
        await acme.arrived.wait()
        more = [await there.association.get_access_token() for _ in range(200)]
        acme.gate.set()
        await there.at_rest()

    assert set(tokens + more) == {"access-0"}
    assert len(acme.renewals) == 1


async def test_sr_f05_tokens_that_were_given_together_are_not_renewed_together() -> None:
    async with at(Acme()) as there:
        row = await there.row()
        for number in range(1, 100):
            await there.repository.add(sealed_anew(row, there, number=number))
        for association in await there.social.associations("ada"):
            await association.refresh_token()
        moments = [one.renew_at or 0 for one in await there.repository.page(after="", limit=100)]

    ends = there.clock.now() + 3600
    assert len(set(moments)) == 100
    assert all(300 <= ends - moment <= 375 for moment in moments)
    assert max(moments) - min(moments) > 60


async def test_sr_f05_many_associations_that_fail_at_once_ask_a_provider_that_is_down_a_few_times_only() -> None:
    acme = Acme(first={"expires_in": 600})
    acme.answers = [httpx.Response(503)] * 1000
    async with at(acme) as there:
        row = await there.row()
        for number in range(1, 200):
            await there.repository.add(sealed_anew(row, there, number=number))
        there.clock.advance(600)
        found = await there.social.associations("ada")

        results = await asyncio.gather(*(one.get_access_token() for one in found), return_exceptions=True)

    assert {type(one) for one in results} == {ProviderUnreachable}
    assert len(acme.renewals) <= PATIENCE + 10
