"""Pages: plain HTML with one style sheet of our own, no script, no third party; an app may bring its own templates."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, Response

from asgi_social.errors import SettingsError
from asgi_social.pages.marks import mark
from asgi_social.settings import Checked

if TYPE_CHECKING:
    from jinja2 import BaseLoader, Environment

STYLE = "social.css"
COLORS = "colors.css"
# What a page shows first; what these include or extend is read with them.
_TEMPLATES = ("accounts.html", "ask.html", "error.html")
# With no-referrer a browser sends "Origin: null" with our own form, so pages with one say same-origin.
_WITH_FORM, _WITHOUT_FORM = "same-origin", "no-referrer"
# No form-action: Chromium applies it to the redirect to the provider that answers our form.
_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"


def secured(response: Response, *, form: bool = False) -> Response:
    """Add the headers that every answer of ours carries; see ``_POLICY`` for what a page may load."""
    response.headers.setdefault("cache-control", "no-store")
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


def page(
    connection: HTTPConnection, template: str, *, status: int = 200, form: bool = False, **values: Any
) -> Response:
    """Render a page, with the app's own template where it has one.

    Args:
        connection: The request; it tells where the app is mounted, and whose templates are used.
        template: Its file's name in ``templates/``.
        status: The HTTP status.
        form: Whether the page has a form.
        values: What the template shows; every value is escaped.
    """
    base = base_path(connection)
    text = (
        _environment(_folder(connection))
        .get_template(template)
        .render(base=base, style=f"{base}{STYLE}", home=home_path(connection), **values)
    )
    return secured(HTMLResponse(text, status_code=status), form=form)


@cache
def load(folder: str | None) -> None:
    """Read the files that pages are made of, once, so that no request waits for one.

    Args:
        folder: The app's own templates, or None.

    Raises:
        SettingsError: One of them cannot be read.
    """
    # Here and not above: as below.
    from jinja2 import TemplateError, meta

    environment = _environment(folder)
    loader = cast("BaseLoader", environment.loader)
    waiting, read = list(_TEMPLATES), set[str]()
    try:
        while waiting:
            name = waiting.pop()
            environment.get_template(name)
            read.add(name)
            source, _, _ = loader.get_source(environment, name)
            found = set(meta.find_referenced_templates(environment.parse(source)))
            waiting += [one for one in found if one is not None and one not in read]
        name = COLORS
        _style(folder)
    except (TemplateError, OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{name} in {folder} cannot be read: {error}",
            hint="mend the file, or remove it: then ours is used",
            setting="templates",
            allowed="a folder of Jinja templates",
        ) from error


def style_sheet(connection: HTTPConnection) -> Response:
    """Give the style sheet: ours, with the app's colours behind it."""
    return secured(Response(_style(_folder(connection)), media_type="text/css"))


def wants_page(connection: HTTPConnection) -> bool:
    """Say whether an answer should be a page: a browser names ``text/html`` when it navigates, a program does not."""
    return "text/html" in connection.headers.get("accept", "")


def base_path(connection: HTTPConnection) -> str:
    """Give the path of our ``/associate/`` as the browser must ask for it."""
    social = connection.scope.get("state", {}).get("social")
    prefix = "" if social is None else social.social.settings.prefix
    return f"{home_path(connection)}{prefix.removeprefix('/')}{'/' if prefix else ''}associate/"


def home_path(connection: HTTPConnection) -> str:
    """Give the path of the app's first page, with the last slash."""
    social = connection.scope.get("state", {}).get("social")
    if social is None:
        return f"{connection.scope.get('root_path', '').rstrip('/')}/"
    return f"{social.social.settings.public_path(connection.scope)}/"


def sign_in_url(settings: Checked, *, back_to: str) -> str | None:
    """Give the app's sign-in page, which is told where to go on; None where the app names none.

    Args:
        settings: The app's.
        back_to: Path and query.
    """
    url = settings.sign_in_url
    return None if url is None else f"{url}{'&' if '?' in url else '?'}next={quote(back_to, safe='/')}"


def _folder(connection: HTTPConnection) -> str | None:
    social = connection.scope.get("state", {}).get("social")
    return None if social is None else social.social.settings.templates


@cache
def _environment(folder: str | None) -> "Environment":
    # Here and not above: an engine without an app shows no page, and needs no template engine.
    from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, PrefixLoader, StrictUndefined

    ours = PackageLoader("asgi_social.pages")
    own = [FileSystemLoader(folder)] if folder else []
    environment = Environment(
        # By the prefix an app's own template extends the one that it replaces.
        loader=ChoiceLoader([*own, ours, PrefixLoader({"asgi_social": ours})]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # or each page would ask the file system whether its template has changed
    )
    environment.globals["mark"] = mark
    return environment


@cache
def _style(folder: str | None) -> str:
    ours = files("asgi_social.pages").joinpath(f"templates/{STYLE}").read_text(encoding="utf-8")
    colors = Path(folder, COLORS) if folder else None
    return ours + (colors.read_text(encoding="utf-8") if colors and colors.is_file() else "")
