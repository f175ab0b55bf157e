"""SIGTERM in the middle of a renewal: what was sent is brought to its end, and nothing new is begun (F-PR-09)."""

import signal

import pytest

from asgi_social.testing import Faults
from tests.processes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_f_pr_09_a_process_that_is_asked_to_end_stores_the_answer_that_is_pending_and_sends_nothing_new(
    world: World,
) -> None:
    fake = world.fakes["closing"]
    sent, unsent = await world.link("closing"), await world.link("closing", user="grace")
    old = await world.stored(sent), await world.stored(unsent)
    for association in (sent, unsent):
        world.wear(association)
    fake.faults = Faults(hang=True)

    async with world.another() as process:
        await process.says("opened")
        await process.do(f"close after lease {unsent.id}")
        # Both are renewed behind their callers, who are gone before the process is asked to end.
        given = [(await world.ask(process, "closing", user)).json() for user in ("ada", "grace")]
        await fake.faults.hanging.wait()
        await process.says(f"reached after lease {unsent.id}")
        process.process.send_signal(signal.SIGTERM)
        await process.says("closing")
        await process.do(f"open after lease {unsent.id}")
        fake.faults.release.set()
        code = await process.ended(seconds=20)

    assert code in {0, -signal.SIGTERM}  # uvicorn ends by the signal it was ended with
    assert given == list(old)
    assert f"event renewed {sent.id} None" in process.lines
    assert (await world.row(sent)).version == 2
    assert await world.stored(sent) != old[0]
    assert [shown.split("-")[2] for shown in world.renewals("closing")] == ["ada"]
    row = await world.row(unsent)
    # It is free at once for the process that comes next.
    assert (row.version, row.status, row.sent_at, row.lease_id) == (1, "active", None, None)
