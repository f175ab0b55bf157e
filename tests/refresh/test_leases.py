"""Several engines over one store: one renews, all get its tokens; and what a dead one left behind."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import httpx
import pytest

from asgi_social import Association, NeedsReauth, ProviderUnreachable
from asgi_social.refresh.attempt import LEASE, TAKE_OVER_SECONDS
from asgi_social.storage.repository import StoredAssociation
from asgi_social.testing import FakeProvider, ManualClock
from tests.renewing import REVOKED, Acme, Linked, again, at
from tests.security.renewal_doubles import in_time, turns

ENGINES = 4
CALLERS = 25


async def engines(there: Linked, provider: Acme | FakeProvider, stack: AsyncExitStack) -> list[Association[object]]:
    """Open further engines over the same store, and give the association as each has it."""
    socials = [there.social]
    for _ in range(ENGINES - 1):
        if isinstance(provider, FakeProvider):
            http_client = httpx.AsyncClient(transport=provider.transport())
            social = again(there, Acme(), backends={"corp": provider.backend_settings()}, http_client=http_client)
        else:
            social = again(there, provider)
        socials.append(await stack.enter_async_context(social))
    return [(await social.associations("ada"))[0] for social in socials]


async def dead(there: Linked, *, sent: bool = True) -> StoredAssociation:
    """Leave the row as a process that was killed does: with its lease, before or after it sent."""
    row = await there.row()
    leased = await there.repository.lease(row.id, version=row.version, lease_id="of the dead", seconds=LEASE)
    assert leased is not None
    if sent:
        assert await there.repository.mark_sent(row.id, version=row.version, lease_id="of the dead")
    return await there.row()


@pytest.mark.parametrize("way", ["refresh_token", "get_access_token"])
async def test_many_callers_of_many_engines_make_one_request_at_a_strict_provider_and_all_get_its_token(
    way: str,
) -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer="https://id.example", clock=clock)
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(at(fake, clock=clock))
        found = await engines(there, fake, stack)
        clock.advance(3600)
        before = fake.count("/token")

        async def token_of(association: Association[object]) -> str:
            if way == "refresh_token":
                association = await association.refresh_token()
            return await association.get_access_token()

        async def all_tokens() -> list[str]:
            return await asyncio.gather(*(token_of(one) for one in found for _ in range(CALLERS)))

        tokens = await in_time(all_tokens(), clock, step=0.1)

        assert len(tokens) == ENGINES * CALLERS
        assert len(set(tokens)) == 1
        assert tokens[0] in fake.tokens["ada"]
        assert (fake.count("/token") - before, fake.families_lost) == (1, 0)
        assert (await there.row()).version == 2


async def test_engines_that_renew_again_and_again_spend_each_refresh_token_once() -> None:
    acme = Acme()
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(at(acme))
        found = await engines(there, acme, stack)
        for _ in range(5):
            there.clock.advance(3600)

            async def all_tokens() -> list[str]:
                return await asyncio.gather(*(one.get_access_token() for one in found for _ in range(CALLERS)))

            assert len(set(await in_time(all_tokens(), there.clock, step=0.1))) == 1

    spent = [sent["refresh_token"] for sent in acme.parameters]
    assert spent == [f"refresh-{number}" for number in range(5)]


async def test_a_failure_of_one_engine_is_told_to_its_callers_and_the_others_try_no_earlier_than_it_says() -> None:
    acme = Acme()
    acme.answers = [httpx.Response(503, headers={"retry-after": "10"})]
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(at(acme))
        found = await engines(there, acme, stack)
        with pytest.raises(ProviderUnreachable):
            await found[0].refresh_token()
        for association in found[1:]:  # which know of it by the row alone
            with pytest.raises(ProviderUnreachable) as raised:
                await association.refresh_token()

            assert raised.value.retry_after == 10
        there.clock.advance(10)
        await found[1].refresh_token()

    assert len(acme.renewals) == 2


async def test_a_lease_whose_holder_died_before_it_sent_is_taken_once_it_has_ended() -> None:
    acme = Acme()
    async with at(acme) as there:
        await dead(there, sent=False)
        there.clock.advance(LEASE.fresh)

        renewed = await there.association.refresh_token()  # at once: nothing was out

        assert await renewed.get_access_token() == "access-1"
    assert len(acme.renewals) == 1


async def test_nothing_is_sent_while_the_lease_of_a_dead_process_lasts() -> None:
    acme = Acme()
    async with at(acme) as there:
        await dead(there)
        there.clock.advance(LEASE.fresh - 21)
        with pytest.raises(ProviderUnreachable) as raised:
            await in_time(there.association.refresh_token(), there.clock)

    assert (acme.renewals, raised.value.may_have_arrived) == ([], False)


async def _taken_over(there: Linked, found: list[Association[object]]) -> list[Association[object]]:
    async def all_renewed() -> list[Association[object]]:
        return await asyncio.gather(*(one.refresh_token() for one in found for _ in range(CALLERS)))

    return await in_time(all_renewed(), there.clock, step=0.25)


async def test_after_a_process_that_died_with_its_answer_one_attempt_follows_after_a_pause_and_is_stored() -> None:
    acme = Acme()
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(at(acme))
        found = await engines(there, acme, stack)
        await dead(there)
        there.clock.advance(LEASE.fresh)
        began = there.clock.monotonic()
        first = asyncio.create_task(found[0].refresh_token())
        await there.clock.until_asleep()
        there.clock.advance(TAKE_OVER_SECONDS - 0.01)
        await turns()
        sent_within_the_pause = len(acme.renewals)

        got = await _taken_over(there, found)
        await first

        assert there.clock.monotonic() - began >= TAKE_OVER_SECONDS
        assert {await one.get_access_token() for one in got} == {"access-1"}
        row = await there.row()
    assert (sent_within_the_pause, len(acme.renewals)) == (0, 1)
    assert (row.version, row.sent_at, row.lease_id, row.status) == (2, None, None, "active")


async def test_after_a_process_that_died_with_its_answer_a_refusal_is_told_as_a_lost_answer_to_all() -> None:
    acme = Acme()
    acme.answers = [REVOKED]
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(at(acme))
        found = await engines(there, acme, stack)
        before = await dead(there)
        there.clock.advance(LEASE.fresh)

        async def all_refused() -> list[object]:
            return await asyncio.gather(
                *(one.refresh_token() for one in found for _ in range(CALLERS)), return_exceptions=True
            )

        refusals = await in_time(all_refused(), there.clock, step=0.25)
        row = await there.row()

    assert {type(one) for one in refusals} == {NeedsReauth}
    assert {one.reason for one in refusals if isinstance(one, NeedsReauth)} == {"answer_lost"}
    assert (row.status, row.reason, row.refresh_token) == ("needs_reauth", "answer_lost", before.refresh_token)
    assert len(acme.renewals) == 1


async def test_at_a_strict_provider_that_rotated_before_the_process_died_the_family_is_lost_only_once() -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer="https://id.example", clock=clock)
    async with at(fake, clock=clock) as there:
        fake.faults.token_body = (b"", "application/json")  # it acts, and the answer is lost
        with pytest.raises(Exception, match="empty"):
            await there.association.refresh_token()
        fake.faults.token_body = None
        clock.advance(LEASE.fresh + 5)
        asked = fake.count("/token")
        for _ in range(3):
            with pytest.raises(NeedsReauth) as raised:
                await in_time(there.association.refresh_token(), clock)

    assert raised.value.reason == "answer_lost"
    assert fake.count("/token") - asked == 1


async def test_a_write_that_comes_within_the_pause_is_taken_and_nothing_is_sent() -> None:
    acme = Acme()
    async with at(acme) as there:
        row = await dead(there)
        there.clock.advance(LEASE.fresh)
        renewing = asyncio.create_task(there.association.refresh_token())
        await there.clock.until_asleep()
        assert await there.repository.save_tokens(replace(row, version=2), replaces=1)  # it was not dead after all

        async def renewed() -> int:
            await renewing
            return (await there.row()).version

        assert await in_time(renewed(), there.clock) == 2
    assert acme.renewals == []


async def test_a_second_lost_answer_keeps_word_of_the_first_and_is_followed_later() -> None:
    acme = Acme()
    acme.answers = [httpx.Response(503), httpx.Response(504)]
    async with at(acme) as there:
        await dead(there)
        for _ in range(2):
            there.clock.advance(60)
            with pytest.raises(ProviderUnreachable):
                await in_time(there.association.refresh_token(), there.clock)
            row = await there.row()
            assert (row.sent_at is not None, row.lease_id is not None) == (True, True)
            held = (row.next_attempt_at or 0) - there.clock.now()
            assert held > 0
        there.clock.advance(60)

        renewed = await in_time(there.association.refresh_token(), there.clock)

        assert await renewed.get_access_token() == "access-3"
        assert (await there.row()).sent_at is None
