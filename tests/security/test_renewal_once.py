"""A refresh token is spent once, its successor is stored before anybody has it, and a late one does not win.

Rows SR-F01 to SR-F03, F-ID-07 and F-PR-06.
"""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from asgi_social import Association, NeedsReauth, ProviderError, ProviderUnreachable, Social
from asgi_social.refresh.attempt import LEASE
from asgi_social.testing import ManualClock
from tests.renewing import REVOKED, Acme, Linked, again, answer, at
from tests.security.renewal_doubles import Held, in_time, turns

# SR-F01: one at a time


async def test_sr_f01_callers_in_several_processes_make_one_request_and_all_get_its_token() -> None:
    acme = Acme()
    acme.gate.clear()
    async with at(acme) as there, again(there, acme) as second, again(there, acme) as third:
        there.clock.advance(3600)
        found = [(await social.associations("ada"))[0] for social in (there.social, second, third) for _ in range(30)]
        asking = asyncio.gather(*(association.get_access_token() for association in found))
        await acme.arrived.wait()
        await turns()
        acme.gate.set()

        async def asked() -> list[str]:
            return await asking

        tokens = await in_time(asked(), there.clock, step=0.1)

    assert tokens == ["access-1"] * 90
    assert len(acme.renewals) == 1


async def test_sr_f01_the_lease_of_a_holder_that_died_ends_by_itself() -> None:
    acme = Acme()
    async with at(acme) as there:
        row = await there.row()
        assert await there.repository.lease(row.id, version=row.version, lease_id="of the dead", seconds=LEASE)
        with pytest.raises(ProviderUnreachable):
            await in_time(there.association.refresh_token(), there.clock)
        there.clock.advance(LEASE.fresh)

        renewed = await there.association.refresh_token()

        assert await renewed.get_access_token() == "access-1"
    assert len(acme.renewals) == 1


async def test_sr_f01_a_token_that_still_lives_is_given_while_another_process_renews() -> None:
    acme = Acme()
    acme.gate.clear()
    async with at(acme) as there, again(there, acme) as second:
        there.clock.advance(3400)
        renewing = asyncio.create_task(there.association.refresh_token())
        await acme.arrived.wait()
        [association] = await second.associations("ada")

        got = await association.get_access_token()

        acme.gate.set()
        await renewing
    assert got == "access-0"
    assert len(acme.renewals) == 1


async def test_sr_f01_a_holder_that_stood_still_before_it_sent_sends_nothing_while_another_may_take_over() -> None:
    """Its answer would come after its lease, when another process has sent the same refresh token."""
    acme, clock = Acme(), ManualClock()
    repository = Held(clock=clock)
    async with at(acme, clock=clock, repository=repository) as there:
        repository.operation = "mark_sent"
        renewing = asyncio.create_task(there.association.refresh_token())
        await repository.reached.wait()
        clock.advance(LEASE.fresh - 1)
        repository.go_on.set()

        with pytest.raises(ProviderUnreachable) as raised:
            await renewing

        row = await there.row()
        assert (row.lease_id, row.sent_at) == (None, None)
        renewed = await there.association.refresh_token()
        assert await renewed.get_access_token() == "access-1"
    assert not raised.value.may_have_arrived


# SR-F02: stored before it is given


async def test_sr_f02_the_new_pair_is_stored_before_anybody_gets_its_access_token() -> None:
    acme, seen = Acme(), list[int]()
    async with at(acme) as there:

        async def asked() -> None:
            await there.association.refresh_token()
            seen.append((await there.row()).version)

        await asyncio.gather(*(asked() for _ in range(5)))

    assert seen == [2] * 5


@pytest.mark.parametrize(
    "answered",
    [
        pytest.param(httpx.Response(500, json={"error": "server_error"}), id="an error"),
        pytest.param(httpx.Response(200, html="<h1>Sign in</h1>"), id="HTML"),
        pytest.param(answer(1, access_token=None), id="no access_token"),
    ],
)
async def test_sr_f02_an_answer_that_gives_no_token_changes_none(answered: httpx.Response) -> None:
    acme = Acme()
    acme.answers = [answered]
    async with at(acme) as there:
        before = await there.row()
        with pytest.raises(ProviderError):
            await there.association.refresh_token()
        after = await there.row()

        assert await (await there.stored()).get_access_token() == "access-0"
    assert (after.access_token, after.refresh_token, after.version, after.status) == (
        before.access_token,
        before.refresh_token,
        before.version,
        "active",
    )


async def test_sr_f02_a_suspect_answer_is_stored_with_its_refresh_token_and_served_to_nobody() -> None:
    acme = Acme()
    acme.answers = [answer(1, token_type="mac")]
    async with at(acme) as there:
        before = await there.row()
        for association in (there.association, there.association):
            with pytest.raises(NeedsReauth):
                await association.refresh_token()
        after = await there.row()
        with pytest.raises(NeedsReauth):
            await (await there.stored()).get_access_token()

    assert after.refresh_token not in {None, before.refresh_token}
    assert (after.status, after.reason) == ("needs_reauth", "suspect")
    assert len(acme.renewals) == 1


