"""What a provider gives only once, on its way into the database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from asgi_social import Event
from asgi_social.background import Background
from asgi_social.events import Events
from asgi_social.refresh.keeper import PAUSE_SECONDS, Keeper, event_of
from asgi_social.storage.repository import StoredAssociation
from asgi_social.testing import ManualClock
from tests.refresh.rows import row_of
from tests.security.renewal_doubles import Broken, turns


@dataclass
class World:
    """A keeper over a store that can be silent.

    Attributes:
        told: The names of its events.
        given_back: What others were faster than.
    """

    keeper: Keeper
    repository: Broken
    clock: ManualClock
    background: Background
    told: list[Event] = field(default_factory=list)
    given_back: list[StoredAssociation] = field(default_factory=list)

    async def keep(self, row: StoredAssociation) -> bool:
        """Keep a row in place of the version before its own."""
        return await self.keeper.keep(row, replaces=row.version - 1, dropped=self._dropped)

    async def later(self, seconds: float = PAUSE_SECONDS) -> None:
        """Let time go by."""
        await turns()
        self.clock.advance(seconds)
        await turns()

    def names(self) -> list[str]:
        return [event.name for event in self.told]

    async def _dropped(self, row: StoredAssociation) -> None:
        self.given_back.append(row)


@asynccontextmanager
async def world(repository: Broken | None = None) -> AsyncIterator[World]:
    clock, background, told = ManualClock(), Background(close_seconds=0), list[Event]()
    if repository is None:
        repository = Broken(clock=clock)
    else:
        assert isinstance(repository._clock, ManualClock)
        clock = repository._clock
    events = Events(told.append, start=background.start)
    keeper = Keeper(repository=repository, background=background, clock=clock, events=events)
    assert await repository.add(row_of())
    yield World(keeper, repository, clock, background, told)
    await background.close()


NEW = row_of(access_token="sealed anew", version=2)
ENDED = row_of(status="needs_reauth", reason="revoked", version=2)


@pytest.mark.parametrize(("row", "name"), [(NEW, "renewed"), (ENDED, "needs_reauth")])
async def test_what_the_database_takes_is_stored_and_told(row: StoredAssociation, name: str) -> None:
    async with world() as there:
        kept = await there.keep(row)
        await turns()

        assert (kept, there.names(), there.told[0].reason) == (True, [name], row.reason)
        assert await there.repository.get("an-id") == row
        assert there.keeper.newest(row_of()) == row_of()


async def test_what_others_were_faster_than_is_not_stored_and_is_given_back() -> None:
    async with world() as there:
        await there.keep(NEW)
        late = replace(NEW, access_token="late")

        kept = await there.keep(late)
        await turns()

        assert (kept, there.given_back, there.names()) == (False, [late], ["renewed"])
        assert await there.repository.get("an-id") == NEW


async def test_what_is_gone_is_given_back() -> None:
    async with world() as there:
        await there.repository.remove(user_id="ada")

        kept = await there.keep(NEW)
        await turns()

        assert (kept, there.given_back, there.names()) == (False, [NEW], [])


async def test_what_the_database_does_not_take_stands_in_memory_until_it_does() -> None:
    async with world() as there:
        there.repository.save = "before"
        kept = await there.keep(NEW)
        await there.later()
        between = there.keeper.newest(row_of())
        names = there.names()
        there.repository.save = None
        await there.later()

        assert (kept, between, names) == (True, NEW, ["renewal_unstored"])
        assert there.names() == ["renewal_unstored", "renewed"]
        assert there.keeper.newest(row_of()) == row_of()
        assert await there.repository.get("an-id") == NEW


async def test_what_stands_in_memory_is_given_in_place_of_an_older_version_only() -> None:
    async with world() as there:
        there.repository.save = "before"
        await there.keep(NEW)

        assert there.keeper.newest(row_of()) == NEW
        assert there.keeper.newest(row_of(id="another")) == row_of(id="another")
        for version in (2, 3):
            assert there.keeper.newest(row_of(version=version)) == row_of(version=version)


async def test_a_write_of_which_nobody_knows_the_outcome_is_found_to_be_there_and_not_made_twice() -> None:
    async with world() as there:
        there.repository.save = "after"
        await there.keep(NEW)
        there.repository.save = None
        await there.later()

        assert (there.names(), there.given_back) == (["renewal_unstored", "renewed"], [])
        assert await there.repository.get("an-id") == NEW


async def test_what_others_wrote_while_it_stood_in_memory_wins() -> None:
    async with world() as there:
        there.repository.save = "before"
        await there.keep(NEW)
        there.repository.save = None
        other = replace(NEW, access_token="of another")
        assert await there.repository.save_tokens(other, replaces=1)
        await there.later()

        assert (there.given_back, there.names()) == ([NEW], ["renewal_unstored"])
        assert there.keeper.newest(row_of()) == row_of()


async def test_a_second_row_of_the_same_association_is_not_forgotten_with_the_first() -> None:
    async with world() as there:
        there.repository.save = "before"
        second = replace(NEW, access_token="of the second", version=3)
        await there.keep(NEW)
        await there.keep(second)
        there.repository.save = None
        await there.later(PAUSE_SECONDS / 16)

        assert await there.repository.get("an-id") == second
        assert there.keeper.newest(row_of()) == row_of()


async def test_tries_come_at_once_and_then_at_most_so_many_seconds_apart() -> None:
    async with world() as there:
        there.repository.save = "before"
        await there.keep(NEW)
        moments = list[float]()
        for _ in range(200):
            before = there.repository.saves
            await there.later(PAUSE_SECONDS / 16)
            if there.repository.saves > before:
                moments.append(there.clock.monotonic())
        pauses = [later - earlier for earlier, later in zip([0.0, *moments], moments, strict=False)]

        assert pauses[:5] == [PAUSE_SECONDS / 2**power for power in (4, 3, 2, 1, 0)]
        assert set(pauses[4:]) == {PAUSE_SECONDS}


class Hanging(Broken):
    """A store whose first further writes hang until they are let go of."""

    def __init__(self, *, clock: ManualClock) -> None:
        super().__init__(clock=clock)
        self.hangs = 0
        self.let_go = asyncio.Event()

    async def save_tokens(self, row: StoredAssociation, *, replaces: int) -> bool:
        if self.hangs:
            self.hangs -= 1
            await self.let_go.wait()
        return await super().save_tokens(row, replaces=replaces)


async def test_a_try_that_hangs_holds_up_none_of_those_after_it_and_tells_nothing_later() -> None:
    clock = ManualClock()
    repository = Hanging(clock=clock)
    async with world(repository) as there:
        keeper = replace(there.keeper, try_seconds=0.0)
        repository.save = "before"
        await keeper.keep(NEW, replaces=1, dropped=there._dropped)
        repository.save, repository.hangs = None, 2
        for _ in range(3):
            await there.later()

        stored = await repository.get("an-id")
        repository.let_go.set()
        await turns()

        assert (stored, there.names(), there.given_back) == (NEW, ["renewal_unstored", "renewed"], [])
        assert keeper.newest(row_of()) == row_of()


async def test_what_was_never_stored_is_told_in_the_log_without_its_tokens(caplog: pytest.LogCaptureFixture) -> None:
    async with world() as there:
        there.repository.save = "before"
        await there.keep(NEW)
        await turns()

        await there.background.close()

        assert there.keeper.newest(row_of()) == row_of()
    [message] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "an-id" in message
    assert "sealed" not in caplog.text


async def test_an_event_names_whose_association_it_is() -> None:
    event = event_of("renewed", row_of(), code="a", reason="b")

    assert event == Event(name="renewed", backend="acme", user_id="ada", association_id="an-id", code="a", reason="b")


async def test_two_associations_stand_in_memory_beside_each_other() -> None:
    async with world() as there:
        await there.repository.add(row_of(id="another", uid="8"))
        there.repository.save = "before"
        await asyncio.gather(there.keep(NEW), there.keep(replace(NEW, id="another")))
        there.repository.save = None
        await there.later()

        assert {row.version for row in await there.repository.page(after="", limit=10)} == {2}
