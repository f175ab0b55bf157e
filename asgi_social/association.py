"""Association: the stored link between a user of the app and an account, and what can be done with it."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from asgi_social.account import Uid
from asgi_social.errors import CannotRenew, UnknownBackend
from asgi_social.protocols.variables import of_stored
from asgi_social.refresh.renewals import Renewals
from asgi_social.storage.repository import Status, StoredAssociation
from asgi_social.transport import Transport

if TYPE_CHECKING:
    from httpx import AsyncClient  # transport alone imports it when the program runs

UserId = TypeVar("UserId")
MIN_LIFETIME_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Association(Generic[UserId]):
    """A linked account. It is a value: what renews gives a new one, and this one knows only what it knew.

    Read-only attributes tell which account it is and how it stands; the tokens come from
    :meth:`get_access_token` alone and are in no ``repr``.
    """

    _row: StoredAssociation
    _account: Mapping[str, object]
    _renewals: Renewals
    _transport: Transport
    _user_id: Callable[[str], UserId]

    def __repr__(self) -> str:
        return f"Association({self.id!r}, backend={self.backend!r}, status={self.status!r})"

    @property
    def id(self) -> str:
        """128 random bits as text; stable as long as the link is."""
        return self._row.id

    @property
    def user_id(self) -> UserId:
        """The app's user, in the app's own type."""
        return self._user_id(self._row.user_id)

    @property
    def backend(self) -> str:
        """The backend's name."""
        return self._row.backend

    @property
    def uid(self) -> Uid:
        """The account's id at the provider."""
        return Uid(self._row.uid)

    @property
    def username(self) -> str | None:
        """The name the person goes by at the provider."""
        return self._text("username")

    @property
    def email(self) -> str | None:
        """The address as the provider gave it when the account was linked; says nothing of whether it is proved."""
        return self._text("email")

    @property
    def fullname(self) -> str | None:
        """The person's name, as the provider gave it."""
        return self._text("fullname")

    @property
    def picture(self) -> str | None:
        """An https address of a picture."""
        return self._text("picture")

    @property
    def account(self) -> Mapping[str, object]:
        """All that is kept of the account: names, address, ``email_verified``, ``extra_data``; no tokens."""
        return self._account

    @property
    def scope(self) -> tuple[str, ...]:
        """What was granted, which may be less than what was asked."""
        return tuple(self._row.scope)

    @property
    def expires_at(self) -> float | None:
        """Epoch seconds at which the access token ends; None for "unknown"."""
        return self._row.expires_at

    @property
    def status(self) -> Status:
        """``active``, or ``needs_reauth`` where only the person can mend it, by linking again."""
        return self._row.status

    @property
    def reason(self) -> str | None:
        """Why it needs reauthorization: ``revoked``, ``answer_lost``, ``suspect`` or ``unreadable``; else None."""
        return self._row.reason

    @property
    def since(self) -> float:
        """Epoch seconds from which the status holds."""
        return self._row.since

    @property
    def created_at(self) -> float:
        """Epoch seconds at which the account was first linked."""
        return self._row.created_at

    async def refresh_token(self) -> "Association[UserId]":
        """Renew the tokens now, and give the association with the new ones.

        Callers that ask at once share one renewal. It runs to its end even when its caller is cancelled.

        Raises:
            CannotRenew: The provider gave nothing to renew with, or the token never expires.
            NeedsReauth: The person has to link the account again.
            AssociationGone: It was unlinked meanwhile.
            ProviderError: The provider did not do its part; what is stored stays as it was.

        Source: RFC 6749 section 6; the provider's own way where its data name one.
        """
        return self._with(await self._renewals.renewed(self._row))

    async def get_access_token(self, min_lifetime: float = MIN_LIFETIME_SECONDS) -> str:
        """Give an access token that works for so many seconds more; waits for a renewal only when it must.

        A token of unknown lifetime is given as it is.

        Args:
            min_lifetime: In seconds; counts as half the token's lifetime where it is more than that.

        Raises:
            CannotRenew, NeedsReauth, AssociationGone, ProviderError: As :meth:`refresh_token`.
        """
        _, tokens = await self._renewals.usable(self._row, min_lifetime=min_lifetime)
        return tokens.access_token.reveal()

    def client(self) -> "AsyncClient":
        """Give an ``httpx.AsyncClient`` that sends the token, renews it once at a 401, and repeats.

        It shares the connections of the engine, so it costs next to nothing, and closing it closes none of them.
        The token goes to the hosts of the provider's API alone, and those of the setting ``api_hosts``: a request to
        another raises ``SettingsError`` before anything is sent. Redirects are not followed, unless a request asks for
        it; one that leads to another host goes on without the token. A request whose body is made as it is sent is not
        repeated; nor is one whose token cannot be renewed: the caller gets the 401.

        Raises:
            UnknownBackend: The backend is not configured any more, so that nobody knows where its tokens may go.
        """
        backends = self._renewals.attempts.backends
        if self.backend not in backends:
            raise UnknownBackend(self.backend, configured=list(backends))
        held = self  # what is known of the tokens by now, so that a renewal is not looked up again at each request

        async def token() -> str:
            nonlocal held
            row, tokens = await held._renewals.usable(held._row, min_lifetime=MIN_LIFETIME_SECONDS)
            held = held._with(row)
            return tokens.access_token.reveal()

        async def renewed(refused: str) -> str:
            nonlocal held
            with contextlib.suppress(CannotRenew):  # then the 401 itself says more to the caller
                if await token() == refused:  # else another request of this client has had it renewed
                    held = await held.refresh_token()
                return await token()
            return refused

        client = of_stored(backends[self.backend].client, self._extra_data)
        return self._transport.authorized_client(client, token, renewed)

    def _with(self, row: StoredAssociation) -> "Association[UserId]":
        return Association(row, self._account, self._renewals, self._transport, self._user_id)

    @property
    def _extra_data(self) -> Mapping[str, object]:
        kept = self._account.get("extra_data")
        return kept if isinstance(kept, Mapping) else {}

    def _text(self, name: str) -> str | None:
        value = self._account.get(name)
        return value if isinstance(value, str) else None