async def test_sr_f02_a_process_that_dies_between_the_answer_and_the_write_leaves_word_that_it_had_sent() -> None:
    acme = Acme()
    acme.gate.clear()
    async with at(acme) as there:
        renewing = asyncio.create_task(there.association.refresh_token())
        await acme.arrived.wait()

        row = await there.row()  # as the next process would find it

        acme.gate.set()
        await renewing
    assert (row.sent_at, row.version) == (there.clock.now(), 1)
    assert row.lease_id is not None


# SR-F03 and F-PR-06: a late writer loses


async def _late(there: Linked, acme: Acme, second: Social) -> asyncio.Task[Association[Any]]:
    """Begin a renewal whose holder stands still with its answer on the way, while another one renews after it."""
    gate = acme.gate
    gate.clear()
    late = asyncio.create_task(there.association.refresh_token())
    await acme.arrived.wait()
    there.clock.advance(60)
    acme.gate = asyncio.Event()
    acme.gate.set()
    [association] = await second.associations("ada")
    await in_time(association.refresh_token(), there.clock)
    gate.set()
    return late


async def test_f_pr_06_a_holder_that_stood_still_drops_its_pair_and_gives_the_stored_one() -> None:
    acme = Acme()
    async with at(acme) as there, again(there, acme) as second:
        late = await _late(there, acme, second)

        got = await late

        assert await got.get_access_token() == "access-2"
        assert await (await there.stored()).get_access_token() == "access-2"
        assert (await there.row()).version == 2
    assert len(acme.renewals) == 2


async def test_sr_f03_of_two_renewals_that_end_in_reverse_order_the_newer_pair_stays() -> None:
    acme = Acme()
    async with at(acme) as there, again(there, acme) as second:
        late = await _late(there, acme, second)
        await late
        [association] = await second.associations("ada")
        await association.refresh_token()

    assert [sent["refresh_token"] for sent in acme.parameters] == ["refresh-0", "refresh-0", "refresh-2"]


async def test_sr_f03_a_late_refusal_does_not_end_what_another_has_renewed() -> None:
    acme = Acme()
    acme.answers = [answer(1), REVOKED]  # the first to take one is the one that is answered first
    async with at(acme) as there, again(there, acme) as second:
        late = await _late(there, acme, second)

        got = await late

        assert await got.get_access_token() == "access-1"
        assert (await there.row()).status == "active"


# F-ID-07: the earlier answer was lost


async def test_f_id_07_after_a_lost_answer_one_more_attempt_is_made_and_its_refusal_has_a_reason_of_its_own() -> None:
    acme = Acme()
    acme.answers = [httpx.Response(504), REVOKED]
    async with at(acme) as there:
        with pytest.raises(ProviderUnreachable):
            await there.association.refresh_token()
        there.clock.advance(LEASE.fresh + 10)
        with pytest.raises(NeedsReauth) as raised:
            await in_time(there.association.refresh_token(), there.clock)
        with pytest.raises(NeedsReauth):
            await there.association.refresh_token()
        row = await there.row()

    assert (raised.value.reason, row.reason, len(acme.renewals)) == ("answer_lost", "answer_lost", 2)
    assert row.refresh_token is not None


async def test_f_id_07_the_attempt_after_a_lost_answer_is_not_made_where_a_newer_pair_is_stored_meanwhile() -> None:
    acme = Acme()
    acme.answers = [httpx.Response(504)]
    async with at(acme) as there:
        with pytest.raises(ProviderUnreachable):
            await there.association.refresh_token()
        there.clock.advance(LEASE.fresh + 10)
        renewing = asyncio.create_task(there.association.refresh_token())
        await there.clock.until_asleep()  # it has the lease, and waits for the one before it to write
        row = await there.row()
        assert await there.repository.save_tokens(replace(row, version=2), replaces=1)

        async def renewed() -> str:
            return await (await renewing).get_access_token()

        assert await in_time(renewed(), there.clock) == "access-0"
    assert len(acme.renewals) == 1


async def test_f_id_07_a_provider_that_takes_the_token_again_heals_the_association() -> None:
    acme = Acme()
    acme.answers = [httpx.Response(504)]
    async with at(acme) as there:
        with pytest.raises(ProviderUnreachable):
            await there.association.refresh_token()
        there.clock.advance(LEASE.fresh + 10)

        renewed = await in_time(there.association.refresh_token(), there.clock)

        row = await there.row()
        assert await renewed.get_access_token() == "access-2"
        assert (row.sent_at, row.lease_id, row.attempts, row.version) == (None, None, 0, 2)
