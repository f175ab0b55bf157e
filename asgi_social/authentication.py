"""Starlette's ``AuthenticationMiddleware`` for an API whose callers send a provider's token with each request.

Its backend makes ``request.user`` of the client token in ``Authorization: Bearer``.
"""

from typing import Any, Literal

from starlette.authentication import AuthCredentials, AuthenticationBackend
from starlette.requests import HTTPConnection

from asgi_social.errors import NotSignedIn


class ClientTokenBackend(AuthenticationBackend):
    """Gives the app's user whose client token came as ``Authorization: Bearer <token>``.

    It stands inside ``SocialMiddleware``, which brings what proves a token and answers what is refused::

        middleware=[
            Middleware(SocialMiddleware, …),
            Middleware(AuthenticationMiddleware, backend=ClientTokenBackend("google-oauth2")),
        ]

    A request without a bearer token is nobody's, and goes on: ``@requires("authenticated")`` keeps it out of a view.
    With one, ``request.user`` is the user as ``load_user`` gives it, with the scope ``authenticated``.
    """

    def __init__(self, backend: str, *, kind: Literal["access_token", "id_token"] = "access_token") -> None:
        """Set up.

        Args:
            backend: The backend's name.
            kind: What the callers send.
        """
        self._backend = backend
        self._kind = kind

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, Any] | None:
        """Give the user of a request, or None where no bearer token came.

        Raises:
            TokenRefused: The token is bad or not ours.
            NotSignedIn: Its account is linked to nobody here, or to a user who is not active.
            UnknownBackend, ProviderError: As ``do_auth`` does.

        Source: RFC 6750 section 2.1 (the header), RFC 9110 section 11.1 (its scheme is of any case).
        """
        scheme, _, token = conn.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        social = conn.scope["state"]["social"].backend(self._backend)
        sent = token.strip(" ")
        user = await (social.do_auth(id_token=sent) if self._kind == "id_token" else social.do_auth(sent))
        if user is None or not getattr(user, "is_active", True):
            # One answer for both: who exists here is not for the bearer of a token to learn.
            raise NotSignedIn(
                "the account of this client token lets nobody in here",
                hint="link the account first, or let do_auth make users (sign_up)",
                backend=self._backend,
            )
        return AuthCredentials(["authenticated"]), user
