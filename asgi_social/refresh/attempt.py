"""One attempt to renew, by whoever has the lease: what is sent, what the answer means, and what is stored of it."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from asgi_social.account import Uid
from asgi_social.background import Background
from asgi_social.clock import Clock
from asgi_social.errors import (
    NeedsReauth,
    ProviderError,
    ProviderRefused,
    ProviderUnreachable,
    ReauthReason,
    SocialError,
    StorageError,
)
from asgi_social.events import Event, Events
from asgi_social.protocols.client import Client
from asgi_social.protocols.id_token import keys_at_hand
from asgi_social.protocols.message import Conversation, Tokens
from asgi_social.protocols.metadata import prepared
from asgi_social.protocols.oauth2 import renewal_host, suspicion
from asgi_social.protocols.steps import Steps, revocation
from asgi_social.protocols.variables import of_stored, open_variables
from asgi_social.refresh.answers import sober
from asgi_social.refresh.failures import cannot, gone, is_of_credentials, meaning_of, not_now, require_active
from asgi_social.refresh.keeper import Keeper, event_of
from asgi_social.refresh.limits import Limits
from asgi_social.refresh.schedule import backoff, held_back_seconds, is_renewable, with_renew_at
from asgi_social.secret import Keys, random_text
from asgi_social.storage.repository import LeaseSeconds, Repository, StoredAssociation
from asgi_social.transport import Transport
from asgi_social.vault import account_of, resealed, tokens_of, with_tokens

T = TypeVar("T")

# For a request besides the renewal's own, which has 15 s: metadata before it, and keys that are new after it.
BESIDE_SECONDS = 5.0
# Up to 7 s until it is sent, 15 s for the answer, 5 s for new keys, and the rest for the write.
SEND_SECONDS = 7.0
LEASE = LeaseSeconds(fresh=30.0, taking_over=33.0)
# Who takes over where a renewal was sent finds its tokens written, where they can be: longer than the keeper's pause.
TAKE_OVER_SECONDS = 2.5
REVOCATION_SECONDS = 5.0
_HELD_BACK = "an attempt went wrong a moment ago"
_CLOSING = "the app is closing, and begins no renewal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewable:
    """What a renewal needs to know of a backend."""

    client: Client
    steps: Steps = field(default_factory=Steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """An association with newer tokens, and whether it was this attempt that got them, or another before it."""

    row: StoredAssociation
    is_ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """Asks providers for new tokens, and tells them which are no longer wanted; made once by ``Social``."""

    backends: Mapping[str, Renewable]
    repository: Repository
    transport: Transport
    background: Background
    clock: Clock
    keys: Keys
    events: Events
    limits: Limits
    keeper: Keeper

    async def attempted(self, stored: StoredAssociation, old: Tokens) -> Renewed | None:
        """Renew, if the lease is to be had, and the association is not put off.

        Args:
            stored: As it was just read.
            old: Its tokens.

        Returns:
            None where another process has the lease, or has stored newer tokens that cannot be read yet.

        Raises:
            CannotRenew, NeedsReauth, AssociationGone, ProviderError: No tokens came of it.
        """
        if seconds := held_back_seconds(stored, now=self.clock.now()):
            raise not_now(stored, _HELD_BACK, retry_after=seconds)
        backend = self.backends[stored.backend]
        async with self.limits.turn(stored.backend, at_once=backend.client.renewals_at_once):
            return await self._leased(stored, old)

    async def _leased(self, stored: StoredAssociation, old: Tokens) -> Renewed | None:
        if self.background.is_closing:
            raise not_now(stored, _CLOSING, retry_after=None)
        client = await self._ready(stored, old)
        send_until = self.clock.monotonic() + SEND_SECONDS
        leased = await self.repository.lease(
            stored.id, version=stored.version, lease_id=random_text(bits=128), seconds=LEASE
        )
        return None if leased is None else await self._sent(leased, client, old, send_until=send_until)

    async def claimed(self, leased: StoredAssociation, old: Tokens, *, send_until: float) -> Renewed | None:
        """Renew under a lease that the caller has, as well as a turn; it is given back where nothing is sent.

        Args:
            leased: As it was claimed.
            old: Its tokens.
            send_until: By the monotonic clock: where it comes to be sent later, there is not enough left of the lease.

        Raises:
            CannotRenew, NeedsReauth, AssociationGone, ProviderError: No tokens came of it.
        """
        try:
            client = await self._ready(leased, old)
        except SocialError:
            await self.give_back(leased)
            raise
        return await self._sent(leased, client, old, send_until=send_until)

    async def _sent(
        self, leased: StoredAssociation, client: Client, old: Tokens, *, send_until: float
    ) -> Renewed | None:
        """Do what the lease is for, unless something speaks against it by now."""
        backend = self.backends[leased.backend]
        if seconds := held_back_seconds(leased, now=self.clock.now()):
            # An attempt of another process went wrong since the row was read, or since the sweep began.
            raise await self._unsent(leased, _HELD_BACK, retry_after=seconds)
        if leased.sent_at is not None:
            send_until += TAKE_OVER_SECONDS
            await self.clock.sleep(TAKE_OVER_SECONDS)
        if self.background.is_closing:
            raise await self._unsent(leased, _CLOSING)
        # Committed before it is sent: who finds it after a crash knows that the token may be spent. And where it cannot
        # be written, the answer could not be either, so that nothing is sent.
        if not await self.repository.mark_sent(leased.id, version=leased.version, lease_id=leased.lease_id or ""):
            return None
        if self.clock.monotonic() > send_until:
            # The process or the database stood still, and the lease might end, and another send, before the answer.
            raise await self._unsent(leased, "there is not enough left of the lease")
        try:
            new = await self.transport.converse(client, backend.steps.renew(client, old))
        except SocialError as error:
            return await self._failed(leased, backend, error)
        self.limits.answered(leased.backend)
        return await self._given(leased, old, new, client)

    async def give_back(self, leased: StoredAssociation) -> None:
        """Give back a lease under which nothing was sent, so that nobody waits for its end."""
        with contextlib.suppress(StorageError):  # then the lease ends by itself
            await self.repository.release(leased, outcome="known" if leased.sent_at is None else "unknown")

    async def scheduled(self, row: StoredAssociation) -> StoredAssociation:
        """Give a row of tokens that a flow or a client token just brought, with where and when they are renewed."""
        rules = self.backends[row.backend].client.provider.refresh
        host = None
        if is_renewable(row, rules):
            with contextlib.suppress(ProviderError):
                host = renewal_host(await self._prepared(self._client_of(row)))
        return with_renew_at(replace(row, token_host=host or ""), rules)

    async def host_of(self, backend: str) -> str | None:
        """Give the host that refresh tokens go to; None where nobody knows one for all of the backend's associations.

        That is where metadata that would say so cannot be had now, or where each is at a host of its own.
        """
        client = self._now(self.backends[backend])
        if open_variables(client, "person") or open_variables(client, "callback"):
            return None
        with contextlib.suppress(ProviderError):
            return renewal_host(await self._prepared(client))
        return None

    async def revoke(self, row: StoredAssociation) -> None:
        """Tell the provider that an association's tokens are no longer wanted; an event says where it was not told."""
        client = self._client_of(row)
        try:
            tokens = tokens_of(row, keys=self.keys)
            _require_giver(row, await self._prepared(client))
            conversation = revocation(client, self.backends[row.backend].steps, tokens, Uid(row.uid))
            await self.transport.converse(client, conversation, seconds=REVOCATION_SECONDS)
        except SocialError as error:
            reason = error.endpoint if isinstance(error, ProviderError) else error.reason
            self.events.emit(event_of("revocation_failed", row, code=error.code, reason=reason))

    async def _unsent(
        self, leased: StoredAssociation, reason: str, *, retry_after: float | None = None
    ) -> ProviderUnreachable:
        """Give back a lease under which nothing was sent, and make the error."""
        await self.give_back(leased)
        return not_now(leased, reason, retry_after=retry_after)

    async def _ready(self, stored: StoredAssociation, old: Tokens) -> Client:
        """Have everything at hand before the token is spent: metadata, and the keys to judge the answer by at once."""
        name = stored.backend
        try:
            client = await self._prepared(self._client_of(stored))
        except ProviderError as error:
            self.events.emit(event_of("renewal_failed", stored, code=error.code, reason=error.endpoint))
            self.limits.failed(name, retry_after=_asked(error))
            raise
        _require_giver(stored, client)
        if old.id_token is not None:
            with contextlib.suppress(ProviderError):
                await self._beside(client, keys_at_hand(client))
        return client

    async def _given(self, leased: StoredAssociation, old: Tokens, new: Tokens, client: Client) -> Renewed | None:
        """Store what the provider gave, whatever else is wrong with it, for the old pair may be dead."""
        suspect: str | None = None
        try:
            suspect = await self._beside(client, suspicion(client, old, new))
        except ProviderError:
            # The keys cannot be had now. The access token is good; the unproved ID token is not kept.
            new = replace(new, id_token=None)
        now = self.clock.now()
        new, odd = sober(leased, new, now=now)
        row = with_tokens(leased, new, keys=self.keys, now=now)
        row = replace(with_renew_at(row, client.provider.refresh), token_host=renewal_host(client))
        if suspect is not None:
            row = replace(row, status="needs_reauth", reason="suspect", since=now, renew_at=None)
        for part in odd:
            self.events.emit(event_of("renewal_odd", leased, reason=part))
        return await self._kept(row, replaces=leased.version)

    async def _failed(self, leased: StoredAssociation, backend: Renewable, error: SocialError) -> Renewed | None:
        """Take what the provider said, or did not, for what it means; and raise it where it gives no tokens."""
        meaning = meaning_of(error, backend.client.provider.refresh)
        word = error.error if isinstance(error, ProviderRefused) else error.reason
        self.events.emit(event_of("renewal_failed", leased, code=error.code, reason=word))
        if meaning == "ended":
            self.limits.answered(leased.backend)
            # One that was out before, and whose answer nobody has seen, may have spent the token itself.
            reason: ReauthReason = "revoked" if leased.sent_at is None else "answer_lost"
            ended = replace(leased, status="needs_reauth", reason=reason, since=self.clock.now(), renew_at=None)
            with contextlib.suppress(NeedsReauth):  # of what does not open, which stays as it is
                # A key that is being replaced must not come back with what is carried over.
                ended = resealed(ended, keys=self.keys) or ended
            return await self._kept(ended, replaces=leased.version)
        row, asked = leased, _asked(error)
        if meaning != "app":
            row = self._put_off(leased, at_least=max(asked or 0.0, LEASE.fresh if meaning == "lost" else 0.0))
        if is_of_credentials(error) and self.limits.credentials_refused(leased.backend):
            self.events.emit(Event(name="credentials_refused", backend=leased.backend, code=error.code, reason=word))
        if isinstance(error, ProviderError) and not isinstance(error, ProviderRefused):
            self.limits.failed(leased.backend, retry_after=asked)
        is_out = meaning == "lost" or leased.sent_at is not None
        with contextlib.suppress(StorageError):  # then the lease ends by itself
            await self.repository.release(row, outcome="unknown" if is_out else "known")
        raise error

    def _put_off(self, row: StoredAssociation, *, at_least: float) -> StoredAssociation:
        attempts = row.attempts + 1
        wait = max(backoff(row, attempts=attempts), at_least)
        return replace(row, attempts=attempts, next_attempt_at=self.clock.now() + wait)

    async def _kept(self, row: StoredAssociation, *, replaces: int) -> Renewed | None:
        """Store what came of a renewal, and give it, or what others stored before; where that ends the grant, raise.

        None where others were faster and what they stored is not to be read yet.
        """
        row = replace(
            row, version=replaces + 1, lease_id=None, lease_until=None, sent_at=None, attempts=0, next_attempt_at=None
        )
        if await self.keeper.keep(row, replaces=replaces, dropped=self._dropped):
            require_active(row)
            return Renewed(row=row, is_ours=True)
        newer = await self.repository.get(row.id)
        if newer is None:
            raise gone(row)
        if newer.version <= replaces:  # a replica is behind, and has the old tokens still
            return None
        require_active(newer)
        return Renewed(row=newer, is_ours=False)

    async def _dropped(self, row: StoredAssociation) -> None:
        """Give back tokens that came too late: to an association that was unlinked."""
        if row.status == "active" and await self.repository.get(row.id) is None:
            await self.revoke(row)

    async def _prepared(self, client: Client) -> Client:
        """Give a client that knows its endpoints."""
        return await self._beside(client, prepared(client))

    async def _beside(self, client: Client, conversation: Conversation[T]) -> T:
        """Hold a conversation that is not the renewal's own."""
        return await self.transport.converse(client, conversation, seconds=BESIDE_SECONDS)

    def _client_of(self, row: StoredAssociation) -> Client:
        """Give the client with what was chosen when this association was linked, such as the person's shop."""
        kept = account_of(row, keys=self.keys).get("extra_data")
        return of_stored(self._now(self.backends[row.backend]), kept if isinstance(kept, dict) else {})

    def _now(self, backend: Renewable) -> Client:
        return backend.client.at(self.clock.now())


def is_from(row: StoredAssociation, host: str, client: Client) -> bool:
    """Say whether tokens are from a host, or from one that was the same provider's; of imported ones nobody knows."""
    return row.token_host in {"", host, *client.former_token_hosts}


def _require_giver(row: StoredAssociation, client: Client) -> None:
    """Refuse to send an association's tokens to anybody but who gave them, whatever settings or metadata say by now.

    Source: RFC 9700 section 4.4.
    """
    host = renewal_host(client)
    if not is_from(row, host, client):
        moved = f"they are from {row.token_host}, and the token endpoint is at {host} now"
        raise cannot(row, moved, f"where both are the provider's, set former_token_hosts=[{row.token_host!r}]")


def _asked(error: SocialError) -> float | None:
    return error.retry_after if isinstance(error, ProviderUnreachable) else None
