"""A process that stops in the middle, and goes on when others have gone past it (F-PR-06, F-DB-04)."""

import asyncio
import signal
import sqlite3
from contextlib import closing

import pytest
from databases import DatabaseURL

from asgi_social.secret import digest
from tests.processes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_f_pr_06_a_process_that_slept_with_the_answer_in_hand_uses_what_another_stored_meanwhile(
    world: World,
) -> None:
    sleeper = world.processes[0]
    association = await world.link("paused")
    world.spend(association)
    gate = f"before save_tokens {association.id}"
    await sleeper.do(f"close {gate}")

    async with asyncio.TaskGroup() as group:
        asked = group.create_task(world.ask(sleeper, "paused", "ada"))
        await sleeper.says(f"reached {gate}")
        sleeper.process.send_signal(signal.SIGSTOP)
        try:
            world.end_lease(association)
            async with world.survivor() as survivor:
                [found] = await survivor.associations("ada", "paused")
                newer = digest(await found.get_access_token())
        finally:
            sleeper.process.send_signal(signal.SIGCONT)
        await sleeper.do(f"open {gate}")

    assert asked.result().json() == newer == await world.stored(association)
    assert (await world.row(association)).version == 2
    assert len(world.renewals("paused")) == 2


@pytest.mark.parametrize("world", ["sqlite"], indirect=True, scope="session")
async def test_f_db_04_a_write_waits_for_another_writer_of_the_file_and_the_event_loop_does_not(world: World) -> None:
    process = world.processes[1]
    association = await world.link("locked")
    world.spend(association)
    gate = f"before save_tokens {association.id}"
    await process.do(f"close {gate}")

    async with asyncio.TaskGroup() as group:
        asked = group.create_task(world.ask(process, "locked", "ada"))
        await process.says(f"reached {gate}")
        with closing(sqlite3.connect(DatabaseURL(world.database).database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await process.do(f"open {gate}")
            alive = [await world.http.get(f"{process.base}/alive") for _ in range(20)]
            assert not asked.done()
            other.execute("ROLLBACK")

    assert {answer.status_code for answer in alive} == {200}
    assert asked.result().json() == await world.stored(association)
    assert len(world.renewals("locked")) == 1
