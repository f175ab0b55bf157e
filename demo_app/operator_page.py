"""The operator's page: how all links are doing, and the renewals of the last hour as a picture."""

import httpx
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from asgi_social import Association, NotSignedIn, Social, SocialError
from demo_app.chart import HEIGHT, OUTCOMES, WIDTH, chart_of
from demo_app.club import club_of
from demo_app.pages import page, posted, see_other
from demo_app.people import PEOPLE, Person, signed_in
from demo_app.services import Service


async def overview(request: Request) -> Response:
    """Show every link of every member, the services, and the renewals."""
    _require_operator(request)
    social: Social = request.state.social.social
    club = club_of(request)
    now = club.clock.now()
    return page(
        request,
        "operator.html",
        rows=await _everybodys(social),
        titles={backend.name: backend.title for backend in social.backends()},
        services=list(club.services.values()),
        chart=chart_of(club.journal.renewals(), now=now),
        outcomes=OUTCOMES,
        width=int(WIDTH),
        height=int(HEIGHT),
        now=now,
    )


async def renew_all(request: Request) -> Response:
    """Renew every token now, one after the other."""
    await _posted_by_operator(request)
    renewed = failed = 0
    for _, association in await _everybodys(request.state.social.social):
        try:
            await association.refresh_token()
            renewed += 1
        except SocialError:
            failed += 1  # the picture shows which way
    return see_other(request, "/operator", f"{renewed} renewed, {failed} not.")


async def link_members(request: Request) -> Response:
    """Play the other members, each in a browser of their own, who link all that they have."""
    await _posted_by_operator(request)
    social: Social = request.state.social.social
    for person in PEOPLE.values():
        for service in club_of(request).services.values():
            if not person.is_operator and not await social.associations(person.id, service.name):
                await _link_as(person, service, request)
    return see_other(request, "/operator", f"{len(await _everybodys(social))} accounts are linked now.")


async def break_or_mend(request: Request) -> Response:
    """Put a made-up service out of order, or in order again."""
    fields = await _posted_by_operator(request)
    service = club_of(request).services.get(request.path_params["name"])
    if service is None:
        raise HTTPException(404, "There is no such service here.")
    if fields.get("now") == "broken":
        service.breaks()
        return see_other(request, "/operator", f"{service.title} is out of order: no data, no new tokens.")
    service.works()
    return see_other(request, "/operator", f"{service.title} works again.")


def _require_operator(request: Request) -> None:
    person = signed_in(request)
    if person is None:
        raise NotSignedIn("nobody is signed in", hint="sign in as the operator")
    if not person.is_operator:
        raise HTTPException(403, "This page is the operator's: sign in as Chiara Neri to see it.")


async def _posted_by_operator(request: Request) -> dict[str, str]:
    fields = await posted(request)
    _require_operator(request)
    return fields


async def _everybodys(social: Social) -> list[tuple[Person, Association[str]]]:
    return [(person, association) for person in PEOPLE.values() for association in await social.associations(person.id)]


async def _link_as(person: Person, service: Service, request: Request) -> None:
    transport = httpx.ASGITransport(request.app)
    click = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=click) as browser:
        await browser.post("/sign-in", data={"person": person.id})
        begun = await browser.post(f"/associate/{service.name}/")
        if begun.is_redirect:
            back = await service.provider.consent(begun.headers["location"], person=person.account)
            await browser.get(back)
