"""A phone app, which gets a token at Footfall by itself and sends it in; and the view that takes it."""

import inspect
import json
from typing import Any

import httpx
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from demo_app import guide
from demo_app.club import club_of
from demo_app.pages import body_of, page, posted, see_other

SERVICE = "footfall"
OTHER_APP = "pocket-pedometer"
"""Another app that is known at the service; its tokens are none of ours."""

_ANSWER = "phone"


async def api_sign_in(request: Request) -> Response:
    """Say whose token it is. One that is bad, or not ours, raises: then 401 is answered."""
    sent = await sent_json(request)
    backend = request.state.social.backend("footfall")
    user = await backend.do_auth(sent.get("access_token"), id_token=sent.get("id_token"))
    if user and user.is_active:
        return JSONResponse({"id": user.id, "name": user.name})
    return JSONResponse({"detail": "no member has linked this account"}, 403)


async def sent_json(request: Request) -> dict[str, Any]:
    """Give the JSON object that is sent. No session is read with it, so a page of another site gains nothing here."""
    try:
        sent = json.loads(await body_of(request))
    except (ValueError, RecursionError):
        sent = None
    if not isinstance(sent, dict):
        raise HTTPException(400, "The body is no JSON object.")
    return sent


async def phone(request: Request) -> Response:
    """Show the phone, with the last answer that it got."""
    club = club_of(request)
    service = club.services[SERVICE]
    return page(
        request,
        "phone.html",
        now=club.clock.now(),
        service=service,
        accounts=service.provider.people,
        answer=request.session.get(_ANSWER),
        other_app=OTHER_APP,
        view=_VIEW,
    )


async def play(request: Request) -> Response:
    """Play the phone: sign in at the service, send the token to ``/api/sign-in``, and keep what is answered."""
    fields = await posted(request)
    if "again" in fields:
        request.session.pop(_ANSWER, None)
        return see_other(request, "/phone")
    provider = club_of(request).services[SERVICE].provider
    account, kind = fields.get("account", ""), fields.get("kind", "access_token")
    if account not in {person.sub for person in provider.people}:
        raise HTTPException(400, "Nobody has this account at Footfall.")
    tokens = provider.issue_tokens(account, client_id=OTHER_APP if kind == "other_app" else None)
    name, token = ("access_token", tokens["access_token"])
    if kind == "id_token":
        name, token = ("id_token", tokens["id_token"])
    transport = httpx.ASGITransport(request.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as sender:
        answer = await sender.post("/api/sign-in", json={name: token}, headers={"accept": "application/json"})
    if answer.status_code == 200:
        guide.done(request, "phone")
    said = answer.json()
    request.session[_ANSWER] = {
        "kind": kind,
        "token": f"{token[:18]}…{token[-4:]}",
        "status": answer.status_code,
        "name": said.get("name", ""),
        "detail": said.get("detail", ""),
        "reason": said.get("reason", ""),
    }
    return see_other(request, "/phone")


_VIEW = inspect.getsource(api_sign_in)  # shown beside the phone, so that it can never be another than the one that runs
