"""Killed by signal 9 at each point of a renewal, and what those who are left make of it (issue 5, line 8).

One process is at all of these points at once, each with an association of its own, and is killed there.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from asgi_social import Association, NeedsReauth, ProviderUnreachable, Social
from asgi_social.refresh.attempt import TAKE_OVER_SECONDS
from asgi_social.secret import digest
from asgi_social.testing import Faults
from tests.processes.world import Hurried, World

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Where the process stands when it is killed: backend and user, and the gate; None: the provider has the request.
_POINTS: Mapping[tuple[str, str], str | None] = {
    ("crashed", "ada"): "before lease",
    ("crashed", "layla"): "after lease",
    ("unmarked", "ada"): "after mark_sent",
    ("held", "ada"): None,
    ("held-lenient", "ada"): None,
    ("crashed", "grace"): "before save_tokens",
    ("lenient", "ada"): "before save_tokens",
    ("lenient", "layla"): "after save_tokens",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashed:
    """What a crash left, and one who is left.

    Attributes:
        world: Around it.
        linked: The associations, as they were before, by backend and user.
        survivor: An engine in another process.
        clock: Its time.
    """

    world: World
    linked: Mapping[tuple[str, str], Association[Any]]
    survivor: Social
    clock: Hurried

    async def token(self, backend: str, user: str) -> str:
        """Give a digest of the token that the survivor gets."""
        [association] = await self.survivor.associations(user, backend)
        return digest(await association.get_access_token())

    async def nobody_gets_it_before_the_lease_ends(self, backend: str, user: str) -> None:
        before = self.world.renewals(backend)
        with pytest.raises(ProviderUnreachable, match="another process renews"):
            await self.token(backend, user)
        assert self.world.renewals(backend) == before

    def tries(self, backend: str, user: str) -> int:
        """Say how often a provider was asked to renew the tokens of a person."""
        return sum(f"-{user}-" in shown for shown in self.world.renewals(backend))

    async def one_try_more_is_refused(self, backend: str, user: str) -> None:
        association = self.linked[backend, user]
        await self.nobody_gets_it_before_the_lease_ends(backend, user)
        self.world.end_lease(association)
        for _ in range(3):
            with pytest.raises(NeedsReauth) as raised:
                await self.token(backend, user)
            assert raised.value.reason == "answer_lost"
        row = await self.world.row(association)
        assert (row.status, row.reason) == ("needs_reauth", "answer_lost")
        assert self.tries(backend, user) == 2

    async def one_try_more_succeeds(self, backend: str, user: str, *, tries: int) -> None:
        association = self.linked[backend, user]
        await self.nobody_gets_it_before_the_lease_ends(backend, user)
        self.world.end_lease(association)
        before = len(self.clock.slept)
        token = await self.token(backend, user)
        assert token == await self.world.stored(association)
        assert (await self.world.row(association)).status == "active"
        assert self.tries(backend, user) == tries
        # Who was killed might be alive, and about to write.
        assert self.clock.slept[before:] == [TAKE_OVER_SECONDS]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def crashed(world: World) -> AsyncIterator[Crashed]:
    linked = {point: await world.link(point[0], user=point[1]) for point in _POINTS}
    held = [world.fakes[backend] for (backend, _), gate in _POINTS.items() if gate is None]
    for association in linked.values():
        world.spend(association)
    for fake in held:
        fake.faults = Faults(hang=True)
    async with world.another() as process:
        await process.says("opened")
        for point, gate in _POINTS.items():
            if gate is not None:
                await process.do(f"close {gate} {linked[point].id}")
        async with asyncio.TaskGroup() as group:
            asking = [group.create_task(_broken_off(world, process.base, *point)) for point in _POINTS]
            for point, gate in _POINTS.items():
                if gate is not None:
                    await process.says(f"reached {gate} {linked[point].id}")
            for fake in held:
                await fake.faults.hanging.wait()
            await process.kill()
        assert all(asked.result() for asked in asking)
    for fake in held:
        fake.faults.release.set()
        fake.faults = Faults()
    clock = Hurried()
    async with world.survivor(clock) as survivor:
        yield Crashed(world=world, linked=linked, survivor=survivor, clock=clock)


async def _broken_off(world: World, base: str, backend: str, user: str) -> bool:
    try:
        await world.http.get(f"{base}/token", params={"backend": backend, "user": user})
    except httpx.HTTPError:
        return True
    return False


async def test_f_pr_01_killed_before_the_lease_another_renews_at_once(crashed: Crashed) -> None:
    token = await crashed.token("crashed", "ada")

    assert token == await crashed.world.stored(crashed.linked["crashed", "ada"])
    assert crashed.tries("crashed", "ada") == 1


async def test_f_pr_02_killed_with_the_lease_another_renews_once_it_has_ended(crashed: Crashed) -> None:
    association = crashed.linked["crashed", "layla"]
    await crashed.nobody_gets_it_before_the_lease_ends("crashed", "layla")
    crashed.world.end_lease(association)
    before = len(crashed.clock.slept)

    token = await crashed.token("crashed", "layla")

    assert token == await crashed.world.stored(association)
    assert crashed.tries("crashed", "layla") == 1
    assert crashed.clock.slept[before:] == []  # nothing was sent, so that nothing is waited for


async def test_f_pr_02_killed_with_the_lease_nobody_notices_while_the_token_lives(crashed: Crashed) -> None:
    world = crashed.world
    association = await world.link("unmarked", user="layla")
    world.wear(association)
    old = await world.stored(association)
    world.change(association, "lease_id = 'of a process that is gone', lease_until = 1e12")

    answers = await world.storm("unmarked", "layla", callers=8)

    assert {(answer.status_code, answer.json()) for answer in answers} == {(200, old)}
    assert crashed.tries("unmarked", "layla") == 0


async def test_f_pr_03_killed_when_it_was_about_to_send_the_one_try_more_succeeds(crashed: Crashed) -> None:
    await crashed.one_try_more_succeeds("unmarked", "ada", tries=1)


async def test_f_pr_03_killed_while_the_provider_rotates_the_token_is_tried_once_more_and_then_needs_reauth(
    crashed: Crashed,
) -> None:
    await crashed.one_try_more_is_refused("held", "ada")


async def test_f_pr_03_killed_while_a_provider_renews_that_takes_the_token_again_nothing_is_lost(
    crashed: Crashed,
) -> None:
    await crashed.one_try_more_succeeds("held-lenient", "ada", tries=2)


async def test_f_pr_04_killed_with_the_answer_in_hand_the_token_is_tried_once_more_and_then_needs_reauth(
    crashed: Crashed,
) -> None:
    await crashed.one_try_more_is_refused("crashed", "grace")


async def test_f_pr_04_killed_with_the_answer_of_a_provider_that_takes_the_token_again_nothing_is_lost(
    crashed: Crashed,
) -> None:
    await crashed.one_try_more_succeeds("lenient", "ada", tries=2)


async def test_f_pr_05_killed_after_the_write_the_next_caller_gets_what_was_written(crashed: Crashed) -> None:
    token = await crashed.token("lenient", "layla")

    assert token == await crashed.world.stored(crashed.linked["lenient", "layla"])
    assert crashed.tries("lenient", "layla") == 1
