"""/complete: where a flow ends. The association is stored, and the browser goes to ``next``."""

import json
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from asgi_social.errors import FlowRefused, Refused, SocialError, StorageError
from asgi_social.flow import Arrival, checked_next, cookie_name, unpack
from asgi_social.pages import base_path, redirect
from asgi_social.pages.message import tell
from asgi_social.pages.overview import label_of
from asgi_social.pages.problems import error_response
from asgi_social.pages.visitor import fields_of
from asgi_social.secret import Keys, Secret
from asgi_social.social import RequestSocial

CARRIER = "answer"
CARRIER_SECONDS = 60.0


async def complete(request: Request, social: RequestSocial, name: str) -> Response:
    """End a flow: check it, spend it, store the association; 303 to ``next``.

    A provider that answers by a form post (Apple) comes without our cookies, which are Lax: its parameters are sealed
    into a carrier of one minute and sent round to our own GET, where the cookies are.

    Raises:
        SocialError: Nothing was stored; see ``Backend.complete`` and ``flow.unpack``.
    """
    engine, settings = social.social.engine, social.social.settings
    backend = social.backend(name)
    params = await fields_of(request)
    if request.method == "POST":
        here = f"{settings.public_path(request.scope)}{settings.prefix}{settings.complete_path}/{name}/"
        return redirect(f"{here}?{urlencode({CARRIER: _carried(backend.posted(params), name, social)})}")
    if backend.takes_form_post and CARRIER in params:
        params = _opened(params[CARRIER], name, engine.keys, now=engine.clock.now())
    base = settings.base_of(request.scope)
    secure, state = base.startswith("https://"), backend.state_of(params)
    cookie = cookie_name(Secret(state or ""), secure=secure)
    try:
        arrival = Arrival(
            state=state,
            issuer=params.get("iss"),
            backend=name,
            client_id=backend.client_id,
            user_id=await engine.users.require_current(request),
            now=engine.clock.now(),
            secure=secure,
        )
        flow = unpack(request.cookies, arrival, keys=engine.keys)
        association = await backend.complete(flow, params)
    except StorageError as error:
        # The code was not spent where the state could not be: a reload may find the database again.
        return error_response(error, request)
    except SocialError as error:
        response = error_response(error, request)
    else:
        response = redirect(checked_next(flow.next) or base_path(request))
        text = f"{backend.title} account {label_of(association)} is linked"
        tell(text, response, request, social, user_id=flow.user_id)
    # However it ended, this flow is over; the others of this browser stay.
    response.delete_cookie(cookie, path="/", secure=secure, httponly=True, samesite="lax")
    return response


def _carried(params: Mapping[str, str], name: str, social: RequestSocial) -> str:
    """Seal the parameters of a form post, to be opened at our own GET within a minute."""
    ends_at = social.social.engine.clock.now() + CARRIER_SECONDS
    text = json.dumps([ends_at, dict(params)])
    if len(text) > 16 * 1024:
        raise Refused("the answer is too long", hint="start again", backend=name)
    return social.social.engine.keys.seal(text, purpose="carrier", context=name)


def _opened(carrier: str, name: str, keys: Keys, *, now: float) -> dict[str, str]:
    text = keys.unseal(carrier, purpose="carrier", context=name)
    ends_at, params = cast("tuple[float, dict[str, str]]", json.loads(text)) if text else (0.0, {})
    if now > ends_at:
        raise FlowRefused(
            "the provider's answer is not one of the last minute",
            hint="start again",
            reason="expired" if text else "state",
            backend=name,
        )
    return params
