"""The tasks of the engine: joined, kept, reported when they fail, and awaited at the end."""

import asyncio
import logging

import pytest

from asgi_social.background import Background


class Work:
    """Work that a test begins and ends by hand."""

    def __init__(self, result: str | Exception = "done") -> None:
        self.begun = 0
        self.ended = 0
        self.cancelled = 0
        self.go_on = asyncio.Event()
        self._result = result

    async def __call__(self) -> str:
        self.begun += 1
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.ended += 1
        if isinstance(self._result, Exception):
            raise self._result
        return self._result


async def turns(count: int = 3) -> None:
    """Let the other tasks run."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_those_who_share_a_key_get_one_result_of_one_task() -> None:
    background, work = Background(), Work()
    callers = [asyncio.create_task(background.share(("a", "key"), work)) for _ in range(5)]
    await turns()
    work.go_on.set()

    results = await asyncio.gather(*callers)

    assert (results, work.begun) == (["done"] * 5, 1)


async def test_another_key_is_other_work() -> None:
    background, work = Background(), Work()
    work.go_on.set()

    await asyncio.gather(background.share(("a",), work), background.share(("b",), work))

    assert work.begun == 2


async def test_a_key_whose_work_has_ended_is_worked_on_anew() -> None:
    background, work = Background(), Work()
    work.go_on.set()

    await background.share(("a",), work)
    await background.share(("a",), work)

    assert work.begun == 2


async def test_an_exception_goes_to_all_who_share_and_is_forgotten_then() -> None:
    background, work = Background(), Work(LookupError("no"))
    callers = [asyncio.create_task(background.share(("a",), work)) for _ in range(3)]
    await turns()
    work.go_on.set()

    results = await asyncio.gather(*callers, return_exceptions=True)
    good = Work()
    good.go_on.set()

    assert [type(one) for one in results] == [LookupError] * 3
    assert await background.share(("a",), good) == "done"


async def test_a_caller_who_is_cancelled_leaves_the_task_to_the_others() -> None:
    background, work = Background(), Work()
    one, other = (asyncio.create_task(background.share(("a",), work)) for _ in range(2))
    await turns()

    one.cancel()
    await turns()
    work.go_on.set()

    assert await other == "done"
    assert one.cancelled()
    assert work.cancelled == 0


async def test_a_task_whose_callers_have_all_left_runs_to_its_end() -> None:
    background, work = Background(), Work()
    caller = asyncio.create_task(background.share(("a",), work))
    await turns()
    caller.cancel()
    await turns()

    work.go_on.set()
    await background.close()

    assert (work.ended, work.cancelled) == (1, 0)


async def test_shared_work_that_was_cancelled_cancels_those_who_wait_for_it() -> None:
    background, work = Background(close_seconds=0), Work()
    caller = asyncio.create_task(background.share(("a",), work))
    await turns()

    await background.close()

    with pytest.raises(asyncio.CancelledError):
        await caller


async def test_started_work_that_fails_is_logged_by_its_class_alone(caplog: pytest.LogCaptureFixture) -> None:
    background, work = Background(), Work(LookupError("a-secret"))
    work.go_on.set()

    background.start(work(), name="some work")
    await background.close()

    [record] = caplog.records
    assert (record.levelno, record.getMessage(), record.exc_info) == (
        logging.ERROR,
        "some work ends with LookupError",
        None,
    )


async def test_started_work_that_ends_well_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    background, work = Background(), Work()
    work.go_on.set()

    background.start(work(), name="some work")
    await background.close()

    assert (work.ended, caplog.records) == (1, [])


async def test_close_waits_for_what_is_running() -> None:
    background, work = Background(), Work()
    background.start(work(), name="some work")

    closing = asyncio.create_task(background.close())
    await turns(10)
    before = closing.done()
    work.go_on.set()
    await closing

    assert (before, work.ended) == (False, 1)


async def test_close_waits_for_what_begins_while_it_waits() -> None:
    background, ended = Background(), list[str]()

    async def second() -> None:
        await turns(10)
        ended.append("second")

    async def first() -> None:
        await turns()
        background.start(second(), name="second")

    background.start(first(), name="first")
    await background.close()

    assert ended == ["second"]


async def test_close_cancels_what_does_not_end_in_time_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    background, work = Background(close_seconds=0), Work()
    background.start(work(), name="some work")
    await turns()

    await background.close()

    [record] = caplog.records
    assert (work.ended, work.cancelled) == (0, 1)
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("1 background task")


async def test_close_with_nothing_to_wait_for_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    await Background().close()

    assert caplog.records == []


async def test_after_close_there_can_be_new_work() -> None:
    background, work = Background(), Work()
    await background.close()
    work.go_on.set()

    assert await background.share(("a",), work) == "done"


async def test_a_close_that_is_cancelled_does_not_leave_the_engine_closing_for_ever() -> None:
    background, work = Background(), Work()
    background.start(work(), name="some work")
    closing = asyncio.create_task(background.close())
    await turns()
    between = background.is_closing

    closing.cancel()
    await turns()

    assert (between, background.is_closing) == (True, False)
    work.go_on.set()
    await background.close()


async def test_close_is_seen_while_it_waits_and_cuts_off_what_is_repeated() -> None:
    background, work = Background(), Work()
    background.repeat(work, name="round")
    background.repeat(work, name="round")
    await turns()

    await background.close()

    assert (work.begun, work.cancelled, background.is_closing) == (1, 1, False)


async def test_repeated_work_that_fails_is_logged_by_its_class_alone_and_done_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    background, begun = Background(), list[int]()

    async def work() -> None:
        await asyncio.sleep(0)
        begun.append(1)
        raise LookupError("a-secret")

    background.repeat(work, name="round")
    await turns(10)
    await background.close()

    assert len(begun) > 1
    assert {record.getMessage() for record in caplog.records} == {"round ends with LookupError"}
    assert {record.exc_info for record in caplog.records} == {None}


async def test_what_was_repeated_before_a_close_can_be_repeated_after_it() -> None:
    background, work = Background(), Work()
    background.repeat(work, name="round")
    await turns()
    await background.close()

    background.repeat(work, name="round")
    await turns()
    await background.close()

    assert work.begun == 2
