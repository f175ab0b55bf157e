"""Who may ask which provider now."""

import asyncio
from contextlib import suppress

import pytest

from asgi_social import ProviderUnreachable
from asgi_social.refresh.limits import CREDENTIALS_SECONDS, PATIENCE, PROBE_SECONDS, Limits
from asgi_social.testing import ManualClock
from tests.security.renewal_doubles import turns


def limits() -> tuple[Limits, ManualClock]:
    clock = ManualClock()
    return Limits(clock=clock), clock


async def fail(given: Limits, *, times: int = PATIENCE, retry_after: float | None = None) -> None:
    for _ in range(times):
        async with given.turn("acme", at_once=10):
            given.failed("acme", retry_after=retry_after)


async def test_no_more_than_so_many_are_under_way_and_the_others_follow_in_their_order() -> None:
    given, _ = limits()
    go_on, began = asyncio.Event(), list[int]()

    async def work(number: int) -> None:
        async with given.turn("acme", at_once=3):
            began.append(number)
            await go_on.wait()

    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(work(number))
        await turns()
        first = list(began)
        go_on.set()

    assert (first, began) == ([0, 1, 2], list(range(10)))


async def test_each_backend_is_by_itself() -> None:
    given, _ = limits()
    await fail(given, times=1, retry_after=60)

    async with given.turn("other", at_once=1):
        assert given.seconds_closed("other") == 0
    assert given.seconds_closed("acme") == 60
    assert given.seconds_closed("a third") == 0
    assert not given.are_credentials_refused("a third")


async def test_a_provider_is_left_alone_after_so_many_failures_in_a_row_and_ever_longer() -> None:
    given, clock = limits()
    waits = list[float]()
    for _ in range(16):
        await fail(given, times=1)
        waits.append(given.seconds_closed("acme"))
        clock.advance(3600)

    assert waits[:6] == [0, 0, 2, 4, 8, 16]
    assert waits[-1] == 3600


async def test_an_answer_in_between_begins_the_count_anew() -> None:
    given, _ = limits()
    await fail(given, times=PATIENCE - 1)
    async with given.turn("acme", at_once=1):
        given.answered("acme")
    await fail(given, times=PATIENCE - 1)

    assert given.seconds_closed("acme") == 0


@pytest.mark.parametrize(("asked", "heeded"), [(7.0, 7.0), (10.0**9, 3600.0), (0.0, 0.0), (None, 0.0)])
async def test_a_wish_to_be_left_alone_is_heeded_at_once_up_to_an_hour(asked: float | None, heeded: float) -> None:
    given, _ = limits()
    await fail(given, times=1, retry_after=asked)

    assert given.seconds_closed("acme") == heeded


async def test_who_asks_meanwhile_is_told_for_how_long() -> None:
    given, clock = limits()
    await fail(given, times=1, retry_after=60)
    clock.advance(20)

    with pytest.raises(ProviderUnreachable) as raised:
        async with given.turn("acme", at_once=1):
            pass

    assert (raised.value.retry_after, raised.value.may_have_arrived, raised.value.backend) == (40.0, False, "acme")


async def test_who_waited_for_a_turn_is_told_too_where_the_provider_went_down_meanwhile() -> None:
    given, _ = limits()
    go_on = asyncio.Event()

    async def first() -> None:
        async with given.turn("acme", at_once=1):
            await go_on.wait()
            given.failed("acme", retry_after=60)

    async def second() -> None:
        async with given.turn("acme", at_once=1):
            raise AssertionError("nobody is asked now")

    working, waiting = asyncio.create_task(first()), asyncio.create_task(second())
    await turns()
    go_on.set()

    await working
    with pytest.raises(ProviderUnreachable):
        await waiting


async def test_after_an_outage_one_goes_first_and_the_others_once_it_was_answered() -> None:
    given, clock = limits()
    await fail(given)
    clock.advance(2)

    async with given.turn("acme", at_once=10):
        with pytest.raises(ProviderUnreachable):
            async with given.turn("acme", at_once=10):
                pass
        given.answered("acme")

    async with given.turn("acme", at_once=10), given.turn("acme", at_once=10):
        assert given.seconds_closed("acme") == 0


async def test_one_that_went_first_and_did_not_ask_leaves_its_place_to_the_next() -> None:
    given, clock = limits()
    await fail(given)
    clock.advance(2)
    with suppress(LookupError):
        async with given.turn("acme", at_once=10):
            raise LookupError

    async with given.turn("acme", at_once=10):
        given.answered("acme")


async def test_one_that_went_first_and_never_comes_back_holds_the_others_for_a_while_only() -> None:
    given, clock = limits()
    await fail(given)
    clock.advance(2)
    async with given.turn("acme", at_once=10):
        clock.advance(PROBE_SECONDS)

        async with given.turn("acme", at_once=10):
            given.answered("acme")


async def test_a_failure_of_the_one_that_went_first_closes_again_for_longer() -> None:
    given, clock = limits()
    await fail(given)
    clock.advance(2)
    await fail(given, times=1)

    assert given.seconds_closed("acme") == 4


async def test_refused_credentials_leave_the_provider_alone_and_are_news_once_until_they_are_taken() -> None:
    given, clock = limits()
    news = list[bool]()
    for _ in range(3):
        async with given.turn("acme", at_once=1):
            news.append(given.credentials_refused("acme"))
        closed = given.seconds_closed("acme")
        clock.advance(CREDENTIALS_SECONDS)
    refused = given.are_credentials_refused("acme")
    async with given.turn("acme", at_once=1):
        given.answered("acme")
    taken = not given.are_credentials_refused("acme")
    async with given.turn("acme", at_once=1):
        news.append(given.credentials_refused("acme"))

    assert (news, closed, refused, taken) == ([True, False, False, True], CREDENTIALS_SECONDS, True, True)


def test_turns_are_of_the_loop_that_is_running() -> None:
    given, _ = limits()

    async def crowded() -> None:
        async def work() -> None:
            async with given.turn("acme", at_once=1):
                await asyncio.sleep(0)

        await asyncio.gather(*(work() for _ in range(3)))

    asyncio.run(crowded())
    asyncio.run(crowded())
