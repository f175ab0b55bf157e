"""/associate: the page of linked accounts, their pictures, and the beginning of a flow."""

from contextlib import suppress

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from asgi_social.errors import AssociationGone, ProviderError
from asgi_social.flow import FLOW_SECONDS, Flow, checked_next, cookie_name, pack, superseded
from asgi_social.pages import base_path, page, redirect, secured, wants_page
from asgi_social.pages.asking import Action, ask, is_asked_for
from asgi_social.pages.message import forget, told
from asgi_social.pages.overview import WHYS, day, iso_day, overview
from asgi_social.pages.visitor import fields_of, navigates_within_site
from asgi_social.protocols.picture import fetch_picture
from asgi_social.social import RequestSocial, Social

_KEEP_PICTURE = "private, max-age=86400"


async def accounts(request: Request, social: RequestSocial) -> Response:
    """Show the signed-in person's linked accounts, with buttons to link and unlink; or the same facts as JSON.

    Raises:
        NotSignedIn: Nobody is signed in.
    """
    linked, backends = await social.associations(), social.social.backends()
    facts = overview(linked, backends, base=base_path(request))
    if not wants_page(request):
        return secured(JSONResponse(facts))
    user_id = await social.social.engine.users.require_current(request)
    message = told(request, social, user_id=user_id)
    response = page(
        request,
        "accounts.html",
        form=True,
        linked=facts["linked"],
        backends=facts["backends"],
        marks={backend.name: backend.mark for backend in backends},
        message=message,
        whys=WHYS,
        day=day,
        iso_day=iso_day,
    )
    if message is not None:
        forget(response, request, social)
    return response


async def picture(social: RequestSocial, association_id: str) -> Response:
    """Give the picture of one of the person's accounts, fetched by us, so that their browser asks no third party.

    Raises:
        NotSignedIn: Nobody is signed in.
        AssociationGone: The id is none of this person's, or the account has no picture that can be had.
    """
    found = None
    for one in await social.associations():
        if one.id == association_id and one.picture:
            # A picture that cannot be had is no matter for an alarm: the page shows a letter in its place.
            with suppress(ProviderError):
                found = await social.social.engine.transport.play(fetch_picture(one.picture), backend=one.backend)
    if found is None:
        raise AssociationGone("there is no such picture", hint="show the account's first letter", association_id="")
    kind, content = found
    response = secured(Response(content, media_type=kind, headers={"cache-control": _KEEP_PICTURE}))
    response.headers["content-security-policy"] = "default-src 'none'; sandbox"
    return response


async def associate(request: Request, social: RequestSocial, name: str) -> Response:
    """Begin a flow and send the browser to the provider; or ask first, where the browser does not vouch for it.

    Raises:
        NotSignedIn: Nobody is signed in.
        UnknownBackend: No backend has this name.
        ProviderRetired: The service is shut down.
        ProviderError: The provider's metadata cannot be had.
        SettingsError: ``base_url`` is needed and not set.
    """
    engine, settings = social.social.engine, social.social.settings
    user_id = await engine.users.require_current(request)
    backend = social.backend(name)
    backend.require_alive()  # before anybody is asked whether they want to
    fields = await fields_of(request)
    next_path, scope = checked_next(fields.get("next")) or base_path(request), fields.get("scope", "")
    named = {name: fields[name].strip() for name in backend.asks_for if fields.get(name)}
    base = settings.base_of(request.scope)
    action = Action(
        name=f"associate/{name}",
        user_id=user_id,
        title=f"Link your {backend.title} account?",
        text=f"You will be sent to {' at '.join([backend.title, *named.values()])}, and come back here.",
        button=f"Go on to {backend.title}",
        hidden={"next": next_path, "scope": scope, **named},
        wanted={name: one.example or "" for name, one in backend.asks_for.items() if name not in named},
    )
    clicked = request.method == "GET" and navigates_within_site(request.headers)
    if action.wanted or (not clicked and not is_asked_for(action, request, social, fields)):
        return ask(action, request, social)
    flow, url = await backend.begin(
        user_id=user_id,
        redirect_uri=settings.redirect_uri(name, base=base),
        next_path=next_path,
        further_scope=tuple(scope.replace(",", " ").split()),
        named=named,
    )
    response = redirect(url)
    _remember(request, response, social.social, flow, secure=base.startswith("https://"))
    return response


def _remember(request: Request, response: Response, social: Social, flow: Flow, *, secure: bool) -> None:
    """Set the flow's cookie, and delete those that it supersedes."""
    engine = social.engine
    name, value = cookie_name(flow.challenge.state, secure=secure), pack(flow, keys=engine.keys)
    old = superseded(
        request.cookies, room=len(name) + len(value), keys=engine.keys, now=engine.clock.now(), secure=secure
    )
    for one in old:
        response.delete_cookie(one, path="/", secure=secure, httponly=True, samesite="lax")
    response.set_cookie(name, value, max_age=int(FLOW_SECONDS), path="/", secure=secure, httponly=True, samesite="lax")
