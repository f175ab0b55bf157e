"""Your week: live data of the linked services, fetched with the stored tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from asgi_social import Association, NeedsReauth, RequestSocial, SocialError
from demo_app import guide
from demo_app.club import club_of
from demo_app.moments import token_end
from demo_app.pages import page, posted, see_other

# What a real service tells of the person, where the environment names one.
_PROFILES = {
    "github": "https://api.github.com/user",
    "google-oauth2": "https://openidconnect.googleapis.com/v1/userinfo",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a service has told with a stored token.

    Attributes:
        data: The JSON object, or None where there is none.
        trouble: Why there is none.
    """

    data: dict[str, Any] | None = None
    trouble: str = ""


async def week(request: Request) -> Response:
    """Show what each linked service tells; where nobody is signed in, ``associations`` raises and the sign-in comes."""
    social: RequestSocial = request.state.social
    told = {association.id: await _told(request, association) for association in await social.associations()}
    if any(one.data is not None for one in told.values()):
        guide.done(request, "data")
    # Once more, for a token may have been renewed meanwhile; what was linked meanwhile waits for the next look.
    linked = [one for one in await social.associations() if one.id in told]
    club = club_of(request)
    return page(
        request,
        "week.html",
        told=told,
        linked=_by_backend(linked),
        backends=social.social.backends(),
        services=club.services,
        now=club.clock.now(),
    )


async def renew(request: Request) -> Response:
    """Renew the tokens of one linked account now."""
    association = await _own_association(request)
    title = request.state.social.backend(association.backend).title
    try:
        renewed = await association.refresh_token()
    except SocialError as error:
        return see_other(request, "/week", f"{title} is not renewed: {error.message}.")
    guide.done(request, "renewed")
    end = token_end(renewed.expires_at, now=club_of(request).clock.now())
    return see_other(request, "/week", f"{title} is renewed. {end}.")


async def take_away(request: Request) -> Response:
    """Play the person at a made-up service, who ends there what was granted to the club."""
    association = await _own_association(request)
    service = club_of(request).services.get(association.backend)
    if service is None:
        raise HTTPException(404, "Access to this service is taken away on its own pages.")
    service.provider.revoke_all(association.uid)
    return see_other(request, "/week", f"Access is taken away at {service.title}. This is what follows.")


async def data_of(association: Association[str], url: str) -> dict[str, Any]:
    """Ask a service with the stored token, which is renewed where it must be."""
    async with association.client() as http:
        answer = await http.get(url)
    data = answer.raise_for_status().json()
    if isinstance(data, dict):
        return data
    raise ValueError("a service tells a JSON object")


async def _told(request: Request, association: Association[str]) -> Told:
    service = club_of(request).services.get(association.backend)
    url = service.url if service else _PROFILES.get(association.backend)
    if url is None:
        return Told(trouble="The club has no page for what this service knows.")
    try:
        return Told(data=await data_of(association, url))
    except NeedsReauth:
        return Told(trouble="The access that you gave has ended there. Link the account again.")
    except (SocialError, httpx.HTTPError, ValueError):
        return Told(trouble="The service does not answer as it should. Your link stays; try again in a while.")


async def _own_association(request: Request) -> Association[str]:
    await posted(request)
    associations: Sequence[Association[str]] = await request.state.social.associations()
    for association in associations:
        if association.id == request.path_params["association_id"]:
            return association
    raise HTTPException(404, "None of your linked accounts has this id.")


def _by_backend(associations: Sequence[Association[str]]) -> dict[str, list[Association[str]]]:
    found: dict[str, list[Association[str]]] = {}
    for association in associations:
        found.setdefault(association.backend, []).append(association)
    return found
