"""A database that is silent, behind, full or holds what does not open (rows F-DB-04 to F-DB-10, for a renewal)."""

import asyncio
import logging
from dataclasses import replace
from typing import Literal

import pytest

from asgi_social import AssociationGone, NeedsReauth, StorageError
from asgi_social.refresh.keeper import PAUSE_SECONDS
from asgi_social.testing import ManualClock
from tests.renewing import REVOKED, Acme, again, at
from tests.security.renewal_doubles import Broken, Lagging, in_time, sealed_anew, turns, with_access

ANOTHER_KEY = "another-key-of-the-tests-8Vr2mQ5pXz"

# F-DB-04 to F-DB-06: the new pair is in hand, and the database does not take it


async def test_f_db_05_tokens_are_served_from_memory_and_stored_when_the_database_is_back() -> None:
    await served_and_then_stored("before")


async def test_f_db_06_tokens_of_which_nobody_knows_whether_they_are_stored_are_asked_for_once() -> None:
    await served_and_then_stored("after")


async def served_and_then_stored(save: Literal["before", "after"]) -> None:
    acme, clock = Acme(), ManualClock()
    repository = Broken(clock=clock)
    async with at(acme, clock=clock, repository=repository) as there:
        repository.save = save
        renewed = await there.association.refresh_token()
        served = [await one.get_access_token() for one in (renewed, there.association)]
        again_asked = await there.association.refresh_token()  # the older version: it gets what is in hand
        events = [event.name for event in there.events]
        for _ in range(20):
            await turns()
            clock.advance(PAUSE_SECONDS)
        tries_meanwhile = repository.saves
        repository.save = None
        await turns()
        clock.advance(PAUSE_SECONDS)
        told = await there.told()

        row = await there.row()
        assert await (await there.stored()).get_access_token() == "access-1"
    assert served == ["access-1", "access-1"]
    assert await again_asked.get_access_token() == "access-1"
    assert events == ["renewal_unstored"]
    assert told == ["renewal_unstored", "renewed"]
    assert tries_meanwhile > 10
    assert (row.version, row.lease_id, row.sent_at) == (2, None, None)
    assert len(acme.renewals) == 1


async def test_f_db_05_close_waits_for_tokens_that_are_not_stored_yet() -> None:
    acme, clock = Acme(), ManualClock()
    repository = Broken(clock=clock)
    async with at(acme, clock=clock, repository=repository) as there:
        repository.save = "before"
        await there.association.refresh_token()
        closing = asyncio.create_task(there.social.close())
        await turns()
        before = closing.done()
        repository.save = None
        clock.advance(PAUSE_SECONDS)
        await closing

        assert (before, (await there.row()).version) == (False, 2)


async def test_f_db_05_tokens_that_the_database_never_took_are_told_in_the_log_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    acme, clock = Acme(), ManualClock()
    repository = Broken(clock=clock)
    async with at(acme, clock=clock, repository=repository) as there:
        repository.save = "before"
        await there.association.refresh_token()
        [storing] = [task for task in asyncio.all_tasks() if task.get_name().startswith("store")]
        await turns()
        storing.cancel()  # as a close does after 20 s
        await turns()
        row = await there.row()

    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert there.association.id in record.getMessage()
    assert (row.version, row.sent_at is not None) == (1, True)  # who finds it knows that its token may be spent


async def test_f_db_04_another_process_sends_nothing_while_the_answer_of_the_first_waits_for_the_database() -> None:
    acme, clock = Acme(), ManualClock()
    repository = Broken(clock=clock)
    async with at(acme, clock=clock, repository=repository) as there, again(there, acme) as second:
        repository.save = "before"
        await there.association.refresh_token()
        [association] = await second.associations("ada")
        for _ in range(40):  # longer than the lease
            await turns()
            clock.advance(1)
        repository.save = None

        renewed = await in_time(association.refresh_token(), clock, step=0.25)

        assert await renewed.get_access_token() == "access-1"
    assert len(acme.renewals) == 1


async def test_f_db_04_the_end_of_a_grant_is_kept_too_until_it_is_stored() -> None:
    acme, clock = Acme(), ManualClock()
    acme.answers = [REVOKED]
    repository = Broken(clock=clock)
    async with at(acme, clock=clock, repository=repository) as there:
        repository.save = "before"
        for _ in range(2):
            with pytest.raises(NeedsReauth):
                await there.association.refresh_token()
        repository.save = None
        await turns()
        clock.advance(PAUSE_SECONDS)
        await there.at_rest()

        assert ((await there.row()).status, len(acme.renewals)) == ("needs_reauth", 1)


async def test_f_db_05_tokens_in_hand_do_not_win_over_those_that_were_linked_meanwhile() -> None:
    acme, clock = Acme(), ManualClock()
    repository = Broken(clock=clock)
    async with at(acme, clock=clock, repository=repository) as there:
        repository.save = "before"
        await there.association.refresh_token()
        repository.save = None
        acme.first["access_token"] = "access-anew"
        await there.link()
        await turns()
        clock.advance(PAUSE_SECONDS)
        await there.at_rest()

        assert await (await there.stored()).get_access_token() == "access-anew"
        assert await there.association.get_access_token() == "access-anew"


