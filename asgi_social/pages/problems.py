"""Errors as answers: a page with a way on, or JSON by RFC 9457, as the request's ``Accept`` prefers."""

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response

from asgi_social.errors import ProviderUnreachable, SocialError, TooManyRequests
from asgi_social.pages import base_path, page, secured, sign_in_url, wants_page
from asgi_social.secret import random_text

_log = logging.getLogger("asgi_social")

_TITLES = {
    "settings": "This app is not set up yet",
    "unknown_backend": "There is no such service here",
    "not_signed_in": "Please sign in",
    "flow_refused": "This link cannot be completed",
    "consent_denied": "Nothing was linked",
    "token_refused": "This token is not accepted",
    "account_taken": "This account belongs to another user",
    "last_association": "This is your last way in",
    "provider_retired": "This service is shut down",
    "too_many_requests": "Please wait a moment",
    "needs_reauth": "Please link this account again",
    "cannot_renew": "This link cannot be renewed",
    "association_gone": "There is no such link",
    "provider_error": "The service did not answer as it should",
    "provider_refused": "The service refused",
    "provider_broken": "The service did not answer as it should",
    "provider_unreachable": "The service cannot be reached",
    "storage": "Please try again in a moment",
    "method_not_allowed": "This address does not take that",
}
# After these the same trip may end better, so that the page offers it again.
_WORTH_A_TRY = frozenset(
    {
        "flow_refused",
        "consent_denied",
        "needs_reauth",
        "provider_error",
        "provider_refused",
        "provider_broken",
        "provider_unreachable",
    }
)


def error_response(error: SocialError, connection: HTTPConnection | Mapping[str, Any]) -> Response:
    """Give the clear answer for an error: a page, or JSON by RFC 9457, as the request's ``Accept`` prefers.

    For frameworks whose own error handling lies inside the middleware, in a one-line handler.

    Args:
        error: What was raised.
        connection: The request, or its ASGI scope where a framework has requests of its own kind; only its headers
            and path are read.
    """
    if not isinstance(connection, HTTPConnection):
        connection = HTTPConnection(dict(connection))
    number = random_text(bits=48)
    # The one place that logs it: an error is answered here or raised, never both.
    level = logging.ERROR if error.status >= 500 else logging.INFO
    _log.log(level, "answered %s %s reason=%s id=%s: %s", error.status, error.code, error.reason, number, error)
    # What is wrong with the settings is for the app's makers, who find it in the log, or on their own machine.
    hidden = error.code == "settings" and not _is_development(connection)
    if wants_page(connection):
        again = _title_of(error.backend, connection) if error.code in _WORTH_A_TRY else None
        response = page(
            connection,
            "error.html",
            status=error.status,
            form=again is not None,
            title=_TITLES.get(error.code, "Something went wrong"),
            message="" if hidden else error.message,
            hint="" if hidden else error.hint,
            number=number,
            code=error.code,
            backend=error.backend,
            again=again,
            sign_in=_sign_in_url(connection) if error.code == "not_signed_in" else None,
        )
    else:
        response = secured(
            JSONResponse(_problem(error, number, hidden=hidden), error.status, media_type="application/problem+json")
        )
    if isinstance(error, ProviderUnreachable | TooManyRequests):
        response.headers["retry-after"] = str(math.ceil(error.retry_after or 30))
    return response


def not_allowed(connection: HTTPConnection, *, allowed: set[str]) -> Response:
    """Give the answer for a method that a path of ours does not take (RFC 9110 section 15.5.6)."""
    methods = ", ".join(sorted(allowed))
    code, message = "method_not_allowed", f"this address is for {methods}"
    if wants_page(connection):
        response = page(
            connection,
            "error.html",
            status=405,
            title=_TITLES[code],
            message=message,
            hint="start again from your linked accounts",
            number="",
            code=code,
            backend=None,
            again=None,
            sign_in=None,
        )
    else:
        members = {"type": "about:blank", "title": "Method Not Allowed", "status": 405, "detail": message, "code": code}
        response = secured(JSONResponse(members, 405, media_type="application/problem+json"))
    response.headers["allow"] = methods
    return response


def _title_of(backend: str | None, connection: HTTPConnection) -> str | None:
    """Give the service's name for people, where the person can be sent there from here."""
    social = connection.scope.get("state", {}).get("social")
    known = [] if social is None else social.social.backends()
    return next((one.title for one in known if one.name == backend and one.has_redirect), None)


def _sign_in_url(connection: HTTPConnection) -> str | None:
    social = connection.scope.get("state", {}).get("social")
    return None if social is None else sign_in_url(social.social.settings, back_to=base_path(connection))


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
