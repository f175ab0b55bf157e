"""Social: the engine, with a request or without; and the accessor that a request gets."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Unpack, cast

from asgi_social.association import Association
from asgi_social.backend import Backend
from asgi_social.background import Background
from asgi_social.client_tokens import ClientTokens
from asgi_social.engine import Engine
from asgi_social.errors import AssociationGone, UnknownBackend
from asgi_social.events import Event, Events
from asgi_social.providers.table import nearest
from asgi_social.refresh.attempt import Attempts
from asgi_social.refresh.keeper import Keeper
from asgi_social.refresh.limits import Limits
from asgi_social.refresh.renewals import Renewals
from asgi_social.refresh.sweep import Swept, sweep
from asgi_social.settings import Checked, Settings, checked
from asgi_social.storage.repository import Repository
from asgi_social.transport import Transport
from asgi_social.users import Users
from asgi_social.vault import count_unopenable

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

_log = logging.getLogger("asgi_social")


class Social:
    """The engine: made once from the settings, opened with the app, closed with it.

    For workers, scripts and cron it is used by itself::

        async with Social(secret_key=…, backends=…) as social:
            for association in await social.associations(user_id):
                token = await association.get_access_token()
    """

    def __init__(self, **settings: Unpack[Settings]) -> None:
        """Check the settings; nothing is opened yet.

        Raises:
            SettingsError: With every fault in ``problems``.
        """
        self._settings = checked(settings)
        self._background = Background()
        self._loop: asyncio.AbstractEventLoop | None = None  # where it is open
        clock, keys = self._settings.clock, self._settings.keys
        repository = _repository(self._settings)
        transport = Transport(
            clock=clock,
            share=self._background.share,
            development=self._settings.development,
            http_client=self._settings.http_client,
        )
        events = Events(self._settings.on_event, start=self._background.start)
        attempts = Attempts(
            backends=self._settings.backends,
            repository=repository,
            transport=transport,
            background=self._background,
            clock=clock,
            keys=keys,
            events=events,
            limits=Limits(clock=clock),
            keeper=Keeper(repository=repository, background=self._background, clock=clock, events=events),
        )
        self._engine: Engine[Any] = Engine(
            repository=repository,
            transport=transport,
            background=self._background,
            renewals=Renewals(attempts=attempts, repository=repository, background=self._background, clock=clock),
            users=Users(self._settings.hooks, repository=repository, clock=clock),
            client_tokens=ClientTokens(
                store=repository,
                transport=transport,
                share=self._background.share,
                limit=self._settings.limit_tokens,
                events=events,
                clock=clock,
            ),
            events=events,
            keys=keys,
            clock=clock,
            sign_up=self._settings.sign_up,
        )

    def __repr__(self) -> str:
        return f"Social(backends={sorted(self._settings.backends)})"

    @property
    def settings(self) -> Checked:
        """The settings, checked."""
        return self._settings

    @property
    def engine(self) -> Engine[Any]:
        """The parts that the backends work with."""
        return self._engine

    @property
    def is_open(self) -> bool:
        """Whether the engine is ready for use."""
        return self._loop is not None and not self._loop.is_closed()

    async def open(self) -> None:
        """Open the store and the HTTP client; a second call does nothing.

        Raises:
            SettingsError: The database is not one that can be used, or of another version.
            StorageError: The database does not answer.
        """
        if self._loop is not None and self._loop.is_closed():  # it ended without a close, as in a test or a script
            self._background.abandon()
            self._engine.transport.abandon()
            self._loop = None
        if self._loop is None:
            await self._background.share(("open",), self._open)

    async def close(self) -> None:
        """Wait for what is running, at most 20 seconds, and let go of everything; a second call does nothing."""
        if self._loop is not None:
            self._loop = None
            async with AsyncExitStack() as ending:  # whatever happens on the way, everything is let go of
                ending.push_async_callback(self._engine.repository.close)
                ending.push_async_callback(self._engine.transport.close)
                await self._background.close()

    async def __aenter__(self) -> "Social":
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def backend(self, name: str) -> Backend[Any]:
        """Give a backend, apart from any request.

        Raises:
            UnknownBackend: None is configured by this name; the error says which are.
        """
        return self._backend(name, None)

    def backends(self) -> list[Backend[Any]]:
        """Give every backend, in the order of the settings."""
        return [self._backend(name, None) for name in self._settings.backends]

    async def associations(self, user_id: object, backend: str | None = None) -> list[Association[Any]]:
        """Give a user's associations, oldest first.

        Args:
            user_id: The app's user.
            backend: Of this backend only; None: of all.

        Raises:
            UnknownBackend: The name is not configured.
        """
        if backend is not None:
            self.backend(backend)
        rows = await self._engine.repository.of_user(self._engine.users.text_of(user_id), backend=backend)
        return [self._engine.association(row) for row in rows]

    async def disconnect(
        self, user_id: object, backend: str | None = None, association_id: str | None = None
    ) -> list[Association[Any]]:
        """Unlink a user's associations: one, all of a backend, or all; and give those that went.

        The rows go first, then the provider is told, behind the caller and as best it can.

        Args:
            user_id: Whose.
            backend: Of this backend only.
            association_id: This one only.

        Raises:
            AssociationGone: ``association_id`` is none of this user's (of this backend); the same whoever's it is.
        """
        owner = self._engine.users.text_of(user_id)
        rows = await self._engine.repository.remove(user_id=owner, backend=backend, association_id=association_id)
        if association_id is not None and not rows:
            raise AssociationGone(
                "there is no such association",
                hint="it may have been unlinked already",
                association_id="",
                backend=backend,
            )
        for row in rows:
            event = Event(name="disconnected", backend=row.backend, user_id=row.user_id, association_id=row.id)
            self._engine.events.emit(event)
            if row.backend in self._settings.backends:
                self.backend(row.backend).revoke_behind(row)
        return [self._engine.association(row) for row in rows]

    async def refresh_due(
        self, limit: int | None = None, *, on_progress: Callable[[Swept], None] | None = None
    ) -> Swept:
        """Renew ahead of time the tokens that will end soon, of whatever user.

        Any number of workers may do so at once on one database; an association is renewed by one of them. Memory does
        not grow with their number. For cron there is ``asgi-social refresh``, for the app itself ``refresh_every``.

        Args:
            limit: How many associations to renew or to try; None: all that are due.
            on_progress: Called after each, with the counts so far.

        Raises:
            StorageError: The database does not answer; what was begun is brought to its end.
        """
        return await sweep(self._engine.renewals, limit=limit, on_progress=on_progress)

    def refresh_behind(self, *, every: float) -> None:
        """Do as :meth:`refresh_due` again and again, with so many seconds between, until the engine closes."""

        async def once() -> None:
            await self._settings.clock.sleep(every)
            await self.refresh_due()

        self._background.repeat(once, name="refresh_due")

    def bound(self, connection: "HTTPConnection") -> "RequestSocial":
        """Give the accessor of a request: what ``request.state.social`` is."""
        return RequestSocial(self, connection)

    def _backend(self, name: str, connection: object | None) -> Backend[Any]:
        renewable = self._settings.backends.get(name)
        if renewable is None:
            configured = list(self._settings.backends)
            raise UnknownBackend(str(name), configured=configured, nearest=nearest(str(name), configured))
        return Backend(name, renewable, self._engine, connection=connection)

    async def _open(self) -> None:
        await self._engine.repository.open()
        self._engine.transport.open()
        self._loop = asyncio.get_running_loop()
        self._background.start(self._warned_of_keys(), name="keys")
        for name, one in self._settings.backends.items():
            if one.client.allow_unbound_tokens:
                _log.warning(
                    "%s: allow_unbound_tokens is set, so that a client token of any other app signs its person in", name
                )

    async def _warned_of_keys(self) -> None:
        """Say that a key is missing while it can still be found; behind the start, for it reads every row."""
        if count := await count_unopenable(self._engine.repository, keys=self._engine.keys):
            _log.warning(
                "%d associations are sealed with a key that is not in secret_key: put it back, at the end of the list",
                count,
            )


class RequestSocial:
    """What ``request.state.social`` is: the engine, bound to one request and so to its user.

    Attributes:
        social: The engine.
    """

    __slots__ = ("_connection", "social")

    def __init__(self, social: Social, connection: "HTTPConnection") -> None:
        self.social = social
        self._connection = connection

    def backend(self, name: str) -> Backend[Any]:
        """Give a backend whose ``associate`` links to the user of this request.

        Raises:
            UnknownBackend: None is configured by this name; the error says which are.
        """
        return self.social._backend(name, self._connection)

    async def associations(self, backend: str | None = None) -> list[Association[Any]]:
        """Give the signed-in user's associations, oldest first.

        Raises:
            NotSignedIn: Nobody is signed in.
            UnknownBackend: The name is not configured.
        """
        return await self.social.associations(await self._user_id(), backend)

    async def disconnect(self, backend: str | None = None, association_id: str | None = None) -> list[Association[Any]]:
        """Unlink the signed-in user's associations: one, all of a backend, or all; and give those that went.

        Raises:
            NotSignedIn: Nobody is signed in.
            AssociationGone: ``association_id`` is none of theirs.
        """
        return await self.social.disconnect(await self._user_id(), backend, association_id)

    async def _user_id(self) -> str:
        return await self.social.engine.users.require_current(self._connection)


def _repository(settings: Checked) -> Repository:
    if isinstance(settings.database, str) or type(settings.database).__module__.startswith("databases"):
        # Here and not above: an app with a store of its own needs no SQL at all.
        from asgi_social.storage.sql import SqlRepository

        return SqlRepository(cast(Any, settings.database))
    return cast(Repository, settings.database)
