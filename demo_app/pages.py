"""Forms and pages: who may post, what each page carries along, and how a fault looks."""

from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.templating import Jinja2Templates

from demo_app.moments import day_of, span, time_of, token_end

_HERE = Path(__file__).parent
FRAME = _HERE / "frame"
"""The frame of every page, ours and the library's: the setting ``templates`` names this folder."""

PERSON = "person"
_STYLE = "/associate/social.css"  # the library's, which holds the colours of our own frame
_MESSAGE = "message"
_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    # With no-referrer a browser would send "Origin: null" with our own forms.
    "referrer-policy": "same-origin",
    # No form-action: Chromium applies it to the redirect to the provider that answers a form.
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' https: data:; base-uri 'none'; frame-ancestors 'none'"
    ),
}
_FAULTS = {
    400: ("That does not fit", "Something that was sent is not what this page takes."),
    403: ("Not for you", "This page is for somebody else."),
    404: ("There is no such page", "The address may be mistyped, or what it showed is gone."),
    405: ("Not in this way", "This address takes a form, and is no page to open."),
    413: ("That is too long", "Less would do."),
    500: ("Something went wrong", "The fault is ours. It is written down; please try again."),
}
_MAX_BODY_BYTES = 16 * 1024
_templates = Jinja2Templates([_HERE / "templates", FRAME])
_templates.env.filters |= {"day": day_of, "time": time_of, "span": span, "token_end": token_end}


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    """Render a page; a message that waits for the visitor is shown on it, once."""
    session = request.scope.get("session", {})  # the page of a 500 comes from outside the session
    known = {"message": session.pop(_MESSAGE, None), "person": session.get(PERSON), "here": request.url.path}
    shown = known | {"style": _STYLE, "status": status} | values
    return _templates.TemplateResponse(request, template, shown, status_code=status, headers=_HEADERS)


def see_other(request: Request, path: str, message: str | None = None) -> Response:
    """Answer a form: on to a page by GET, so that a reload posts nothing again."""
    if message is not None:
        request.session[_MESSAGE] = message
    return RedirectResponse(path, 303)


async def posted(request: Request) -> dict[str, str]:
    """Give the fields of a form of ours; what a browser says to come from another site is refused."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise HTTPException(403, "This form is not on a page of ours.")
    return dict(parse_qsl(await body_of(request)))


async def body_of(request: Request) -> str:
    """Give the body of a request, of bounded length."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise HTTPException(413, "Nothing that is sent here is ever so long.")
    return body.decode("utf-8", "replace")


def here(path: str | None) -> str:
    """Give a path of this app as it was asked for, or the first page for anything else."""
    is_ours = path is not None and path.startswith("/") and path[1:2] not in {"/", "\\"} and path.isprintable()
    return path if path is not None and is_ours else "/"


async def fault_page(request: Request, error: Exception) -> Response:
    """Show what an ``HTTPException`` says, in the frame of every page; of another fault, only that there is one."""
    fault = error if isinstance(error, HTTPException) else HTTPException(500)
    title, text = _FAULTS.get(fault.status_code, _FAULTS[500])
    if fault.detail != HTTPStatus(fault.status_code).phrase:
        text = fault.detail
    response = page(request, "fault.html", status=fault.status_code, title=title, text=text)
    response.headers.update(fault.headers or {})
    return response
