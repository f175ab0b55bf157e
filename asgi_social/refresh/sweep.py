"""Renewing ahead of time whatever will end soon: in the app, from cron, or in a task of a queue.

Any number of workers share the work by the leases alone. Two that begin together read the same pages, and each goes
through one in an order of its own: who comes second to a row loses a query or two. Claiming rows by SKIP LOCKED instead
was measured (``benchmarks/sweep.py``): 1.07 times as many at a provider that takes 200 ms, for a second way to renew.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from asgi_social.errors import AssociationGone, CannotRenew, NeedsReauth, ProviderError
from asgi_social.refresh.renewals import Renewals
from asgi_social.secret import shuffled
from asgi_social.storage.repository import StoredAssociation

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
        self._renewals = renewals
        self._left = float("inf") if limit is None else limit
        self._on_progress = on_progress

    async def backend(self, name: str) -> None:
        """Renew what is due of one backend."""
        rows = self._rows(name)
        at_once = self._renewals.attempts.backends[name].client.renewals_at_once
        asking = asyncio.Lock()  # a generator is asked by one at a time
        try:
            await _all_of([self._worker(rows, asking) for _ in range(at_once)])
        finally:
            await rows.aclose()

    async def _worker(self, rows: AsyncGenerator[StoredAssociation, None], asking: asyncio.Lock) -> None:
        while True:
            async with asking:
                row = await anext(rows, None)
            if row is None:
                return
            await self._renew(row)

    async def _rows(self, name: str) -> AsyncGenerator[StoredAssociation, None]:
        """Give what is due, until there is no more, the limit is reached, or the provider is left alone."""
        renewals, after = self._renewals, None
        host = await renewals.attempts.host_of(name)
        now = renewals.clock.now()  # of its beginning, or it never ends where tokens live shorter than it takes
        while rows := await renewals.repository.due(backends=[name], now=now, limit=PAGE, after=after):
            after = (rows[-1].renew_at or 0.0, rows[-1].id)
            for row in shuffled(rows):
                if self._left < 1 or renewals.background.is_closing or renewals.attempts.limits.seconds_closed(name):
                    return
                if not renewals.can_be_renewed(row, host=host):
                    # It stays due whatever is done; against the limit it would keep all behind it from their turn.
                    self._count("cannot_renew")
                    continue
                self._left -= 1
                yield row

    async def _renew(self, row: StoredAssociation) -> None:
        try:
            newer = await self._renewals.renewed_here(row)
        except NeedsReauth:
            self._count("needs_reauth")
        except CannotRenew:
            self._count("cannot_renew")
        except AssociationGone:
            self._count("elsewhere")
        except ProviderError:
            if self._renewals.attempts.limits.are_credentials_refused(row.backend):
                self.swept.refused_backends.add(row.backend)
            self._count("failed")
        else:
            self._count("renewed" if newer is not None and newer.is_ours else "elsewhere")

    def _count(self, outcome: Outcome) -> None:
        setattr(self.swept, outcome, getattr(self.swept, outcome) + 1)
        if self._on_progress is not None:
            self._on_progress(self.swept)


async def _all_of(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Bring all to their end, and then raise the first error there was."""
    for result in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
