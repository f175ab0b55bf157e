"""Pages: plain HTML with one style sheet of our own, no script, no third party; and errors as page or JSON."""

import logging
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, JSONResponse, Response

from asgi_social.errors import ProviderUnreachable, SocialError
from asgi_social.secret import random_text

if TYPE_CHECKING:
    from jinja2 import Environment

_log = logging.getLogger("asgi_social")

STYLE = "social.css"
# With no-referrer a browser sends "Origin: null" with our own form, so pages with one say same-origin.
_WITH_FORM, _WITHOUT_FORM = "same-origin", "no-referrer"
# No form-action: Chromium applies it to the redirect to the provider that answers our form.
_POLICY = "default-src 'none'; style-src 'self'; img-src https:; base-uri 'none'; frame-ancestors 'none'"
_TITLES = {
    "settings": "This app is not set up yet",
    "unknown_backend": "There is no such service here",
    "not_signed_in": "Please sign in",
    "flow_refused": "This link cannot be completed",
    "consent_denied": "Nothing was linked",
    "token_refused": "This token is not accepted",
    "account_taken": "This account belongs to another user",
    "last_association": "This is your last way in",
    "needs_reauth": "Please link this account again",
    "cannot_renew": "This link cannot be renewed",
    "association_gone": "There is no such link",
    "provider_error": "The service did not answer as it should",
    "provider_refused": "The service refused",
    "provider_broken": "The service did not answer as it should",
    "provider_unreachable": "The service cannot be reached",
    "storage": "Please try again in a moment",
}


def secured(response: Response, *, form: bool = False) -> Response:
    """Add the headers that every answer of ours carries; see ``_POLICY`` for what a page may load."""
    response.headers["cache-control"] = "no-store"
    response.headers["x-content-type-options"] = "nosniff"
    response.headers["referrer-policy"] = _WITH_FORM if form else _WITHOUT_FORM
    if response.media_type == "text/html":
        response.headers["x-frame-options"] = "DENY"
        response.headers["content-security-policy"] = _POLICY
    return response


def redirect(url: str) -> Response:
    """Send the browser on with 303, so that it always goes by GET and never posts a code again."""
    response = Response(status_code=303)
    # A header holds ASCII; what is beyond stands percent-encoded, as browsers would write it.
    response.headers["location"] = "".join(
        character if character.isascii() else "".join(f"%{byte:02X}" for byte in character.encode())
        for character in url
    )
    return secured(response)


def page(template: str, *, base: str, status: int = 200, form: bool = False, **values: Any) -> Response:
    """Render a page.

    Args:
        template: Its file's name in ``templates/``.
        base: The path of ``/associate/`` under mount and prefix, where the style sheet lies.
        status: The HTTP status.
        form: Whether the page has a form.
        values: What the template shows; every value is escaped.
    """
    text = _environment().get_template(template).render(base=base, style=f"{base}{STYLE}", **values)
    return secured(HTMLResponse(text, status_code=status), form=form)


@cache
def load() -> None:
    """Read the files that pages are made of, once, so that no request waits for one."""
    environment = _environment()
    for name in environment.list_templates(extensions=["html"]):
        environment.get_template(name)
    _style()


def style_sheet() -> Response:
    """Give the style sheet."""
    return secured(Response(_style(), media_type="text/css"))


def error_response(error: SocialError, connection: HTTPConnection) -> Response:
    """Give the clear answer for an error: a page, or JSON by RFC 9457, as the request's ``Accept`` prefers.

    For frameworks whose own error handling lies inside the middleware, in a one-line handler.

    Args:
        error: What was raised.
        connection: The request; only its headers and path are read.
    """
    number = random_text(bits=48)
    # The one place that logs it: an error is answered here or raised, never both.
    level = logging.ERROR if error.status >= 500 else logging.INFO
    _log.log(level, "answered %s %s reason=%s id=%s: %s", error.status, error.code, error.reason, number, error)
    # What is wrong with the settings is for the app's makers, who find it in the log, or on their own machine.
    hidden = error.code == "settings" and not _is_development(connection)
    if wants_page(connection):
        response = page(
            "error.html",
            base=base_path(connection),
            status=error.status,
            title=_TITLES.get(error.code, "Something went wrong"),
            message="" if hidden else error.message,
            hint="" if hidden else error.hint,
            number=number,
            code=error.code,
        )
    else:
        response = secured(
            JSONResponse(_problem(error, number, hidden=hidden), error.status, media_type="application/problem+json")
        )
    if isinstance(error, ProviderUnreachable):
        response.headers["retry-after"] = str(int(error.retry_after or 30))
    return response


def wants_page(connection: HTTPConnection) -> bool:
    """Say whether an answer should be a page: a browser names ``text/html`` when it navigates, a program does not."""
    return "text/html" in connection.headers.get("accept", "")


def base_path(connection: HTTPConnection) -> str:
    """Give the path of our ``/associate/`` as the browser must ask for it."""
    social = connection.scope.get("state", {}).get("social")
    if social is None:
        return f"{connection.scope.get('root_path', '').rstrip('/')}/associate/"
    settings = social.social.settings
    return f"{settings.public_path(connection.scope)}{settings.prefix}/associate/"


def _is_development(connection: HTTPConnection) -> bool:
    social = connection.scope.get("state", {}).get("social")
    return social is not None and social.social.settings.development


def _problem(error: SocialError, number: str, *, hidden: bool) -> dict[str, object]:
    members = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": _TITLES["settings"] if hidden else error.message,
        "hint": "look for this id in the app's log" if hidden else error.hint,
        "code": error.code,
        "reason": error.reason,
        "backend": error.backend,
        "id": number,
    }
    return {name: value for name, value in members.items() if value is not None}


@cache
def _environment() -> "Environment":
    # Here and not above: an engine without an app shows no page, and needs no template engine.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("asgi_social.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        auto_reload=False,  # or each page would ask the file system whether its template has changed
    )


@cache
def _style() -> str:
    return files("asgi_social.pages").joinpath(f"templates/{STYLE}").read_text(encoding="utf-8")
