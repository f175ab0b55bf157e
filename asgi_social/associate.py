"""/associate: the page of linked accounts, and the beginning of a flow."""

from starlette.requests import Request
from starlette.responses import Response

from asgi_social.flow import FLOW_SECONDS, Flow, checked_next, cookie_name, pack, superseded
from asgi_social.pages import base_path, page, redirect
from asgi_social.pages.visitor import (
    FORM_TOKEN,
    fields_of,
    form_token,
    is_form_token,
    navigates_within_site,
    posts_within_site,
)
from asgi_social.social import RequestSocial, Social


async def accounts(request: Request, social: RequestSocial) -> Response:
    """Show the signed-in person's linked accounts, with buttons to link and unlink.

    Raises:
        NotSignedIn: Nobody is signed in.
    """
    linked = await social.associations()
    base, backends = base_path(request), social.social.backends()
    return page(
        "accounts.html",
        base=base,
        form=True,
        associations=linked,
        backends=backends,
        titles={backend.name: backend.title for backend in backends},
        root=base.removesuffix("associate/"),
    )


async def associate(request: Request, social: RequestSocial, name: str) -> Response:
    """Begin a flow and send the browser to the provider; or ask first, where the browser does not vouch for it.

    Raises:
        NotSignedIn: Nobody is signed in.
        UnknownBackend: No backend has this name.
        ProviderError: The provider's metadata cannot be had.
        SettingsError: ``base_url`` is needed and not set.
    """
    engine, settings = social.social.engine, social.social.settings
    user_id = await engine.users.require_current(request)
    backend = social.backend(name)
    fields = await fields_of(request)
    base, action = settings.base_of(request.scope), f"associate/{name}"
    next_path = checked_next(fields.get("next")) or base_path(request)
    scope = fields.get("scope", "")
    may = request.method == "GET" and navigates_within_site(request.headers)
    if request.method == "POST":
        token = is_form_token(
            engine.keys, fields.get(FORM_TOKEN), user_id=user_id, action=action, now=engine.clock.now()
        )
        may = posts_within_site(request.headers, base=base, form_token=token)
    if not may:
        return page(
            "ask.html",
            base=base_path(request),
            status=403 if request.method == "POST" else 200,
            form=True,
            title=f"Link your {backend.title} account?",
            text=f"You will be sent to {backend.title}, and come back here.",
            button=f"Go on to {backend.title}",
            token=form_token(engine.keys, user_id=user_id, action=action, now=engine.clock.now()),
            hidden={"next": next_path, "scope": scope},
        )
    flow, url = await backend.begin(
        user_id=user_id,
        redirect_uri=settings.redirect_uri(name, base=base),
        next_path=next_path,
        further_scope=tuple(scope.replace(",", " ").split()),
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
