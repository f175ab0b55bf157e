"""What the app is told of; its hook can be slow or broken and nothing else is."""

import asyncio
import logging

import pytest

from asgi_social import Event
from asgi_social.background import Background
from asgi_social.events import Events, Hook
from tests.renewing import Acme, at

RENEWED = Event(name="renewed", backend="acme", user_id="ada", association_id="association-1")


async def emitted(hook: Hook | None) -> None:
    """Emit one event, and wait until its hook is done."""
    background = Background()
    Events(hook, start=background.start).emit(RENEWED)
    await background.close()


async def test_a_hook_gets_the_event() -> None:
    told: list[Event] = []

    await emitted(told.append)

    assert told == [RENEWED]


async def test_an_async_hook_is_awaited() -> None:
    told: list[Event] = []

    async def hook(event: Event) -> None:
        await asyncio.sleep(0)
        told.append(event)

    await emitted(hook)

    assert told == [RENEWED]


async def test_a_hook_runs_behind_the_one_who_emits() -> None:
    told: list[Event] = []
    background = Background()

    Events(told.append, start=background.start).emit(RENEWED)
    before = list(told)
    await background.close()

    assert (before, told) == ([], [RENEWED])


def _raises(_: Event) -> None:
    raise LookupError("a-secret")


async def _raises_later(_: Event) -> None:
    raise LookupError("a-secret")


@pytest.mark.parametrize("hook", [_raises, _raises_later])
async def test_a_hook_that_raises_is_logged_by_its_class_alone(hook: Hook, caplog: pytest.LogCaptureFixture) -> None:
    await emitted(hook)

    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage() == "on_event renewed ends with LookupError"
    assert record.exc_info is None


@pytest.mark.parametrize("hook", [_raises, _raises_later])
async def test_a_hook_that_raises_breaks_no_flow(hook: Hook) -> None:
    async with at(Acme(), on_event=hook) as there:
        renewed = await there.association.refresh_token()

        assert await renewed.get_access_token() == "access-1"


async def test_an_event_is_logged_without_a_hook_by_names_and_ids(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="asgi_social"):
        await emitted(None)

    [record] = caplog.records
    assert record.getMessage() == "renewed backend=acme association=association-1 code=None reason=None"
