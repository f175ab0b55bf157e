"""Dependencies for FastAPI's ``Depends``: the accessor, the user of a client token, and what is linked.

FastAPI gives a view's parameter the type that stands in its ``Annotated``; an editor completes by that. It alone is
served by this module, so that nothing else of the package imports it.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from fastapi import Request, Security
from fastapi.security import HTTPBearer

from asgi_social.errors import AssociationGone, NotSignedIn

if TYPE_CHECKING:
    from asgi_social.association import Association
    from asgi_social.social import RequestSocial


async def social(request: Request) -> "RequestSocial":
    """Give the accessor: what ``request.state.social`` is, and of which an editor knows the type.

    It is a dependency by itself::

        @app.post("/unlink")
        async def unlink(social: Annotated[RequestSocial, Depends(social)]) -> int:
            return len(await social.disconnect())
    """
    accessor: RequestSocial = request.state.social
    return accessor


def social_user(backend: str) -> Callable[..., Awaitable[Any]]:
    """Give a dependency that gives the app's user whose client token came as ``Authorization: Bearer <token>``.

    It is ``do_auth`` of the backend, with the setting ``sign_up`` as it stands::

        @app.post("/phone")
        async def phone(user: Annotated[Person, Depends(social_user("facebook"))]): …

    The app's OpenAPI document shows the bearer token, under the backend's name.

    Args:
        backend: The backend's name.

    Returns:
        A coroutine function of the request. It gives the user, as ``load_user`` does and never None, and raises:
        ``NotSignedIn`` where no bearer token came, or the token's account is nobody's; ``TokenRefused`` where the
        token is bad or not ours; ``UnknownBackend`` and ``ProviderError`` as ``do_auth`` does. The middleware
        answers each.

    Source: RFC 6750 section 2.1 (the header), RFC 9110 section 11.1 (its scheme is of any case).
    """
    # For the OpenAPI document alone: by itself it would answer, without our hint, where the header is missing.
    shown = Security(HTTPBearer(scheme_name=backend, description=_SENT, auto_error=False))

    async def user_of_token(request: Request, _shown: object = shown) -> Any:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise NotSignedIn(
                "the request has no bearer token",
                hint="send the client token in the header: Authorization: Bearer …",
                backend=backend,
            )
        user = await (await social(request)).backend(backend).do_auth(token.strip(" "))
        if user is None:
            raise NotSignedIn(
                "the account of this client token is linked to nobody here",
                hint="link the account first, or let do_auth make users (sign_up)",
                backend=backend,
            )
        return user

    return user_of_token


_SENT = "The access token that the phone or the page got at the service by itself."


def associations(backend: str | None = None) -> Callable[[Request], Awaitable["list[Association[Any]]"]]:
    """Give a dependency that gives the signed-in user's associations, oldest first.

    Args:
        backend: Of this backend only; None: of all.

    Returns:
        A coroutine function of the request. It raises ``NotSignedIn`` where nobody is signed in, and
        ``UnknownBackend`` where the name is not configured. The middleware answers each.
    """

    async def associations_of_user(request: Request) -> "list[Association[Any]]":
        return await (await social(request)).associations(backend)

    return associations_of_user


def association(backend: str) -> Callable[[Request], Awaitable["Association[Any]"]]:
    """Give a dependency that gives the signed-in user's association at one backend.

    For a view that needs just one::

        @app.get("/repositories")
        async def repositories(github: Annotated[Association[str], Depends(association("github"))]) -> Any:
            async with github.client() as client:
                return (await client.get("https://api.github.com/user/repos")).json()

    Args:
        backend: The backend's name.

    Returns:
        A coroutine function of the request. Of several associations it gives the newest. It raises
        ``AssociationGone`` where there is none, which is answered with 404 and says where to link one; the rest as
        for :func:`associations`. One that needs a new consent is given too, and raises ``NeedsReauth`` when its
        token is asked for.
    """

    async def association_of_user(request: Request) -> "Association[Any]":
        accessor = await social(request)
        found = await accessor.associations(backend)
        if not found:
            settings = accessor.social.settings
            where = f"{settings.public_path(request.scope)}{settings.prefix}/associate/{backend}/"
            raise AssociationGone(
                f"{backend}: no account is linked", hint=f"link one at {where}", association_id="", backend=backend
            )
        return found[-1]

    return association_of_user
