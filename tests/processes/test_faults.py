"""A provider that does wrong while four processes want one token (issue 5, lines 6, 8 and 10).

It is asked once, and no family is lost that a client can keep.
"""

import asyncio
from itertools import islice

import pytest

from asgi_social.secret import digest
from asgi_social.testing import Faults
from tests.processes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_slow_answer_is_waited_for_by_all_and_asked_for_by_one(world: World) -> None:
    fake = world.fakes["slow"]
    association = await world.link("slow")
    world.spend(association)
    fake.faults = Faults(hang=True)

    async with asyncio.TaskGroup() as group:
        storm = group.create_task(world.storm("slow", "ada"))
        await fake.faults.hanging.wait()
        refused = [group.create_task(one.says(f"refused the lease {association.id}")) for one in world.processes]
        for waited in islice(asyncio.as_completed(refused), 3):  # all but the one that asks
            await waited
        fake.faults.release.set()
        for one in refused:
            one.cancel()

    assert {(answer.status_code, answer.json()) for answer in storm.result()} == {
        (200, await world.stored(association))
    }
    assert len(world.renewals("slow")) == 1


@pytest.mark.parametrize(
    ("backend", "faults"),
    [
        pytest.param("cut", Faults(cut="before", where=["/token"]), id="a connection that is cut before the answer"),
        pytest.param("down", Faults(token_status=503), id="503"),
        pytest.param("limited", Faults(token_status=429, retry_after=60), id="429"),
    ],
)
async def test_a_provider_that_does_not_do_its_part_is_asked_once_and_the_family_lives_on(
    world: World, backend: str, faults: Faults
) -> None:
    fake = world.fakes[backend]
    association = await world.link(backend)
    world.spend(association)
    fake.faults = faults

    answers = await world.storm(backend, "ada")

    assert [answer.json()["code"] for answer in answers] == ["provider_unreachable"] * 50
    assert {answer.status_code for answer in answers} == {503}
    assert len(world.renewals(backend)) == 1
    fake.faults = Faults()
    world.end_lease(association)  # and the wait for the next attempt
    async with world.survivor() as survivor:
        [found] = await survivor.associations("ada", backend)
        assert digest(await found.get_access_token()) == await world.stored(association)
    assert len(world.renewals(backend)) == 2
    assert fake.families_lost == 0
    assert (await world.row(association)).status == "active"


async def test_who_comes_to_the_lease_after_an_attempt_went_wrong_heeds_the_wait_that_was_written_meanwhile(
    world: World,
) -> None:
    """The row was read before the failure, and the lease is free again after it."""
    fake, (one, late, *_) = world.fakes["late"], world.processes
    association = await world.link("late")
    world.spend(association)
    fake.faults = Faults(token_status=503)
    await late.do(f"close before lease {association.id}")

    async with asyncio.TaskGroup() as group:
        lost = group.create_task(world.ask(late, "late", "ada"))
        await late.says(f"reached before lease {association.id}")
        failed = await world.ask(one, "late", "ada")
        await late.do(f"open before lease {association.id}")

    assert failed.json()["code"] == lost.result().json()["code"] == "provider_unreachable"
    assert len(world.renewals("late")) == 1
