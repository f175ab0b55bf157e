"""Reading a visitor's request: its parameters, and whether it may change anything.

What changes something must come from a page of this site, which the browser itself vouches for; else we ask first.
"""

from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request

from asgi_social.errors import Refused
from asgi_social.secret import Keys, same

MAX_FORM_BYTES = 64 * 1024
MAX_FIELDS = 100
FORM_TOKEN_SECONDS = 600.0
FORM_TOKEN = "form_token"
_FORM_TYPE = "application/x-www-form-urlencoded"


async def fields_of(request: Request) -> dict[str, str]:
    """Give the parameters of a request: the query, and the form of a POST over it.

    One that is not UTF-8 counts as left out: ``next`` then has its default, and a state or a code is missing.

    Raises:
        Refused: A parameter comes twice (layers read such differently), there are too many, or the form is longer than
            64 KiB.
    """
    query = _unrepeated(request.scope.get("query_string", b""))
    if request.method != "POST":
        return query
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise Refused("the form is longer than 64 KiB", hint="send only the fields of the page")
    if body and kind != _FORM_TYPE:
        raise Refused("the body is not a form", hint=f"send it as {_FORM_TYPE}")
    return query | _unrepeated(bytes(body))


def _unrepeated(encoded: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            encoded.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="surrogateescape"
        )
    except ValueError:
        raise Refused("the parameters cannot be read", hint="start again from the page") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Refused("a parameter comes twice", hint="start again from the page")
    return {name: text for name, text in fields.items() if not any("\ud800" <= one <= "\udfff" for one in name + text)}


def navigates_within_site(headers: Headers) -> bool:
    """Say whether the browser marks a GET as a navigation that a page of this very origin began (Fetch Metadata)."""
    return headers.getlist("sec-fetch-site") == ["same-origin"] and headers.getlist("sec-fetch-mode") == ["navigate"]


def posts_within_site(headers: Headers, *, base: str, form_token: bool) -> bool:
    """Say whether a POST comes from a page of this site.

    ``Sec-Fetch-Site`` alone counts where the browser sends it; without it, ``Origin`` or the token of our own page.

    Args:
        headers: The request's.
        base: The public address of the app.
        form_token: Whether the form holds the right token of our page.
    """
    site = headers.getlist("sec-fetch-site")
    if site:
        return site == ["same-origin"]
    return headers.getlist("origin") == [origin_of(base)] or form_token


def origin_of(base: str) -> str:
    """Give the origin of an address as browsers write it (RFC 6454 section 6.1): no path, no default port."""
    parts = urlsplit(base)
    default = {"https": 443, "http": 80}.get(parts.scheme)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in {None, default} else "")


def form_token(keys: Keys, *, user_id: str, action: str, now: float) -> str:
    """Make the token of our page's form: for one user and one action, ten minutes."""
    return keys.sign([user_id, action, now + FORM_TOKEN_SECONDS], purpose="form")


def is_form_token(keys: Keys, text: str | None, *, user_id: str, action: str, now: float) -> bool:
    """Say whether a text is the token of our page's form for this user and action, and not too old."""
    payload = keys.verified(text, purpose="form") if text else None
    if payload is None or len(payload) != 3:
        return False
    owner, what, ends_at = payload
    return (
        isinstance(owner, str)
        and same(owner, user_id)
        and what == action
        and isinstance(ends_at, float)
        and now <= ends_at
    )
