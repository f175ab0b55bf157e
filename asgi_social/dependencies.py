"""Dependencies for FastAPI's ``Depends``: the user of a client token, and the linked accounts of who is signed in.

FastAPI itself is not imported: a dependency is a function whose one parameter is a request.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from asgi_social.errors import NotSignedIn

if TYPE_CHECKING:
    from asgi_social.association import Association
    from asgi_social.social import RequestSocial


def social_user(backend: str) -> Callable[[Request], Awaitable[Any]]:
    """Give a dependency that gives the app's user whose client token came as ``Authorization: Bearer <token>``.

    It is ``do_auth`` of the backend, with the setting ``sign_up`` as it stands::

        @app.post("/phone")
        async def phone(user: Annotated[Person, Depends(social_user("facebook"))]): …

    Args:
        backend: The backend's name.

    Returns:
        A coroutine function of the request. It gives the user, as ``load_user`` does and never None, and raises:
        ``NotSignedIn`` where no bearer token came, or the token's account is nobody's; ``TokenRefused`` where the
        token is bad or not ours; ``UnknownBackend`` and ``ProviderError`` as ``do_auth`` does. The middleware
        answers each.

    Source: RFC 6750 section 2.1 (the header), RFC 9110 section 11.1 (its scheme is of any case).
    """

    async def user_of_token(request: Request) -> Any:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise NotSignedIn(
                "the request has no bearer token",
                hint="send the client token in the header: Authorization: Bearer …",
                backend=backend,
            )
        user = await _social_of(request).backend(backend).do_auth(token.strip(" "))
        if user is None:
            raise NotSignedIn(
                "the account of this client token is linked to nobody here",
                hint="link the account first, or let do_auth make users (sign_up)",
                backend=backend,
            )
        return user

    return user_of_token


def associations(backend: str | None = None) -> Callable[[Request], Awaitable["list[Association[Any]]"]]:
    """Give a dependency that gives the signed-in user's associations, oldest first.

    Args:
        backend: Of this backend only; None: of all.

    Returns:
        A coroutine function of the request. It raises ``NotSignedIn`` where nobody is signed in, and
        ``UnknownBackend`` where the name is not configured. The middleware answers each.
    """

    async def associations_of_user(request: Request) -> "list[Association[Any]]":
        return await _social_of(request).associations(backend)

    return associations_of_user


def _social_of(request: Request) -> "RequestSocial":
    social: RequestSocial = request.state.social
    return social
