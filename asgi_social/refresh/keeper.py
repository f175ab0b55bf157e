"""Getting into the database what a provider gives only once: tried until it is there, served from memory meanwhile."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from asgi_social.background import Background
from asgi_social.clock import Clock
from asgi_social.errors import StorageError
from asgi_social.events import Event, EventName, Events
from asgi_social.secret import random_text
from asgi_social.storage.repository import Repository, StoredAssociation

# From the begin of one try to that of the next go by at most 2 s: so long is one waited for, and so long is the longest
# pause behind it. Who takes over from a process that does not answer waits longer than both.
TRY_SECONDS = 1.0
PAUSE_SECONDS = 1.0
_FIRST_PAUSE_SECONDS = PAUSE_SECONDS / 16
Dropped = Callable[[StoredAssociation], Coroutine[Any, Any, None]]
_log = logging.getLogger("asgi_social")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Stores what came of renewals; what the database does not take yet stands here, where this process finds it."""

    repository: Repository
    background: Background
    clock: Clock
    events: Events
    try_seconds: float = TRY_SECONDS
    _unstored: dict[str, StoredAssociation] = field(default_factory=dict)

    def newest(self, row: StoredAssociation) -> StoredAssociation:
        """Give the row, or a newer one of the same association that is not stored yet."""
        held = self._unstored.get(row.id)
        return held if held is not None and held.version > row.version else row

    async def keep(self, row: StoredAssociation, *, replaces: int, dropped: Dropped) -> bool:
        """Store a row in place of the version ``replaces``; where the database is silent, go on behind the caller.

        Args:
            row: Tokens, or the end of a grant, as they are to be stored.
            replaces: The version that the renewal began with.
            dropped: Called, behind the caller, with a row that others were faster than.

        Returns:
            Whether it is stored, or will be; False where another write came first, or the association is gone.
        """
        try:
            is_stored = await self._saved(row, replaces=replaces)
        except StorageError:
            self._unstored[row.id] = row
            self.events.emit(event_of("renewal_unstored", row))
            self.background.start(self._stored_at_last(row, replaces, dropped), name=f"store {row.id}")
            return True
        self._tell(row, is_stored=is_stored, dropped=dropped)
        return is_stored

    async def _stored_at_last(self, row: StoredAssociation, replaces: int, dropped: Dropped) -> None:
        is_known, pause = asyncio.Event(), _FIRST_PAUSE_SECONDS

        async def once() -> None:
            try:
                is_stored = await self._saved(row, replaces=replaces)
            except StorageError:
                return
            if not is_known.is_set():  # else another try was through first, and has told
                is_known.set()
                self._tell(row, is_stored=is_stored, dropped=dropped)

        try:
            while not is_known.is_set():
                await self.clock.sleep(pause)
                pause = min(pause * 2, PAUSE_SECONDS)
                with contextlib.suppress(TimeoutError):
                    # One that hangs in a lost connection goes on, and does not hold up the next.
                    async with asyncio.timeout(self.try_seconds):
                        await self.background.share(("store", row.id, random_text(bits=64)), once)
        finally:
            if self._unstored.get(row.id) is row:
                del self._unstored[row.id]
            if not is_known.is_set():
                _log.error("the app ends before the database took the renewed tokens of %s", row.id)

    async def _saved(self, row: StoredAssociation, *, replaces: int) -> bool:
        if await self.repository.save_tokens(row, replaces=replaces):
            return True
        # It may be there all the same, by a try of which the database never said that it was.
        stored = await self.repository.get(row.id)
        mine = (row.version, row.access_token, row.status)
        return stored is not None and (stored.version, stored.access_token, stored.status) == mine

    def _tell(self, row: StoredAssociation, *, is_stored: bool, dropped: Dropped) -> None:
        if not is_stored:
            self.background.start(dropped(row), name=f"drop {row.id}")
            return
        name: EventName = "renewed" if row.status == "active" else "needs_reauth"
        self.events.emit(event_of(name, row, reason=row.reason))


def event_of(name: EventName, row: StoredAssociation, *, code: str | None = None, reason: str | None = None) -> Event:
    """Make the event of something that happened to an association."""
    return Event(name=name, backend=row.backend, user_id=row.user_id, association_id=row.id, code=code, reason=reason)
