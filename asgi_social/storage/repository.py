"""What a store of associations can do, as three small Protocols, and the row as a plain value.

Rows carry sealed text: sealing is done above this room, so that no repository, ours or an app's, ever sees a token.
One test-suite runs over all implementations (``tests/storage/``).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

# Nothing is put off for longer; a moment further away was written by a clock that was wrong, and counts for nothing.
LONGEST_HOLD_SECONDS = 3600.0

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
        token_host: The host of the token endpoint that gave the tokens; ``''`` where nobody knows, as after an import.
        renew_at: Epoch seconds from which the sweep renews the tokens ahead of their end; None where it never does.
        next_attempt_at: Epoch seconds before which no further attempt is made; None after a success.
        attempts: How many renewals went wrong since the last one that did not.
        lease_id: Names the renewal that has, or had, the lease; None where none is under way.
        lease_until: When the lease ends, in epoch seconds **of the store's own clock**.
        sent_at: When a renewal was sent whose outcome is not stored yet, by the store's own clock; None where none was.
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
    token_host: str = ""
    renew_at: float | None = None
    next_attempt_at: float | None = None
    attempts: int = 0
    lease_id: str | None = None
    lease_until: float | None = None
    sent_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSeconds:
    """How long a lease is: more than a renewal takes, from the lease to the stored answer.

    Attributes:
        fresh: Where no earlier renewal is out.
        taking_over: Where an earlier one was sent and its outcome is not stored: as much longer as the new holder waits
            before it sends.
    """

    fresh: float = 30.0
    taking_over: float = 33.0

    def of(self, row: StoredAssociation) -> float:
        """Give the seconds for a row."""
        return self.fresh if row.sent_at is None else self.taking_over


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is to be renewed ahead of time: some associations of a backend, in the order of ``renew_at`` and id.

    They are active, with ``renew_at`` not after ``now``, nor ``next_attempt_at`` (where there is one) unless by more
    than an hour, and without a lease that has not ended.

    Attributes:
        backend: Its name.
        now: Epoch seconds.
        after: The place in that order behind which they are looked for.
        limit: How many are claimed at most.
        among: How many are looked at at most.
    """

    backend: str
    now: float
    after: tuple[float, str] = (0.0, "")
    limit: int
    among: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What was found of it.

    Attributes:
        rows: Those that the caller has the lease of now, as they are with it.
        passed: How many were due and not wanted.
        after: The place of the last one that was looked at; None: there was none.
    """

    rows: Sequence[StoredAssociation]
    passed: int
    after: tuple[float, str] | None


def chosen(rows: Iterable[StoredAssociation], *, limit: int, wanted: Callable[[StoredAssociation], bool]) -> Claimed:
    """Give the first of some rows that are wanted, not leased yet; none behind the last of them is looked at."""
    kept: list[StoredAssociation] = []
    passed, after = 0, None
    for row in rows:
        if len(kept) == limit:
            break
        after = place_of(row)
        if wanted(row):
            kept.append(row)
        else:
            passed += 1
    return Claimed(rows=kept, passed=passed, after=after)


def place_of(row: StoredAssociation) -> tuple[float, str]:
    """Give the place of a row in the order in which associations are renewed ahead of time."""
    return row.renew_at or 0.0, row.id


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

    async def add_each(self, rows: Sequence[StoredAssociation]) -> list[bool]:
        """Store several new associations in one transaction, and say of each whether it was, as ``add`` does."""

    async def save_tokens(self, row: StoredAssociation, *, replaces: int) -> bool:
        """Write the tokens, account and status of ``row`` where the stored version is still ``replaces``.

        ``row.version`` must be ``replaces + 1``. The columns id, user_id, backend, authority, uid and created_at are
        never written. A write ends whatever lease there is, whoever has it, and what it was about: lease_id,
        lease_until, sent_at and next_attempt_at become None and attempts 0, whatever ``row`` says. False, and nothing
        changed, where the row is gone or another write came first.
        """

    async def lease(
        self, association_id: str, *, version: int, lease_id: str, seconds: LeaseSeconds
    ) -> StoredAssociation | None:
        """Take the right to renew an association for a while; of any number of callers at once one has it.

        It is timed by the store's own clock, so that a process whose clock is wrong disturbs nobody. The version stays.

        Args:
            association_id: Which.
            version: The version that the caller knows; a row of another version is not leased.
            lease_id: Names the caller's attempt; no two are alike.
            seconds: ``taking_over`` where ``sent_at`` is set, else ``fresh``.

        Returns:
            The row as it is with the lease; None, and nothing changed, where the row is gone, has another version, or a
            lease that has not ended.
        """

    async def mark_sent(self, association_id: str, *, version: int, lease_id: str) -> bool:
        """Set ``sent_at``: the request goes out now. False, and nothing changed, where the lease or version is lost."""

    async def release(self, row: StoredAssociation, *, outcome: Literal["known", "unknown"]) -> None:
        """End a renewal without new tokens, and write attempts, next_attempt_at and renew_at as ``row`` has them.

        Nothing is changed where the stored row has another lease than ``row``.

        Args:
            row: As ``lease`` gave it, with those three as they are to be.
            outcome: ``known``: the provider did not act, and lease and ``sent_at`` become None. ``unknown``: it may
                have acted, and both stay, so that nobody tries again before the lease has ended.
        """

    async def claim(
        self, due: Due, *, lease_id: str, seconds: LeaseSeconds, wanted: Callable[[StoredAssociation], bool]
    ) -> Claimed:
        """Take the leases of several associations at once, as ``lease`` does; of any number of callers each has others.

        Those that another caller is at just then are passed by, and not waited for.

        Args:
            due: Which.
            lease_id: Names the caller's attempt at all of them; no two are alike.
            seconds: As for ``lease``.
            wanted: Says of a row whether to take its lease; what is not wanted is not written to. It may be asked of a
                row more than once, and does nothing that takes time.
        """

    async def count(self, *, backends: Collection[str] | None = None, due_at: float | None = None) -> int:
        """Count associations: all, those of some backends, those of them that are due at a moment as ``Due`` has it."""

    async def count_sealed_otherwise(self, prefixes: Collection[str]) -> int:
        """Count the associations with a sealed value (account or token) that is not empty and begins with none of them.

        Args:
            prefixes: What values sealed with the app's keys begin with, such as ``v1.1a2b3c4d.``.
        """

    async def page(self, *, after: str, limit: int) -> list[StoredAssociation]:
        """Give associations of whatever user in the order of their ids, at most ``limit``; ``''`` begins."""

    async def reseal(self, row: StoredAssociation) -> bool:
        """Write account, access_token, refresh_token and id_token of ``row``, sealed anew, where its version holds.

        The version stays, so that no renewal under way loses its write; a write of tokens seals all it writes with the
        newest key itself. False, and nothing changed, where the row is gone or has another version.
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

    async def keep(self, key: str, sealed: str, *, expires_at: float, now: float) -> bool:
        """Keep a sealed text until it is taken; False, and nothing changed, where the key is kept or spent already.

        Args:
            key: A digest, at most 64 characters, of what the text belongs to.
            sealed: What may not go through a browser.
            expires_at: Epoch seconds up to and including which it can be taken.
            now: As for ``spend``; keys of both kinds are forgotten.
        """

    async def take(self, key: str, *, now: float) -> str | None:
        """Give what is kept under a key, and keep it no more: to the first caller only, however many ask at once.

        None where nothing is kept under it, or what was kept has ended.
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