async def test_f_db_05_tokens_in_hand_of_an_association_that_was_unlinked_are_served_no_more() -> None:
    acme, clock = Acme(), ManualClock()
    repository = Broken(clock=clock)
    async with at(acme, clock=clock, repository=repository) as there:
        repository.save = "before"
        await there.association.refresh_token()
        repository.save = None
        await there.social.disconnect("ada")
        await turns()
        clock.advance(PAUSE_SECONDS)
        await there.at_rest()

        with pytest.raises(AssociationGone):
            await there.association.refresh_token()


# F-DB-08: a replica that is behind


async def test_f_db_08_a_stale_read_makes_nobody_spend_the_refresh_token_again() -> None:
    acme, clock = Acme(), ManualClock()
    repository = Lagging(clock=clock)
    async with at(acme, clock=clock, repository=repository) as there:
        repository.stale = await there.row()
        await there.association.refresh_token()
        asking = asyncio.create_task(there.association.refresh_token())
        for _ in range(10):
            await turns()
            clock.advance(0.5)
        repository.stale = None

        async def asked() -> str:
            return await (await asking).get_access_token()

        assert await in_time(asked(), clock) == "access-1"
    assert [sent["refresh_token"] for sent in acme.parameters] == ["refresh-0"]


async def test_f_db_08_a_renewal_that_came_too_late_does_not_give_the_old_tokens_that_a_replica_still_has() -> None:
    acme, clock = Acme(), ManualClock()
    acme.gate.clear()
    repository = Lagging(clock=clock)
    async with at(acme, clock=clock, repository=repository) as there:
        repository.stale = await there.row()
        asking = asyncio.create_task(there.association.refresh_token())
        await acme.arrived.wait()
        newer = with_access(await there.row(), there)
        assert await repository.save_tokens(newer, replaces=1)
        acme.gate.set()
        for _ in range(4):
            await turns()
            clock.advance(0.5)
        repository.stale = None

        async def asked() -> str:
            return await (await asking).get_access_token()

        assert await in_time(asked(), clock) == "access-of-another"
    assert len(acme.renewals) == 1


async def test_f_db_08_the_version_in_hand_that_a_replica_has_not_seen_is_not_renewed_from_an_older_one() -> None:
    acme, clock = Acme(), ManualClock()
    repository = Lagging(clock=clock)
    async with at(acme, clock=clock, repository=repository) as there:
        repository.stale = await there.row()
        renewed = await there.association.refresh_token()
        asking = asyncio.create_task(renewed.refresh_token())
        await turns()
        before = len(acme.renewals)
        repository.stale = None

        async def asked() -> str:
            return await (await asking).get_access_token()

        assert await in_time(asked(), clock) == "access-2"
    assert before == 1
    assert [sent["refresh_token"] for sent in acme.parameters] == ["refresh-0", "refresh-1"]


# F-DB-09: a row that does not open


@pytest.mark.parametrize("column", ["access_token", "refresh_token"])
@pytest.mark.parametrize("how", ["bit flip", "foreign row", "key removed"])
async def test_f_db_09_a_row_that_does_not_open_needs_reauth_and_stays_as_it_is(column: str, how: str) -> None:
    acme = Acme()
    async with at(acme) as there, again(there, acme, secret_key=ANOTHER_KEY) as other_keys:
        row = await there.row()
        good = sealed_anew(row, there, number=1)
        await there.repository.add(good)
        value = getattr(row, column)
        spoilt = {
            "bit flip": value[:-1] + ("A" if value[-1] != "A" else "Q"),
            "foreign row": getattr(good, column),
            "key removed": value,
        }
        broken = replace(row, version=2, **{column: spoilt[how]})
        assert await there.repository.save_tokens(broken, replaces=1)
        social = other_keys if how == "key removed" else there.social
        association, *others = await social.associations("ada")
        there.clock.advance(3400)
        for call in (association.get_access_token, association.refresh_token):
            with pytest.raises(NeedsReauth) as raised:
                await call()

            assert raised.value.reason == "unreadable"
        assert await there.row() == broken
        if how != "key removed":
            assert await (await others[0].refresh_token()).get_access_token() == "access-1"
    assert len(acme.renewals) == (how != "key removed")


# F-DB-10: what could not be stored is not asked for


@pytest.mark.parametrize("operation", ["lease", "mark_sent"])
async def test_f_db_10_nothing_is_sent_where_the_lease_cannot_be_written(operation: str) -> None:
    acme, clock = Acme(), ManualClock()
    repository = Broken(clock=clock)
    async with at(acme, clock=clock, repository=repository) as there:
        before = await there.row()
        repository.read_only = {operation}
        with pytest.raises(StorageError) as raised:
            await there.association.refresh_token()
        repository.read_only = set()
        after = await there.row()
        there.clock.advance(60)

        renewed = await there.association.refresh_token()

        assert await renewed.get_access_token() == "access-1"
    assert raised.value.operation == operation
    assert (after.refresh_token, after.version, after.sent_at) == (before.refresh_token, before.version, None)
    assert len(acme.renewals) == 1


async def test_f_db_10_a_token_that_still_lives_is_given_while_nothing_can_be_written() -> None:
    acme, clock = Acme(), ManualClock()
    repository = Broken(clock=clock)
    async with at(acme, clock=clock, repository=repository) as there:
        repository.read_only = {"lease"}
        clock.advance(3400)

        assert await there.association.get_access_token() == "access-0"

        await there.at_rest()
    assert acme.renewals == []
