"""The fake provider's pages, and how a browser without a screen reads a form on one.

Plain HTML, in which a keyboard and a screen reader get everywhere, and which works without script.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from html.parser import HTMLParser

from starlette.responses import HTMLResponse

from asgi_social.testing.fake_people import Person

PERSON, DENY = "person", "deny"
"""The names of the two kinds of button on the page that asks."""

_STYLE = """
body { max-width: 34rem; margin: 2rem auto; padding: 0 1rem; font: 1.1rem/1.5 system-ui, sans-serif }
ul { padding: 0; list-style: none }
button { display: block; width: 100%; margin: .5rem 0; padding: .75rem 1rem; font: inherit; text-align: start }
"""
_SUBMIT = "document.forms[0].submit()"


def _source_hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_HEADERS = {
    "Cache-Control": "no-store",
    # No form-action: Chromium would apply it to the redirect back to the app.
    "Content-Security-Policy": (
        f"default-src 'none'; style-src {_source_hash(_STYLE)}; script-src {_source_hash(_SUBMIT)}; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    # The URL holds a state; the origin goes along, because the app may look at it.
    "Referrer-Policy": "strict-origin",
}


def consent_page(
    params: Mapping[str, str], people: Sequence[Person], *, action: str, client: str, scope: Sequence[str]
) -> HTMLResponse:
    """Give the page on which one picks a person or says no; its form carries the request along."""
    choices = "".join(
        f'<li><button name="{PERSON}" value="{escape(person.sub)}">'
        f"<bdi>{escape(person.name or person.username)}</bdi> ({escape(person.username)})</button></li>"
        for person in people
    )
    return _page(
        "Sign in at the fake provider",
        f"<p>The client <b>{escape(client)}</b> asks for: {escape(', '.join(scope))}. Who are you?</p>"
        f'<form method="post" action="{escape(action)}">{_hidden(params)}<ul>{choices}</ul>'
        f'<button name="{DENY}" value="yes">Nobody: say no and go back</button></form>',
    )


def form_post_page(redirect_uri: str, params: Mapping[str, str]) -> HTMLResponse:
    """Give the page that posts itself to the app, or has its button pressed where there is no script.

    Source: OAuth 2.0 Form Post Response Mode section 2.
    """
    return _page(
        "Back to the app",
        f'<form method="post" action="{escape(redirect_uri)}">{_hidden(params)}<button>Go on</button></form>'
        f"<script>{_SUBMIT}</script>",
    )


def error_page(message: str) -> HTMLResponse:
    """Give the page for a request that has no way back."""
    return _page("This cannot go on", f"<p>{escape(message)}</p>", status=400)


def form_on(page: str) -> tuple[str, dict[str, str]]:
    """Give where the form on a page goes, and its hidden fields."""
    reader = _FormReader()
    reader.feed(page)
    return reader.action, reader.fields


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = known["action"]
        if tag == "input":
            self.fields[known["name"]] = known["value"]


def _page(title: str, main: str, *, status: int = 200) -> HTMLResponse:
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{title}</h1>{main}</main></body></html>"
    )
    return HTMLResponse(html, status_code=status, headers=_HEADERS)


def _hidden(params: Mapping[str, str]) -> str:
    # Names of the buttons are left out, or a request could press one.
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in params.items()
        if name not in (PERSON, DENY)
    )
