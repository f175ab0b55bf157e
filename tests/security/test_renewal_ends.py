"""A renewal whose caller is cancelled, whose app closes, whose loop ends, whose association is unlinked.

Rows SR-F10, F-PR-08, F-PR-09, F-PR-10 and F-PR-15.
"""

import asyncio
import gc
import warnings

import httpx
import pytest

from asgi_social import AssociationGone, Event, ProviderUnreachable, Social
from asgi_social.refresh.attempt import LEASE, TAKE_OVER_SECONDS
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing import ManualClock
from tests.app import settings
from tests.renewing import Acme, again, at, backend_at
from tests.security.renewal_doubles import Held, in_time, sealed_anew, turns


async def test_f_pr_08_the_request_that_began_a_shared_renewal_is_cancelled_and_the_others_get_its_tokens() -> None:
    acme = Acme()
    acme.gate.clear()
    async with at(acme) as there:
        first, *others = (asyncio.create_task(there.association.refresh_token()) for _ in range(5))
        await acme.arrived.wait()

        first.cancel()
        await turns()
        acme.gate.set()

        assert [await (await other).get_access_token() for other in others] == ["access-1"] * 4
        assert first.cancelled()
    assert len(acme.renewals) == 1


@pytest.mark.parametrize("has_caller", [True, False])
async def test_f_pr_09_close_waits_for_an_answer_that_is_on_the_way_and_stores_it(has_caller: bool) -> None:
    acme = Acme()
    acme.gate.clear()
    async with at(acme) as there:
        renewing = asyncio.create_task(there.association.refresh_token())
        await acme.arrived.wait()
        if not has_caller:
            renewing.cancel()
        closing = asyncio.create_task(there.social.close())
        await turns()
        before = closing.done()
        acme.gate.set()
        await closing

        row = await there.row()
    assert (before, row.version, row.lease_id) == (False, 2, None)


async def test_sr_f10_nothing_new_is_sent_once_the_app_closes_and_no_lease_is_left() -> None:
    acme = Acme()
    acme.gate.clear()
    async with at(acme) as there:
        await there.repository.add(sealed_anew(await there.row(), there, number=1))
        first, second = await there.social.associations("ada")
        renewing = asyncio.create_task(first.refresh_token())
        await acme.arrived.wait()
        closing = asyncio.create_task(there.social.close())
        await turns()

        with pytest.raises(ProviderUnreachable) as raised:
            await second.refresh_token()

        row = await there.repository.get(second.id)
        acme.gate.set()
        await asyncio.gather(renewing, closing)
    assert row is not None
    assert (row.lease_id, row.sent_at, row.attempts) == (None, None, 0)
    assert not raised.value.may_have_arrived
    assert len(acme.renewals) == 1


async def test_sr_f10_a_close_between_lease_and_request_sends_nothing_and_gives_the_lease_back() -> None:
    acme, clock = Acme(), ManualClock()
    repository = Held(clock=clock)
    async with at(acme, clock=clock, repository=repository) as there:
        repository.operation = "lease"
        renewing = asyncio.create_task(there.association.refresh_token())
        await repository.reached.wait()
        closing = asyncio.create_task(there.social.close())
        await turns()
        repository.go_on.set()

        with pytest.raises(ProviderUnreachable):
            await renewing

        await closing
        row = await there.row()
    assert (row.lease_id, row.sent_at) == (None, None)
    assert acme.renewals == []


async def test_sr_f10_a_close_before_a_second_attempt_leaves_word_that_the_first_was_sent() -> None:
    acme = Acme()
    acme.answers = [httpx.Response(504)]
    async with at(acme) as there:
        with pytest.raises(ProviderUnreachable):
            await there.association.refresh_token()
        sent_at = (await there.row()).sent_at
        there.clock.advance(LEASE.fresh + 10)
        renewing = asyncio.create_task(there.association.refresh_token())
        await there.clock.until_asleep()
        closing = asyncio.create_task(there.social.close())
        await turns()
        there.clock.advance(TAKE_OVER_SECONDS)

        with pytest.raises(ProviderUnreachable):
            await renewing

        await closing
        assert (await there.row()).sent_at == sent_at
    assert len(acme.renewals) == 1


@pytest.mark.parametrize("is_closed", [True, False])
def test_f_pr_10_one_engine_serves_one_event_loop_after_another(is_closed: bool) -> None:
    clock, acme = ManualClock(), Acme()
    repository = MemoryRepository(clock=clock)
    http_client = httpx.AsyncClient(transport=httpx.MockTransport(acme))
    values = settings(database=repository, clock=clock, http_client=http_client, backends={"acme": backend_at()})
    social = Social(**values)

    async def link() -> None:
        async with at(acme, clock=clock, repository=repository):
            pass

    async def renew() -> str:
        await social.open()
        [association] = await social.associations("ada")
        token = await (await association.refresh_token()).get_access_token()
        if is_closed:
            await social.close()
        return token

    asyncio.run(link())

    assert [asyncio.run(renew()) for _ in range(3)] == ["access-1", "access-2", "access-3"]


def test_f_pr_10_a_loop_that_ends_with_a_renewal_under_way_leaves_neither_a_warning_nor_a_lock() -> None:
    clock, acme = ManualClock(), Acme()
    repository = MemoryRepository(clock=clock)
    social: Social

    async def begin() -> None:
        nonlocal social
        async with at(acme, clock=clock, repository=repository) as there:
            pass
        social = again(there, acme)
        await social.open()
        acme.gate = asyncio.Event()
        [association] = await social.associations("ada")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(association.refresh_token(), timeout=0.01)

    async def go_on() -> str:
        await social.open()
        acme.gate = asyncio.Event()
        acme.gate.set()
        [association] = await social.associations("ada")
        return await (await in_time(association.refresh_token(), clock)).get_access_token()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(begin())
        gc.collect()
        clock.advance(LEASE.fresh)
        token = asyncio.run(go_on())

    assert token == "access-2"
    assert [sent["refresh_token"] for sent in acme.parameters] == ["refresh-0", "refresh-0"]


async def test_f_pr_15_a_late_answer_for_an_unlinked_association_is_dropped_and_given_back() -> None:
    given_back = list[str]()
    acme = Acme()
    acme.gate.clear()

    async def provider(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/revoke":
            given_back.append(dict(httpx.QueryParams(request.content.decode()))["token"])
            return httpx.Response(200)
        return await acme(request)

    events = list[Event]()
    async with at(provider, table={"revoke": {"url": "https://acme.example/revoke"}}, on_event=events.append) as there:
        renewing = asyncio.create_task(there.association.refresh_token())
        await acme.arrived.wait()
        await there.social.disconnect("ada")
        acme.gate.set()

        with pytest.raises(AssociationGone):
            await renewing
        await there.at_rest()
        assert await there.social.associations("ada") == []
    assert given_back == ["refresh-0", "refresh-1"]
    assert "renewed" not in [event.name for event in events]
