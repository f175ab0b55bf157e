"""A browser at an app, with a person in front of it who is signed in there."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import httpx
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from asgi_social.association import Association
from asgi_social.social import Social
from asgi_social.testing.fake_people import Person

# What a browser says of a click on a page of the same site. Without an Accept for HTML, refusals are short: JSON.
_CLICK = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
_USER = "asgi_social.testing.user_id"


class SendsBack(Protocol):
    """A fake provider, as the browser meets it."""

    @property
    def people(self) -> Sequence[Person]:
        """Who has an account."""

    async def sends_back(
        self, location: str, *, person: str | Person | None = None, deny: bool = False
    ) -> tuple[str, dict[str, str] | None]:
        """Give the URL that leads back to the app, and the form to post there, or None where it is to be opened."""

    def uid_of(self, person: str | Person) -> str:
        """Give the uid by which the engine knows a person's account."""


class SignedIn(httpx.AsyncClient):
    """A browser at an app, with a jar of its own, whose requests are of one user; it follows no redirect by itself.

    The engine has to be told who that is: ``current_user=user_of`` is among its settings.

    Attributes:
        user_id: Who is signed in, or None for nobody; a test may set another at any time.
    """

    def __init__(
        self, app: ASGIApp, *, social: Social, fake_providers: Mapping[str, SendsBack], user_id: object
    ) -> None:
        """Open a browser at an app.

        Args:
            app: The app, with the middleware around or in it.
            social: The engine of this middleware.
            fake_providers: Where accounts are linked, by the backends' names.
            user_id: Who is signed in.
        """
        self.user_id = user_id
        self._app = app
        self._social = social
        self._fake_providers = fake_providers
        super().__init__(
            transport=httpx.ASGITransport(self._of_the_user),
            base_url=social.settings.base_url or "http://localhost",
            headers=_CLICK,
        )

    async def link(self, backend: str = "fake", *, person: str | Person | None = None) -> Association[Any]:
        """Link an account as a person does: the click, the yes at the provider, and the way back.

        Args:
            backend: Its name.
            person: Whose account at the provider, by username or sub; None for the first person's.

        Returns:
            The association as it is stored now, also where the account was linked before.

        Raises:
            AssertionError: The app refuses; the message is its answer.
            ValueError: The app sends the browser elsewhere, or the provider sends nobody back.
        """
        begun = await self._redirected("GET", f"{self._social.settings.prefix}/associate/{backend}/")
        provider = self._fake_providers[backend]
        url, form = await provider.sends_back(begun.headers["location"], person=person)
        if form is not None:  # our answer to a form post leads to the same place once more, where the cookies are
            url = (await self._redirected("POST", url, form)).headers["location"]
        await self._redirected("GET", url)
        uid = provider.uid_of(provider.people[0] if person is None else person)
        [association] = [one for one in await self._linked(backend) if one.uid == uid]
        return association

    async def unlink(self, backend: str = "fake", association_id: str | None = None) -> None:
        """Unlink all accounts of a backend, or one, as a person does on the page of linked accounts."""
        one = f"{association_id}/" if association_id else ""
        await self._redirected("POST", f"{self._social.settings.prefix}/disconnect/{backend}/{one}")

    async def _linked(self, backend: str) -> list[Association[Any]]:
        return await self._social.associations(self.user_id, backend)

    async def _redirected(self, method: str, url: str, form: Mapping[str, str] | None = None) -> httpx.Response:
        answer = await self.request(method, url, data=form)
        if not answer.is_redirect:
            # The path alone: a query holds a code.
            raise AssertionError(f"{method} {answer.url.path} answers {answer.status_code}: {answer.text}")
        return answer

    async def _of_the_user(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, _USER: self.user_id}, receive, send)


def user_of(connection: HTTPConnection) -> object:
    """Give the user of a request that a :class:`SignedIn` made, as the setting ``current_user`` wants it."""
    return connection.scope.get(_USER)
