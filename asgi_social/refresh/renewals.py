"""Who renews: of all callers, tasks and processes one, and all get what it was given.

In a process one task of an association is shared by all who ask and owned by none of them; among processes a lease in
the row says whose turn it is, and the version says whose write counts. What was sent is carried to its end, whoever
goes away, because a rotating provider gives a new pair only once.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from functools import partial

from asgi_social.background import Background
from asgi_social.clock import Clock
from asgi_social.errors import NeedsReauth, SocialError
from asgi_social.protocols.message import Tokens
from asgi_social.refresh.attempt import LEASE, Attempts, Renewed, is_from
from asgi_social.refresh.failures import cannot, gone, not_now, require_active
from asgi_social.refresh.keeper import event_of
from asgi_social.refresh.schedule import held_back_seconds, is_renewable, is_short, with_renew_at
from asgi_social.storage.repository import Repository, StoredAssociation
from asgi_social.vault import tokens_of

# How long a caller waits for the renewal of another process.
WAIT_SECONDS = 20.0
# How long a caller waits in all: for a turn among many, for another process, for the provider, for the database.
CALLER_SECONDS = 40.0
MAX_TOLD = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewals:
    """Keeps the tokens of stored associations alive; made once by ``Social``, of the engine's parts."""

    attempts: Attempts
    repository: Repository
    background: Background
    clock: Clock
    caller_seconds: float = CALLER_SECONDS
    # Those of which the app was told that they do not open: once, and not at each look.
    told: set[str] = field(default_factory=set)

    async def renewed(self, row: StoredAssociation) -> StoredAssociation:
        """Give the association with tokens newer than the caller's: by one renewal, however many ask at once.

        A caller that holds an older version than the one stored gets the stored one, and nothing is renewed. Where
        another process renews, this one waits for it, at most 20 seconds; and at most 40 in all, whatever it is for.

        Raises:
            CannotRenew: There is nothing to renew with, or the token never expires.
            NeedsReauth: The provider ended the grant, or a stored value does not open.
            AssociationGone: It was unlinked meanwhile.
            ProviderError: The provider did not do its part, or is left alone after it did not; what is stored stays.
        """
        try:
            async with asyncio.timeout(self.caller_seconds):
                return await self._renewed_somewhere(row)
        except TimeoutError:
            raise not_now(row, "it goes on, and was not done in time", retry_after=None) from None

    async def renewed_here(self, row: StoredAssociation) -> Renewed | None:
        """Do as :meth:`renewed`, and give None where another process is at it, or its tokens are not written yet."""
        return await self.background.share(_key(row), partial(self._renewed, row))

    async def renewed_under(self, leased: StoredAssociation, *, send_until: float) -> Renewed | None:
        """Do as :meth:`renewed_here` under a lease and a turn that the caller has; the lease ends with it.

        None where a task of this process is at it without the lease, which it can get by now.

        Args:
            leased: As it was claimed.
            send_until: By the monotonic clock: nothing is sent later.
        """
        if self.background.is_shared(_key(leased)):
            await self.attempts.give_back(leased)
            return None
        return await self.background.share(_key(leased), partial(self._renewed_under, leased, send_until))

    async def usable(self, row: StoredAssociation, *, min_lifetime: float) -> tuple[StoredAssociation, Tokens]:
        """Give the association with a token that is good for so many seconds more.

        From ``renew_at`` on the stored token is given at once and renewed behind the caller; with less than
        ``min_lifetime`` left the caller waits for the renewal.

        Raises:
            CannotRenew: It ends before that, and there is nothing to renew with.
            NeedsReauth, AssociationGone, ProviderError: As :meth:`renewed`.
        """
        row = self.attempts.keeper.newest(row)
        require_active(row)
        tokens = self._opened(row)
        if not tokens.access_token:
            raise cannot(row, "it was linked by an ID token alone, and no access token came with it")
        if is_short(row, seconds=min_lifetime, now=self.clock.now()):
            row = await self.renewed(row)
            if is_short(row, seconds=min_lifetime, now=self.clock.now()):  # others had renewed it, and it ended as well
                row = await self.renewed(row)
            return row, self._opened(row)
        if self._is_due(row):
            self.background.start(self._renewed_behind(row), name=f"renew {row.id}")
        return row, tokens

    def reason_not_to(self, row: StoredAssociation) -> str | None:
        """Say why an association cannot be renewed at all, or None where it can."""
        backend = self.attempts.backends.get(row.backend)
        if backend is None:
            return "its backend is not configured"
        rules = backend.client.provider.refresh
        if rules.never_expires:
            return "they never expire"
        if not rules.enabled:
            return "the provider does not renew tokens"
        if not is_renewable(row, rules):
            return f"there is no {rules.with_token.replace('_', ' ')}"
        if row.client_id != backend.client.client_id:
            return "they were issued to another client_id"
        return None

    def can_be_renewed(self, row: StoredAssociation, *, host: str | None) -> bool:
        """Say whether an attempt may come to anything, as far as that shows without one.

        Args:
            row: As it was just read.
            host: Where its backend's refresh tokens go now; None where nobody knows.
        """
        if self.reason_not_to(row) is not None:
            return False
        if host is not None and not is_from(row, host, self.attempts.backends[row.backend].client):
            return False
        with contextlib.suppress(NeedsReauth):
            return bool(self._opened(row))
        return False

    def _is_due(self, row: StoredAssociation) -> bool:
        now = self.clock.now()
        if self.reason_not_to(row) is not None or held_back_seconds(row, now=now):
            return False
        renew_at = row.renew_at  # absent in a row that others wrote, such as an import
        if renew_at is None:
            renew_at = with_renew_at(row, self.attempts.backends[row.backend].client.provider.refresh).renew_at
        return renew_at is not None and renew_at <= now and not self.attempts.limits.seconds_closed(row.backend)

    async def _renewed_somewhere(self, row: StoredAssociation) -> StoredAssociation:
        until, pause = self.clock.monotonic() + WAIT_SECONDS, 0.05
        while (newer := await self.renewed_here(row)) is None:
            if self.clock.monotonic() + pause > until:
                raise not_now(row, "another process renews, and was not done in time", retry_after=LEASE.fresh)
            await self.clock.sleep(pause)
            pause = min(pause * 1.5, 0.5)  # short at first, for most are done soon
        return newer.row

    async def _renewed_behind(self, row: StoredAssociation) -> None:
        try:
            await self.renewed_here(row)
        except SocialError:
            return  # said by the event; the token still lives, and a later caller tries again

    async def _renewed(self, row: StoredAssociation) -> Renewed | None:
        newest = self.attempts.keeper.newest(row)
        if newest.version > row.version:
            require_active(newest)
            return Renewed(row=newest, is_ours=False)
        stored = await self.repository.get(row.id)
        if stored is None:
            raise gone(row)
        require_active(stored)
        if stored.version > row.version:
            return Renewed(row=stored, is_ours=False)
        if stored.version < row.version:  # the caller's are not written yet, or a replica is behind
            return None
        if (reason := self.reason_not_to(stored)) is not None:
            raise cannot(stored, reason)
        return await self.attempts.attempted(stored, self._opened(stored))

    async def _renewed_under(self, leased: StoredAssociation, send_until: float) -> Renewed | None:
        newest = self.attempts.keeper.newest(leased)
        if newest.version > leased.version:
            await self.attempts.give_back(leased)
            require_active(newest)
            return Renewed(row=newest, is_ours=False)
        return await self.attempts.claimed(leased, self._opened(leased), send_until=send_until)

    def _opened(self, row: StoredAssociation) -> Tokens:
        try:
            return tokens_of(row, keys=self.attempts.keys)
        except NeedsReauth as error:
            if row.id not in self.told and len(self.told) < MAX_TOLD:
                self.told.add(row.id)
                self.attempts.events.emit(event_of("needs_reauth", row, code=error.code, reason=error.reason))
            raise


def _key(row: StoredAssociation) -> tuple[str, ...]:
    """Name the one task that renews a row of a version.

    Without the version, who asks for newer tokens than those stored would join a caller who gets just these.
    """
    return "renew", row.id, str(row.version)
