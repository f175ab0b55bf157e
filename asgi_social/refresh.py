"""When to renew, who renews, and what a failure means.

One renewal at a time for an association: a task in ``background`` that every caller shares and no caller owns. One
that was sent is carried to its end, whoever goes away, because a rotating provider gives a new pair only once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import get_args

from asgi_social.background import Background
from asgi_social.clock import Clock
from asgi_social.errors import (
    AssociationGone,
    CannotRenew,
    ProviderError,
    ProviderRefused,
    ReauthReason,
    SocialError,
)
from asgi_social.events import Event, EventName, Events
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Tokens
from asgi_social.protocols.steps import Steps, renewal, renewal_suspicion
from asgi_social.secret import Keys
from asgi_social.storage.repository import Repository, StoredAssociation
from asgi_social.transport import Transport
from asgi_social.vault import reauth_error, tokens_of, with_tokens

EARLY_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewable:
    """What a renewal needs to know of a backend."""

    client: Client
    steps: Steps = field(default_factory=Steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewals:
    """Keeps the tokens of stored associations alive; made once by ``Social``, of the engine's parts."""

    backends: Mapping[str, Renewable]
    repository: Repository
    transport: Transport
    background: Background
    clock: Clock
    keys: Keys
    events: Events

    async def renewed(self, row: StoredAssociation) -> StoredAssociation:
        """Give the association with tokens newer than the caller's: by one renewal, however many ask at once.

        A caller that holds an older version than the one stored gets the stored one, and nothing is renewed.

        Raises:
            CannotRenew: There is nothing to renew with, or the token never expires.
            NeedsReauth: The provider ended the grant, or a stored value does not open.
            AssociationGone: It was unlinked meanwhile.
            ProviderError: The provider did not do its part; what is stored stays.
        """
        # With the version, or who asks for newer tokens than those stored would join a caller who gets just these.
        return await self.background.share(("renew", row.id, str(row.version)), partial(self._renew, row))

    async def usable(self, row: StoredAssociation, *, min_lifetime: float) -> tuple[StoredAssociation, Tokens]:
        """Give the association with a token that is good for so many seconds more.

        Inside the margin before its end the stored token is given at once and renewed behind the caller; with less
        than ``min_lifetime`` left the caller waits for the renewal.

        Raises:
            CannotRenew: It ends before that, and there is nothing to renew with.
            NeedsReauth, AssociationGone, ProviderError: As :meth:`renewed`.
        """
        self._require_active(row)
        tokens = tokens_of(row, keys=self.keys)
        if not tokens.access_token:
            raise _cannot(row, "it was linked by an ID token alone, and no access token came with it")
        if row.expires_at is None:
            return row, tokens
        lifetime = row.expires_at - row.issued_at
        if self._is_short(row, min_lifetime):
            row = await self.renewed(row)
            if self._is_short(row, min_lifetime):  # somebody else had renewed it, and that token has ended as well
                row = await self.renewed(row)
            return row, tokens_of(row, keys=self.keys)
        if self._is_short(row, self._margin(row, lifetime)) and self._reason_not_to(row) is None:
            self.background.start(self._renewed_behind(row), name=f"renew {row.id}")
        return row, tokens

    async def _renewed_behind(self, row: StoredAssociation) -> None:
        try:
            await self.renewed(row)
        except SocialError:
            return  # said by the event; the token still lives, and the next caller tries again

    async def _renew(self, row: StoredAssociation) -> StoredAssociation:
        stored = await self.repository.get(row.id)
        if stored is None:
            raise _gone(row)
        self._require_active(stored)
        if stored.version > row.version:
            return stored
        if (reason := self._reason_not_to(stored)) is not None:
            raise _cannot(stored, reason)
        old = tokens_of(stored, keys=self.keys)
        backend = self.backends[stored.backend]
        client = replace(backend.client, now=self.clock.now())
        try:
            new = await self.transport.play(renewal(client, backend.steps, old), backend=stored.backend)
        except ProviderError as error:
            self.events.emit(_event("renewal_failed", stored, code=error.code, reason=_error_name(error)))
            if isinstance(error, ProviderRefused) and error.error == "invalid_grant":
                return await self._refused(stored)
            raise
        return await self._saved(stored, old, new, client)

    async def _saved(self, stored: StoredAssociation, old: Tokens, new: Tokens, client: Client) -> StoredAssociation:
        suspect: str | None = None
        try:
            suspect = await self.transport.play(renewal_suspicion(client, old, new), backend=stored.backend)
        except ProviderError:
            # The keys cannot be had now. The access token is good; the unproved ID token is not kept.
            new = replace(new, id_token=None)
        now = self.clock.now()
        row = replace(with_tokens(stored, new, keys=self.keys, now=now), version=stored.version + 1)
        if suspect is not None:
            # Stored all the same, for the old pair may be dead; not served.
            row = replace(row, status="needs_reauth", reason="suspect", since=now)
        if not await self.repository.save_tokens(row, replaces=stored.version):
            return await self._newer(stored)
        if suspect is not None:
            self.events.emit(_event("needs_reauth", row, reason="suspect"))
            raise reauth_error(row, reason="suspect", since=now)
        self.events.emit(_event("renewed", row))
        return row

    async def _refused(self, stored: StoredAssociation) -> StoredAssociation:
        """Take the provider's ``invalid_grant``: somebody else was first, or the grant has ended."""
        now = self.clock.now()
        row = replace(stored, status="needs_reauth", reason="revoked", since=now, version=stored.version + 1)
        if not await self.repository.save_tokens(row, replaces=stored.version):
            return await self._newer(stored)
        self.events.emit(_event("needs_reauth", row, reason="revoked"))
        raise reauth_error(row, reason="revoked", since=now)

    async def _newer(self, row: StoredAssociation) -> StoredAssociation:
        newer = await self.repository.get(row.id)
        if newer is None:
            raise _gone(row)
        self._require_active(newer)
        return newer

    def _reason_not_to(self, row: StoredAssociation) -> str | None:
        backend = self.backends.get(row.backend)
        if backend is None:
            return "its backend is not configured"
        rules = backend.client.provider.refresh
        if rules.never_expires:
            return "they never expire"
        if not rules.enabled:
            return "the provider does not renew tokens"
        if rules.with_token == "refresh_token" and row.refresh_token is None:
            return "the provider gave no refresh token"
        if rules.with_token == "access_token" and not row.access_token:
            return "there is no access token"
        if row.client_id != backend.client.client_id:
            return "they were issued to another client_id"
        return None

    def _is_short(self, row: StoredAssociation, seconds: float) -> bool:
        """Say whether the token ends within so many seconds; of one of unknown lifetime nobody knows."""
        if row.expires_at is None:
            return False
        # Never above half a token's lifetime, or a short-lived one would be renewed at each call.
        return row.expires_at - self.clock.now() < min(seconds, (row.expires_at - row.issued_at) / 2)

    def _margin(self, row: StoredAssociation, lifetime: float) -> float:
        backend = self.backends.get(row.backend)
        early = backend.client.provider.refresh.early if backend else None
        return float(early) if early is not None else min(EARLY_SECONDS, lifetime / 5)

    def _require_active(self, row: StoredAssociation) -> None:
        if row.status == "needs_reauth":
            raise reauth_error(row, reason=reauth_reason(row), since=row.since)


def reauth_reason(row: StoredAssociation) -> ReauthReason:
    """Give the reason that a row holds, as the closed set that it is."""
    return next((reason for reason in get_args(ReauthReason) if reason == row.reason), "revoked")


def _cannot(row: StoredAssociation, reason: str) -> CannotRenew:
    return CannotRenew(
        f"the tokens of {row.id} are not renewed: {reason}",
        hint="use the token while it works; when it does not, the person links again",
        association_id=row.id,
        backend=row.backend,
    )


def _gone(row: StoredAssociation) -> AssociationGone:
    return AssociationGone(
        f"the association {row.id} was unlinked",
        hint="link the account again",
        association_id=row.id,
        backend=row.backend,
    )


def _event(name: EventName, row: StoredAssociation, *, code: str | None = None, reason: str | None = None) -> Event:
    return Event(
        name=name,
        backend=row.backend,
        user_id=row.user_id,
        association_id=row.id,
        code=code,
        reason=reason,
    )


def _error_name(error: ProviderError) -> str | None:
    return error.error if isinstance(error, ProviderRefused) else None
