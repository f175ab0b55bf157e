"""The database goes away after the provider answered, and comes back (issue 5, line 9; F-DB-05)."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from databases import DatabaseURL

from asgi_social import Association
from asgi_social.refresh.attempt import TAKE_OVER_SECONDS
from asgi_social.secret import digest
from tests.databases import SERVERS
from tests.processes.proxy import Proxy, proxy
from tests.processes.running import Running
from tests.processes.world import Hurried, World

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    # There is no way to a file that could be cut; that it is locked is told in test_paused.
    pytest.mark.parametrize("world", SERVERS, indirect=True, scope="session"),
]


@pytest_asyncio.fixture(loop_scope="session")
async def way(world: World) -> AsyncIterator[Proxy]:
    port = DatabaseURL(world.database).port
    assert port is not None
    async with proxy(port) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="session")
async def process(world: World, way: Proxy) -> AsyncIterator[Running]:
    behind = str(DatabaseURL(world.database).replace(port=way.port))
    async with world.another(database=behind) as one:
        await one.says("opened")
        yield one


class Meanwhile(Hurried):
    """A clock on which sleeping takes as long as something else does."""

    def __init__(self, meanwhile: Callable[[float], Awaitable[None]]) -> None:
        super().__init__()
        self._meanwhile = meanwhile

    async def sleep(self, seconds: float) -> None:
        await self._meanwhile(seconds)
        await super().sleep(seconds)


async def answered_without_a_database(
    world: World, way: Proxy, process: Running, association: Association[str], user: str
) -> str:
    """Have the process renew, cut its way to the database between answer and write, and give what its caller gets."""
    gate = f"before save_tokens {association.id}"
    world.spend(association)
    await process.do(f"close {gate}")
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(world.ask(process, "gone", user))
        await process.says(f"reached {gate}")
        await way.cut()
        await process.do(f"open {gate}")
    assert asked.result().status_code == 200
    token: str = asked.result().json()
    return token


async def test_f_db_05_new_tokens_are_served_from_memory_until_the_database_takes_them_and_nobody_spends_the_old_ones(
    world: World, way: Proxy, process: Running
) -> None:
    association = await world.link("gone")
    unstored, renewed = (f"event {name} {association.id} None" for name in ("renewal_unstored", "renewed"))

    new = await answered_without_a_database(world, way, process, association, "ada")
    others = [await world.ask(process, "gone", "ada", kept="yes") for _ in range(5)]

    assert {(other.status_code, other.json()) for other in others} == {(200, new)}
    assert (await world.row(association)).version == 1
    await process.says(unstored)
    assert renewed not in process.lines

    async def back(seconds: float) -> None:
        """Let the process have its database again, while the one that takes over waits for just that."""
        if seconds == TAKE_OVER_SECONDS:
            await way.mend()
            await process.says(renewed)

    world.end_lease(association)
    clock = Meanwhile(back)
    async with world.survivor(clock) as survivor:
        [found] = await survivor.associations("ada", "gone")
        assert digest(await found.get_access_token()) == new
    assert clock.slept == [TAKE_OVER_SECONDS, 0.05]
    assert await world.stored(association) == new
    assert len([shown for shown in world.renewals("gone") if "-ada-" in shown]) == 1


async def test_a_process_that_is_asked_to_end_while_the_database_is_gone_writes_until_it_is_back(
    world: World, way: Proxy, process: Running
) -> None:
    association = await world.link("gone", user="grace")
    new = await answered_without_a_database(world, way, process, association, "grace")
    await process.says(f"event renewal_unstored {association.id} None")

    process.process.send_signal(signal.SIGTERM)
    await process.says("closing")
    await way.mend()
    await process.ended(seconds=20)

    assert f"event renewed {association.id} None" in process.lines
    assert await world.stored(association) == new
    assert world.fakes["gone"].families_lost == 0
