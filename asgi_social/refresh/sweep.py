"""Renewing ahead of time whatever will end soon: in the app, from cron, or in a task of a queue.

Any number of workers share the work by leases, which each takes for as many associations at once as it can begin right
then; what another one is taking is passed by (SKIP LOCKED), so that no two come to one association. To read pages and
take each lease by itself was measured too (``benchmarks/sweep.py``): two workers met at nearly each row, and spent a
third to a half more on a renewal.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from asgi_social.errors import AssociationGone, CannotRenew, NeedsReauth, ProviderError, ProviderUnreachable
from asgi_social.refresh.attempt import LEASE, SEND_SECONDS
from asgi_social.refresh.renewals import Renewals
from asgi_social.secret import random_text
from asgi_social.storage.repository import Due, StoredAssociation

PAGE = 100
Outcome = Literal["renewed", "failed", "needs_reauth", "cannot_renew", "elsewhere"]


@dataclass(slots=True, kw_only=True)
class Swept:
    """What a sweep did, by how many associations; what was not due is in none.

    Attributes:
        renewed: They have new tokens.
        failed: The provider did not do its part; they are tried again later.
        needs_reauth: Only the person can mend them, by linking again.
        cannot_renew: Something about the app's settings or keys keeps them from being renewed.
        elsewhere: Another process was at it, or was faster, or they were unlinked meanwhile.
        refused_backends: Whose provider does not take this app's own credentials.
    """

    renewed: int = 0
    failed: int = 0
    needs_reauth: int = 0
    cannot_renew: int = 0
    elsewhere: int = 0
    refused_backends: set[str] = field(default_factory=set)

    @property
    def total(self) -> int:
        """How many were looked at."""
        return self.renewed + self.failed + self.needs_reauth + self.cannot_renew + self.elsewhere


async def sweep(
    renewals: Renewals, *, limit: int | None = None, on_progress: Callable[[Swept], None] | None = None
) -> Swept:
    """Renew what is due, each backend by itself and with as many at once as its limit allows.

    Args:
        renewals: Of the engine.
        limit: How many associations to renew or to try; None: all that are due.
        on_progress: Called after each, with the counts so far.

    Raises:
        StorageError: The database does not answer; what was begun is brought to its end.
    """
    sweeping = _Sweep(renewals, limit=limit, on_progress=on_progress)
    await _all_of([sweeping.backend(name) for name in renewals.attempts.backends])
    return sweeping.swept


class _Sweep:
    def __init__(self, renewals: Renewals, *, limit: int | None, on_progress: Callable[[Swept], None] | None) -> None:
        self.swept = Swept()
        self.renewals = renewals
        self.left = float("inf") if limit is None else limit
        # Backends that share a limit claim one after the other, so that together they keep to it.
        self._claiming = None if limit is None else asyncio.Lock()
        self._on_progress = on_progress

    async def backend(self, name: str) -> None:
        """Renew what is due of one backend."""
        attempts, background = self.renewals.attempts, self.renewals.background
        claims = _Claims(self, name, host=await attempts.host_of(name), lock=self._claiming or asyncio.Lock())
        at_once = attempts.backends[name].client.renewals_at_once
        keys = [("sweep", name, random_text(bits=64)) for _ in range(at_once)]
        try:
            # Tasks of their own, so that what is claimed is renewed, or given back, where the sweep is cut off.
            await _all_of([background.share(key, partial(self._worker, claims, at_once)) for key in keys])
        finally:
            claims.is_over = True

    async def _worker(self, claims: "_Claims", at_once: int) -> None:
        """Renew one association after the other; its turn comes first, so that what is claimed begins at once."""
        limits = self.renewals.attempts.limits
        while not claims.is_over:
            try:
                async with limits.turn(claims.backend, at_once=at_once):
                    if (claimed := await claims.next()) is None:
                        return
                    await self._renew(*claimed)
            except ProviderUnreachable:
                claims.is_over = True  # it is left alone for now, but by one that has its turn to try it

    async def _renew(self, row: StoredAssociation, send_until: float) -> None:
        try:
            newer = await self.renewals.renewed_under(row, send_until=send_until)
        except NeedsReauth:
            self.count("needs_reauth")
        except CannotRenew:
            self.count("cannot_renew")
        except AssociationGone:
            self.count("elsewhere")
        except ProviderError:
            if self.renewals.attempts.limits.are_credentials_refused(row.backend):
                self.swept.refused_backends.add(row.backend)
            self.count("failed")
        else:
            self.count("renewed" if newer is not None and newer.is_ours else "elsewhere")

    def count(self, outcome: Outcome) -> None:
        """Take note of what became of one."""
        setattr(self.swept, outcome, getattr(self.swept, outcome) + 1)
        if self._on_progress is not None:
            self._on_progress(self.swept)


class _Claims:
    """The associations of one backend that are due, leased by as many as there are workers that wait for one.

    Attributes:
        backend: Its name.
        is_over: Whether no further turn is taken; who has one goes on to its end.
    """

    def __init__(self, sweep: _Sweep, backend: str, *, host: str | None, lock: asyncio.Lock) -> None:
        self.backend = backend
        self.is_over = False
        self._sweep = sweep
        self._lock = lock
        self._wanted = partial(sweep.renewals.can_be_renewed, host=host)
        self._claimed: deque[tuple[StoredAssociation, float]] = deque()
        self._asking = 0
        # The moment is that of the beginning, or it never ends where tokens live shorter than it takes. None: there is
        # no more, or nobody knows.
        now = sweep.renewals.clock.now()
        self._due: Due | None = Due(backend=backend, now=now, limit=1, among=1)
        self._has_met_others = False

    async def next(self) -> tuple[StoredAssociation, float] | None:
        """Give one, and until when by the monotonic clock it can be sent; None where there is no more.

        Raises:
            StorageError: The database does not answer.
        """
        self._asking += 1
        try:
            await asyncio.sleep(0)  # so that others who come for one just now are claimed for in one go
            async with self._lock:
                while not self._claimed and self._due is not None and self._may_claim():
                    await self._claim(self._due)
                return self._claimed.popleft() if self._claimed else None
        finally:
            self._asking -= 1

    def _may_claim(self) -> bool:
        return self._sweep.left >= 1 and not self._sweep.renewals.background.is_closing

    async def _claim(self, due: Due) -> None:
        renewals, self._due = self._sweep.renewals, None
        limit = int(min(self._asking, self._sweep.left))
        # Where there is what cannot be renewed, there may be much of it.
        asked = replace(due, limit=limit, among=PAGE if self._has_met_others else limit)
        send_until = renewals.clock.monotonic() + SEND_SECONDS
        found = await renewals.repository.claim(
            asked, lease_id=random_text(bits=128), seconds=LEASE, wanted=self._wanted
        )
        self._claimed.extend((row, send_until) for row in found.rows)
        self._has_met_others = found.passed > 0
        for _ in range(found.passed):
            # It stays due whatever is done; against the limit it would keep all behind it from their turn.
            self._sweep.count("cannot_renew")
        self._sweep.left -= len(found.rows)
        self._due = None if found.after is None else replace(due, after=found.after)


async def _all_of(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Bring all to their end, and then raise the first error there was."""
    for result in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
