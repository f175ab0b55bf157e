"""The app's users: whose request it is, how one is found and made; and the embedded users for an app that has none."""

import contextlib
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar, cast
from uuid import UUID

from asgi_social.account import Account
from asgi_social.clock import Clock
from asgi_social.errors import NotSignedIn, SettingsError
from asgi_social.secret import digest, random_text
from asgi_social.storage.repository import Repository, StoredAssociation, StoredUser

UserId = TypeVar("UserId")
SignUp = Literal["refuse", "allow"]
Limit = Callable[[Any, str], object]
RESERVED_SECONDS = 15.0
LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An embedded user: what ``do_auth`` gives where the app said ``embedded_users=True``.

    Attributes:
        id: The user's id.
        is_active: Whether the app lets this person in.
        username: As the first linked account gave it, or None.
    """

    id: str
    is_active: bool
    username: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks(Generic[UserId]):
    """What the app wrote about its users; see the settings of the same names."""

    user_id: Callable[[object], UserId]
    current_user: Callable[..., object] | None = None
    load_user: Callable[..., object] | None = None
    create_user: Callable[..., object] | None = None
    embedded: bool = False


class Users(Generic[UserId]):
    """Finds and makes users by the app's hooks, or in the embedded table."""

    def __init__(self, hooks: Hooks[UserId], *, repository: Repository, clock: Clock) -> None:
        self._hooks = hooks
        self._repository = repository
        self._clock = clock

    def text_of(self, user_id: object) -> str:
        """Give a user id as it is stored: converted by the app's type, then as text, so that "7" and 7 are one person.

        Raises:
            SettingsError: It does not convert, or names nobody.
        """
        text = ""
        # A fraction would be cut to another user's number, and any object would pass as its text.
        if isinstance(user_id, int | str | UUID) and not isinstance(user_id, bool):
            with contextlib.suppress(ValueError, TypeError, AttributeError):
                converted: object = self.typed(user_id)
                text = "" if converted is None else str(converted)
        if not text.strip() or len(text) > 255:
            raise SettingsError(
                f"a {type(user_id).__name__} came as the id of a user, which the setting user_id does not convert",
                hint="let current_user and create_user give ids of one kind, and name it: user_id=int, str or UUID",
                setting="user_id",
                allowed="int, str or UUID",
            )
        return text

    def typed(self, user_id: object) -> UserId:
        """Give a user id in the app's own type."""
        kind = self._hooks.user_id
        if kind is cast(object, UUID) and isinstance(user_id, UUID):
            return cast(UserId, user_id)  # UUID(UUID(…)) raises
        return kind(user_id)

    async def current(self, connection: object) -> str | None:
        """Give the id of the user whose request it is, as text; None where nobody is signed in.

        Args:
            connection: Starlette's ``HTTPConnection``; the app's own ``current_user`` gets it as it is. None: there is
                no request, and so nobody.

        Raises:
            SettingsError: There is no way to tell, because no middleware around ours brought a session or a user.
        """
        if connection is None:
            return None
        hook = self._hooks.current_user or _default_current_user
        found = await awaited(hook(connection))
        return None if found is None else self.text_of(found)

    async def require_current(self, connection: object) -> str:
        """Give the id of the user whose request it is.

        Raises:
            NotSignedIn: Nobody is signed in.
        """
        user_id = await self.current(connection)
        if user_id is None:
            raise NotSignedIn("nobody is signed in", hint="sign in, then link the account")
        return user_id

    def require_loader(self) -> None:
        """Check that users can be found at all.

        Raises:
            SettingsError: Neither ``load_user`` nor ``embedded_users`` is set.
        """
        if self._hooks.load_user is None and not self._hooks.embedded:
            raise SettingsError(
                "do_auth gives the app's user, and the settings do not say how to find one",
                hint="set load_user (and create_user, where do_auth may make users), or embedded_users=True",
                setting="load_user",
                allowed="load_user(user_id) -> user or None, or embedded_users=True",
            )

    async def load(self, user_id: str) -> object | None:
        """Give the user of an id, or None where there is none any more."""
        if self._hooks.load_user is not None:
            return await awaited(self._hooks.load_user(self.typed(user_id)))
        stored = await self._repository.user(user_id)
        return None if stored is None else _user(stored)

    async def create(self, account: Account, row: StoredAssociation) -> bool:
        """Make a user for an account that is nobody's, and link it.

        Args:
            account: Given to the app's ``create_user``.
            row: The association, still nobody's.

        Returns:
            False where the account became somebody's meanwhile; an embedded user is not made then.

        Raises:
            SettingsError: Sign-up was allowed, and there is no way to make users.
        """
        if self._hooks.create_user is not None:
            return await self._created_once(self._hooks.create_user, account, row)
        if not self._hooks.embedded:
            raise SettingsError(
                "do_auth may make users, and the settings do not say how",
                hint="set create_user(account) -> user id, or embedded_users=True",
                setting="create_user",
                allowed="create_user(account) -> user id, or embedded_users=True",
            )
        user = StoredUser(id=random_text(bits=128), username=account.username, created_at=self._clock.now())
        return await self._repository.add_user(user, replace(row, user_id=user.id))

    async def _created_once(self, hook: Callable[..., object], account: Account, row: StoredAssociation) -> bool:
        """Have the app make its user while the account is reserved, so that no other process makes one too."""
        key = digest(f"sign up\n{row.backend}\n{row.authority}\n{row.uid}")
        until = await self._reserved(key)
        try:
            if await self._repository.find(backend=row.backend, authority=row.authority, uid=row.uid) is not None:
                return False
            user_id = self.text_of(await awaited(hook(account)))
            return await self._repository.add(replace(row, user_id=user_id))
        finally:
            now = self._clock.now()
            if now <= until:  # later it may be another's
                await self._repository.take(key, now=now)

    async def _reserved(self, key: str) -> float:
        """Wait until the account is nobody else's to make a user for, and reserve it; give until when."""
        while True:
            now = self._clock.now()
            # Nothing to hide stands in it: it is the key that counts. Of a process that died it ends by itself.
            if await self._repository.keep(key, "reserved", expires_at=now + RESERVED_SECONDS, now=now):
                return now + RESERVED_SECONDS
            await self._clock.sleep(LOOK_SECONDS)


