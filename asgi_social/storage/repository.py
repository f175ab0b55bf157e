"""What a store of associations can do, as three small Protocols, and the row as a plain value.

Rows carry sealed text: sealing is done above this room, so that no repository, ours or an app's, ever sees a token.
One test-suite runs over all implementations (``tests/storage/``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Status = Literal["active", "needs_reauth"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAssociation:
    """The row of an association.

    Attributes:
        id: 128 random bits as text, made before the row exists.
        user_id: The app's user id, as text.
        backend: The backend's name.
        authority: What the uid is local to (issuer, tenant, instance), or ``''``.
        uid: The account's id at the provider. Unique together with backend and authority, compared by bytes.
        account: Sealed: what the provider said of the account (names, address) when it was linked.
        client_id: The app's registration that the tokens were issued to.
        access_token: Sealed.
        refresh_token: Sealed, or None.
        id_token: Sealed, or None.
        token_type: As the provider wrote it.
        scope: What was granted.
        expires_at: Epoch seconds at which the access token ends; None for "unknown".
        issued_at: Epoch seconds at which these tokens were received.
        status: ``needs_reauth`` once only the person can mend it.
        reason: Why it needs reauthorization, else None.
        since: Epoch seconds from which the status holds.
        created_at: Epoch seconds at which it was first linked.
        version: Counts the writes of tokens; each write names the one it replaces.
    """

    id: str
    user_id: str
    backend: str
    authority: str
    uid: str
    account: str = field(repr=False)
    client_id: str
    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    token_type: str = "Bearer"
    scope: Sequence[str] = ()
    expires_at: float | None = None
    issued_at: float
    status: Status = "active"
    reason: str | None = None
    since: float
    created_at: float
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUser:
    """The row of an embedded user.

    Attributes:
        id: 128 random bits as text, made before the row exists.
        is_active: Whether the app lets this person in.
        username: As the first linked account gave it, or None. More of a person stands sealed in their associations.
        created_at: Epoch seconds.
    """

    id: str
    is_active: bool = True
    username: str | None = None
    created_at: float


class Associations(Protocol):
    """The stored links. Every method raises ``StorageError`` where the database does not do its part."""

    async def find(self, *, backend: str, authority: str, uid: str) -> StoredAssociation | None:
        """Give the association of an account, or None where it is nobody's."""

    async def get(self, association_id: str) -> StoredAssociation | None:
        """Give one association by its id, or None where it is gone."""

    async def of_user(self, user_id: str, *, backend: str | None = None) -> list[StoredAssociation]:
        """Give a user's associations, of one backend or of all, oldest first."""

    async def add(self, row: StoredAssociation) -> bool:
        """Store a new association; False, and nothing changed, where the account has one already.

        An id that is taken is a ``StorageError``.
        """

    async def save_tokens(self, row: StoredAssociation, *, replaces: int) -> bool:
        """Write the tokens, account and status of ``row`` where the stored version is still ``replaces``.

        ``row.version`` must be ``replaces + 1``. The columns id, user_id, backend, authority, uid and created_at are
        never written. False, and nothing changed, where the row is gone or another write came first.
        """

    async def remove(
        self, *, user_id: str, backend: str | None = None, association_id: str | None = None
    ) -> list[StoredAssociation]:
        """Delete a user's associations, those that match all that is given, and give what went, oldest first."""


class Flows(Protocol):
    """What is good once."""

    async def spend(self, key: str, *, expires_at: float, now: float) -> bool:
        """Use up a key; True for the first caller only, however many ask at once.

        Args:
            key: A digest of what is spent, at most 64 characters.
            expires_at: Epoch seconds up to and including which the key is kept.
            now: The present moment; keys that ended before it are forgotten, a bounded number at each call.
        """


class Users(Protocol):
    """The embedded users."""

    async def user(self, user_id: str) -> StoredUser | None:
        """Give one user, or None."""

    async def add_user(self, user: StoredUser, association: StoredAssociation) -> bool:
        """Store a new user and their first association together, or neither.

        False, and nothing changed, where the account has an association already.
        """


class Repository(Associations, Flows, Users, Protocol):
    """A store: what the setting ``database`` takes beside a URL and a ``databases.Database``."""

    async def open(self) -> None:
        """Connect, and bring the schema up to date where that is this store's way. Called once before use."""

    async def close(self) -> None:
        """Let go of every connection. Called once, at the end."""
