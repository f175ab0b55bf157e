"""Stores that fail as databases do, a wall clock that is set, and waiting while time goes by on a clock by hand."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Literal, TypeVar

from asgi_social import StorageError
from asgi_social.protocols.message import Tokens
from asgi_social.secret import Secret
from asgi_social.storage.memory import MemoryRepository
from asgi_social.storage.repository import LeaseSeconds, StoredAssociation
from asgi_social.testing import ManualClock
from asgi_social.vault import tokens_of, with_tokens
from tests.renewing import Linked

T = TypeVar("T")


async def turns(count: int = 50) -> None:
    """Let the other tasks run, none of which waits for anything but the loop or a clock by hand."""
    for _ in range(count):
        await asyncio.sleep(0)


async def in_time(work: Coroutine[Any, Any, T], clock: ManualClock, *, step: float = 0.5, limit: float = 120.0) -> T:
    """Give what work gives, while time goes by in steps; it fails where the work has not ended after ``limit``."""
    task = asyncio.create_task(work)
    until = clock.monotonic() + limit
    while not task.done():
        await turns()
        assert clock.monotonic() < until, f"the work does not end within {limit} s"
        clock.advance(0 if task.done() else step)
    return task.result()


def sealed_anew(row: StoredAssociation, there: Linked, *, number: int) -> StoredAssociation:
    """Give the row of another account, linked a second later each, that holds the same tokens."""
    keys = there.social.engine.keys
    other = replace(row, id=f"another-{number:05}", uid=f"1{number:05}", created_at=row.created_at + number)
    return with_tokens(other, tokens_of(row, keys=keys), keys=keys, now=row.issued_at)


def with_access(row: StoredAssociation, there: Linked, text: str = "access-of-another") -> StoredAssociation:
    """Give a row with the next version and another access token, as another process would write it."""
    keys, now = there.social.engine.keys, there.clock.now()
    tokens = Tokens(access_token=Secret(text), expires_at=now + 3600)
    return replace(with_tokens(row, tokens, keys=keys, now=now), version=row.version + 1)


class SetClock(ManualClock):
    """A clock whose wall is set, forward or back, while its monotonic time goes on as it did.

    Attributes:
        offset: The seconds by which the wall was set.
    """

    def __init__(self) -> None:
        super().__init__()
        self.offset = 0.0

    def now(self) -> float:
        return super().now() + self.offset


class Broken(MemoryRepository):
    """A store of which single writes fail, by a fault that a test switches on.

    Attributes:
        save: ``before``: a write of tokens fails and is not there; ``after``: it is there, and nobody says so.
        read_only: Further operations that fail, by name: ``lease``, ``mark_sent``, ``release``.
        saves: How often a write of tokens was tried.
    """

    def __init__(self, *, clock: ManualClock) -> None:
        super().__init__(clock=clock)
        self.save: Literal["before", "after"] | None = None
        self.read_only = set[str]()
        self.saves = 0

    async def save_tokens(self, row: StoredAssociation, *, replaces: int) -> bool:
        self.saves += 1
        if self.save == "before":
            raise _silent("save_tokens")
        is_saved = await super().save_tokens(row, replaces=replaces)
        if self.save == "after":
            raise _silent("save_tokens")
        return is_saved

    async def lease(
        self, association_id: str, *, version: int, lease_id: str, seconds: LeaseSeconds
    ) -> StoredAssociation | None:
        self._require("lease")
        return await super().lease(association_id, version=version, lease_id=lease_id, seconds=seconds)

    async def mark_sent(self, association_id: str, *, version: int, lease_id: str) -> bool:
        self._require("mark_sent")
        return await super().mark_sent(association_id, version=version, lease_id=lease_id)

    async def release(self, row: StoredAssociation, *, outcome: Literal["known", "unknown"]) -> None:
        self._require("release")
        await super().release(row, outcome=outcome)

    def _require(self, operation: str) -> None:
        if operation in self.read_only:
            raise _silent(operation)


class Lagging(MemoryRepository):
    """A store whose plain reads come from a replica that is behind; what writes, reads from the primary.

    Attributes:
        stale: The row that the replica still gives; None: it has caught up.
    """

    def __init__(self, *, clock: ManualClock) -> None:
        super().__init__(clock=clock)
        self.stale: StoredAssociation | None = None

    async def get(self, association_id: str) -> StoredAssociation | None:
        if self.stale is not None and self.stale.id == association_id:
            return self.stale
        return await super().get(association_id)


class Held(MemoryRepository):
    """A store that stands still at one operation until a test lets it go on.

    Attributes:
        operation: ``lease`` or ``mark_sent``; what it did is done when it stands still.
        reached: Set when it stands still.
        go_on: Lets it go on.
    """

    def __init__(self, *, clock: ManualClock) -> None:
        super().__init__(clock=clock)
        self.operation = ""
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def lease(
        self, association_id: str, *, version: int, lease_id: str, seconds: LeaseSeconds
    ) -> StoredAssociation | None:
        row = await super().lease(association_id, version=version, lease_id=lease_id, seconds=seconds)
        await self._held("lease")
        return row

    async def mark_sent(self, association_id: str, *, version: int, lease_id: str) -> bool:
        is_marked = await super().mark_sent(association_id, version=version, lease_id=lease_id)
        await self._held("mark_sent")
        return is_marked

    async def _held(self, operation: str) -> None:
        if self.operation == operation:
            self.reached.set()
            await self.go_on.wait()


def _silent(operation: str) -> StorageError:
    return StorageError("the database does not answer", operation=operation)
