"""A caller may be cancelled at any await: what it did is whole or not there, and the store goes on."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from databases import Database

from asgi_social.storage.repository import StoredAssociation
from asgi_social.storage.sql import SqlRepository
from tests.databases import raw
from tests.storage.files import Watched, url_of
from tests.storage.rows import association, user

MORE_AWAITS_THAN_THERE_ARE = 200
OLD = association("old", user_id="old")
SAVED = replace(OLD, access_token="v1.k.saved", version=2)
NEW = association("new", user_id="new")

CALLS: dict[str, Callable[[SqlRepository], Awaitable[object]]] = {
    "get": lambda store: store.get("old"),
    "add": lambda store: store.add(NEW),
    "add_user": lambda store: store.add_user(user("new"), NEW),
    "save_tokens": lambda store: store.save_tokens(SAVED, replaces=1),
    "remove": lambda store: store.remove(user_id="old"),
    "spend": lambda store: store.spend("key", expires_at=2.0, now=1.0),
    "keep": lambda store: store.keep("key", "v1.k.kept", expires_at=2.0, now=1.0),
    "take": lambda store: store.take("key", now=1.0),
}

# Whether there is the old association, whether with saved tokens, and whether there are the new one and its user.
Stored = tuple[StoredAssociation | None, bool, bool]
BEFORE: Stored = (OLD, False, False)
AFTER: dict[str, Stored] = {
    "get": BEFORE,
    "add": (OLD, True, False),
    "add_user": (OLD, True, True),
    "save_tokens": (SAVED, False, False),
    "remove": (None, False, False),
    "spend": BEFORE,
    "keep": BEFORE,
    "take": BEFORE,
}


class CancelledAt:
    """Awaits something and cancels it at its n-th await, and at those that follow while it cleans up."""

    def __init__(self, work: Awaitable[object], *, nth: int, times: int) -> None:
        self._steps: Generator[Any, Any, Any] = work.__await__()
        self._cancelled = range(nth, nth + times)
        self._count = 0

    def __await__(self) -> Generator[Any, Any, None]:
        try:
            waits_for = next(self._steps)
            while True:
                self._count += 1
                if self._count in self._cancelled:
                    waits_for.cancel()
                    waits_for = self._steps.throw(asyncio.CancelledError)
                else:
                    yield waits_for
                    waits_for = next(self._steps)
        except StopIteration:
            return


async def stored(repository: SqlRepository) -> Stored:
    has_new = await repository.get("new") is not None
    return await repository.get("old"), has_new, await repository.user("new") is not None


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("operation", CALLS)
async def test_a_call_cancelled_at_any_await_leaves_all_or_nothing_and_a_store_that_works(
    tmp_path: Path, operation: str, times: int
) -> None:
    for nth in range(1, MORE_AWAITS_THAN_THERE_ARE):
        repository = SqlRepository(url_of(tmp_path / f"{nth}.db"))
        await repository.open()
        await repository.add(OLD)
        is_cancelled = False
        try:
            await CancelledAt(CALLS[operation](repository), nth=nth, times=times)
        except asyncio.CancelledError:
            is_cancelled = True

        left = await stored(repository)
        goes_on = await repository.add(association("another"))
        await repository.close()

        assert left in ((BEFORE, AFTER[operation]) if is_cancelled else (AFTER[operation],))
        assert goes_on
        if not is_cancelled:
            assert nth > 1
            return
    pytest.fail("a call has no end of awaits")


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("operation", CALLS)
async def test_on_a_server_a_cancelled_call_leaves_all_or_nothing_and_no_place_in_the_pool_is_lost(
    server_url: str, operation: str, times: int
) -> None:
    repository = SqlRepository(Database(server_url, min_size=1, max_size=1))
    await repository.open()
    for nth in range(1, MORE_AWAITS_THAN_THERE_ARE):
        await repository.remove(user_id="new")
        await repository.remove(user_id="old")
        await asyncio.to_thread(raw, server_url, "DELETE FROM social_user", "DELETE FROM social_flow")
        await repository.add(OLD)
        is_cancelled = False
        try:
            await CancelledAt(CALLS[operation](repository), nth=nth, times=times)
        except asyncio.CancelledError:
            is_cancelled = True

        left = await stored(repository)

        assert left in ((BEFORE, AFTER[operation]) if is_cancelled else (AFTER[operation],))
        if not is_cancelled:
            assert nth > 1
            await repository.close()
            return
    pytest.fail("a call has no end of awaits")


async def test_what_a_cancelled_caller_had_begun_is_not_finished_by_those_behind_it(file: Path) -> None:
    loop = asyncio.get_running_loop()
    watched = Watched()
    repository = SqlRepository(Database(url_of(file), factory=watched))
    await repository.open()
    losing = asyncio.create_task(repository.add_user(user("new"), NEW))
    watched.before = lambda sql: sql.startswith("INSERT") and loop.call_soon_threadsafe(losing.cancel)
    behind = [asyncio.create_task(repository.add(association(f"{number}"))) for number in range(5)]

    with pytest.raises(asyncio.CancelledError):
        await losing

    assert await asyncio.gather(*behind) == [True] * 5
    assert await stored(repository) == (None, False, False)
    await repository.close()


async def test_an_opening_cancelled_at_any_statement_leaves_no_thread_and_can_be_repeated(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    for nth in range(MORE_AWAITS_THAN_THERE_ARE):
        statements = iter(range(MORE_AWAITS_THAN_THERE_ARE))
        watched = Watched()
        repository = SqlRepository(Database(url_of(tmp_path / f"{nth}.db"), factory=watched))
        opening = asyncio.create_task(repository.open())
        watched.before = lambda sql, nth=nth, statements=statements, opening=opening: (  # type: ignore[misc]
            next(statements) == nth and loop.call_soon_threadsafe(opening.cancel)
        )
        await asyncio.wait([opening])
        if opening.cancelled():
            assert watched.alive() == []

        await repository.open()

        assert await repository.add(association())
        await repository.close()
        assert watched.alive() == []
        if not opening.cancelled():
            assert nth > 10
            return
    pytest.fail("an opening has no end of statements")


async def test_a_close_that_is_cancelled_lets_go_all_the_same(file: Path) -> None:
    watched = Watched()
    repository = SqlRepository(Database(url_of(file), factory=watched))
    await repository.open()
    closing = asyncio.create_task(repository.close())
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    closing.cancel()

    with pytest.raises(asyncio.CancelledError):
        await closing
    assert watched.alive() == []