async def awaited(value: object) -> object:
    """Give what a hook of the app gave, sync or async."""
    return await cast(Awaitable[object], value) if inspect.isawaitable(value) else value


def _default_current_user(connection: object) -> object | None:
    """Read the user that an authentication middleware found, else ``user_id`` from the session."""
    scope = cast("Mapping[str, object]", getattr(connection, "scope", {}))
    if "user" not in scope and "session" not in scope:
        raise SettingsError(
            "no session and no user reach SocialMiddleware, so it cannot tell who is signed in",
            hint="put SessionMiddleware around it: list it before SocialMiddleware in middleware=[…], or add it after "
            "SocialMiddleware with add_middleware; or set current_user",
            setting="current_user",
            allowed="a function of the connection that gives the user's id or None",
        )
    user = scope.get("user")
    if user is not None and getattr(user, "is_authenticated", False):
        return _id_of(user)
    session = scope.get("session")
    return session.get("user_id") if isinstance(session, Mapping) else None


def _id_of(user: object) -> object:
    try:
        return user.identity  # type: ignore[attr-defined]  # as Starlette's users have it; some raise
    except (AttributeError, NotImplementedError):
        pass
    try:
        return user.id  # type: ignore[attr-defined]
    except AttributeError:
        raise SettingsError(
            "scope['user'] is authenticated, and has neither identity nor id",
            hint="set current_user",
            setting="current_user",
            allowed="a function of the connection that gives the user's id or None",
        ) from None


def _user(stored: StoredUser) -> User:
    return User(id=stored.id, is_active=stored.is_active, username=stored.username)
