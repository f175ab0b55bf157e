"""Linking: the association of an account is stored, or the one that its user has is brought up to date."""

from dataclasses import replace

from asgi_social.account import Account
from asgi_social.clock import Clock
from asgi_social.errors import AccountTaken, StorageError
from asgi_social.events import Event, EventName, Events
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Tokens
from asgi_social.refresh.attempt import Attempts
from asgi_social.secret import Keys, random_text
from asgi_social.storage.repository import Repository, StoredAssociation
from asgi_social.vault import with_account, with_tokens, without_dead

# Each lost try is another's write that landed: many tabs that link one account at once all come through.
_LINK_TRIES = 100


class Links:
    """The associations of one backend, as they are written."""

    def __init__(  # noqa: PLR0913  # the parts of the engine that it works with, each by keyword
        self,
        client: Client,
        *,
        repository: Repository,
        attempts: Attempts,
        events: Events,
        keys: Keys,
        clock: Clock,
    ) -> None:
        self._client = client
        self._repository = repository
        self._attempts = attempts
        self._events = events
        self._keys = keys
        self._clock = clock

    async def found(self, account: Account) -> StoredAssociation | None:
        """Give the association of an account, or None where it is nobody's."""
        return await self._repository.find(backend=self._client.name, authority=account.authority, uid=account.uid)

    async def store(self, user_id: str, tokens: Tokens, account: Account) -> StoredAssociation:
        """Store an account's association, or bring the one that this user has up to date."""
        repository, keys = self._repository, self._keys
        for _ in range(_LINK_TRIES):
            row = await self.found(account)
            if row is None:
                new = await self.row(user_id, tokens, account)
                if await repository.add(new):
                    return self._associated(new)
                continue
            if row.user_id != user_id:
                # Of who tried: whose account it is, is for nobody to learn here.
                event = Event(name="account_taken", backend=self._client.name, user_id=user_id, code=AccountTaken.code)
                self._events.emit(event)
                raise AccountTaken(
                    f"this {self._client.provider.title} account is linked to another user",
                    hint="sign in as that user and unlink it there, or choose another account",
                    backend=self._client.name,
                )
            now = self._clock.now()
            updated = with_account(row, account, keys=keys)
            if tokens.access_token:  # an ID token alone heals nothing, for the tokens are those of before
                since = row.since if row.status == "active" else now
                updated = without_dead(updated, keys=keys)
                if updated.refresh_token is not None and tokens.refresh_token is None:
                    # The ID token that stays is of the same grant as the refresh token: a renewal's is held against it.
                    tokens = replace(tokens, id_token=None)
                updated = with_tokens(updated, tokens, keys=keys, now=now)
                updated = replace(updated, client_id=self._client.client_id, status="active", reason=None, since=since)
                updated = await self._attempts.scheduled(updated)
            changed = replace(updated, version=row.version + 1)
            if await repository.save_tokens(changed, replaces=row.version):
                return self._associated(changed)
        raise StorageError("the association changed again and again while it was written", operation="save_tokens")

    async def row(self, user_id: str, tokens: Tokens, account: Account) -> StoredAssociation:
        """Give a new association with everything sealed, not stored yet."""
        now = self._clock.now()
        empty = StoredAssociation(
            id=random_text(bits=128),
            user_id=user_id,
            backend=self._client.name,
            authority=account.authority,
            uid=account.uid,
            account="",
            client_id=self._client.client_id,
            access_token="",
            issued_at=now,
            since=now,
            created_at=now,
        )
        keys = self._keys
        row = with_account(with_tokens(empty, tokens, keys=keys, now=now), account, keys=keys)
        return await self._attempts.scheduled(row)

    def emit(self, name: EventName, row: StoredAssociation) -> None:
        """Tell the app what happened to an association."""
        self._events.emit(Event(name=name, backend=self._client.name, user_id=row.user_id, association_id=row.id))

    def _associated(self, row: StoredAssociation) -> StoredAssociation:
        self.emit("associated", row)
        return row
