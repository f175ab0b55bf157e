"""The clock that a test moves."""

import asyncio

import pytest

from asgi_social.clock import Clock
from asgi_social.testing import ManualClock


async def _sleeper(clock: Clock, seconds: float, woken: list[float]) -> None:
    await clock.sleep(seconds)
    woken.append(seconds)


async def _settled() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_a_manual_clock_is_a_clock_that_begins_at_a_known_moment() -> None:
    clock: Clock = ManualClock()

    assert (clock.now(), clock.monotonic()) == (1_800_000_000.0, 0.0)


def test_no_time_goes_by_until_it_is_advanced() -> None:
    clock = ManualClock(start=100.0)

    clock.advance(2.5)
    clock.advance(0)

    assert (clock.now(), clock.monotonic()) == (102.5, 2.5)


def test_a_clock_does_not_go_back() -> None:
    clock = ManualClock()

    with pytest.raises(ValueError, match="goes forward"):
        clock.advance(-1)

    assert clock.monotonic() == 0.0


async def test_an_advance_wakes_those_who_are_due_in_their_order_and_nobody_else() -> None:
    clock, woken = ManualClock(), list[float]()
    sleepers = [asyncio.create_task(_sleeper(clock, seconds, woken)) for seconds in (3, 1, 2)]
    await _settled()

    clock.advance(2)
    await _settled()

    assert woken == [1, 2]
    clock.advance(1)
    await asyncio.gather(*sleepers)
    assert woken == [1, 2, 3]


@pytest.mark.parametrize("seconds", [0, -1])
async def test_who_sleeps_for_no_time_lets_the_others_run_and_is_back(seconds: float) -> None:
    clock, ran = ManualClock(), list[str]()
    asyncio.get_running_loop().call_soon(ran.append, "other")

    await clock.sleep(seconds)

    assert ran == ["other"]


async def test_a_sleeper_that_is_cancelled_is_forgotten() -> None:
    clock, woken = ManualClock(), list[float]()
    sleeper = asyncio.create_task(_sleeper(clock, 1, woken))
    await clock.until_asleep()

    sleeper.cancel()
    clock.advance(1)  # in the same turn, before the sleeper has heard of it
    await asyncio.wait([sleeper])

    assert sleeper.cancelled()
    assert woken == []


async def test_one_can_wait_until_somebody_sleeps_again() -> None:
    clock, woken = ManualClock(), list[float]()

    async def twice() -> None:
        await _sleeper(clock, 1, woken)
        await _sleeper(clock, 2, woken)

    sleeper = asyncio.create_task(twice())
    await clock.until_asleep()
    clock.advance(1)
    await clock.until_asleep()
    clock.advance(2)
    await sleeper

    assert woken == [1, 2]
