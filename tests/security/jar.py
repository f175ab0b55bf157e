"""A browser as far as the doors can see it: its cookies by their rules, its Fetch Metadata, its Origin.

httpx's own jar sends every cookie everywhere, so that a flow which needs one on a cross-site POST would seem to work.

Source: RFC 6265bis sections 5.6 and 5.7 (what is kept), 5.8.3 (what is sent); Fetch Metadata Request Headers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urljoin, urlsplit

import httpx
from starlette.types import ASGIApp

from asgi_social.clock import Clock
from tests.app import BASE

MAX_COOKIE_BYTES = 4096
PAGE = "text/html,application/xhtml+xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """A cookie as a browser keeps it; every one here is for one host and the path ``/``.

    Attributes:
        name: Whole, with its prefix.
        value: As it was set.
        secure: Whether it goes over https only.
        http_only: Whether scripts cannot read it.
        same_site: ``lax`` where nothing was said.
        ends_at: Epoch seconds, or None for the end of the session.
    """

    name: str
    value: str
    secure: bool
    http_only: bool
    same_site: str
    ends_at: float | None


class Browser:
    """One browser at one app; each call is a navigation of its only window.

    Attributes:
        cookies: What it holds, by name.
        set: The ``Set-Cookie`` lines that came, oldest first.
    """

    def __init__(self, app: ASGIApp, *, clock: Clock, base: str = BASE) -> None:
        self._transport = httpx.ASGITransport(app=app)
        self._clock = clock
        self._base = base
        self.cookies: dict[str, Cookie] = {}
        self.set: list[str] = []

    def sign_in(self, user: str) -> None:
        """Hold the session cookie of the tests' app: Lax, as frameworks set it."""
        self.cookies["session"] = Cookie(
            name="session", value=user, secure=False, http_only=True, same_site="lax", ends_at=None
        )

    async def get(self, url: str, *, by: str | None = BASE) -> httpx.Response:
        """Go to a URL.

        Args:
            url: Of the app; it may begin with a slash.
            by: The origin of the page whose link it is; None where the person typed it.
        """
        return await self._navigate("GET", url, by=by, content=b"")

    async def post(self, url: str, form: Mapping[str, str], *, by: str = BASE) -> httpx.Response:
        """Send a form of a page of the origin ``by``."""
        return await self._navigate("POST", url, by=by, content=urlencode(form).encode())

    async def followed(self, response: httpx.Response, *, by: str = BASE) -> httpx.Response:
        """Go where a 303 leads; the chain is still that of the page that began it."""
        assert response.status_code == 303, response.text
        return await self.get(urljoin(str(response.request.url), response.headers["location"]), by=by)

    def flow_cookies(self) -> list[Cookie]:
        """Give the cookies of open flows that are still alive."""
        return [one for one in self._alive() if "social_flow_" in one.name]

    async def _navigate(self, method: str, url: str, *, by: str | None, content: bytes) -> httpx.Response:
        target = urljoin(self._base, url)
        near = _nearness(by, target)
        headers = {"accept": PAGE, "sec-fetch-site": near, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
        if method == "POST":
            headers |= {"origin": by or "null", "content-type": "application/x-www-form-urlencoded"}
        sent = [one for one in self._alive() if self._goes_along(one, near=near, method=method, target=target)]
        if sent:
            headers["cookie"] = "; ".join(f"{one.name}={one.value}" for one in sent)
        request = httpx.Request(method, target, headers=headers, content=content)
        response = await self._transport.handle_async_request(request)
        await response.aread()
        response.request = request
        for line in response.headers.get_list("set-cookie"):
            self.set.append(line)
            self._keep(line, target)
        return response

    def _alive(self) -> list[Cookie]:
        now = self._clock.now()
        return [one for one in self.cookies.values() if one.ends_at is None or now <= one.ends_at]

    def _goes_along(self, cookie: Cookie, *, near: str, method: str, target: str) -> bool:
        if cookie.secure and not target.startswith("https://"):
            return False
        # "none": the person's own doing counts as same-site. Lax: else only with a top-level navigation that is safe.
        return near != "cross-site" or cookie.same_site == "none" or (cookie.same_site == "lax" and method == "GET")

    def _keep(self, line: str, target: str) -> None:
        pair, *rest = [part.strip() for part in line.split(";")]
        name, _, value = pair.partition("=")
        attributes = {key.lower(): text for key, _, text in (part.partition("=") for part in rest)}
        secure, host_only = "secure" in attributes, "domain" not in attributes
        if secure and not target.startswith("https://"):
            return
        if name.startswith("__Host-") and not (secure and host_only and attributes.get("path") == "/"):
            return
        if len(name) + len(value) > MAX_COOKIE_BYTES:
            return
        same_site = attributes.get("samesite", "lax").lower()
        if same_site == "none" and not secure:
            return
        assert attributes.get("path") == "/", "this jar knows no other path"
        if int(attributes.get("max-age", "1")) <= 0:
            self.cookies.pop(name, None)
            return
        age = attributes.get("max-age")
        self.cookies[name] = Cookie(
            name=name,
            value=value.strip('"'),
            secure=secure,
            http_only="httponly" in attributes,
            same_site=same_site,
            ends_at=None if age is None else self._clock.now() + int(age),
        )


def _nearness(by: str | None, target: str) -> str:
    """Give what a browser writes into ``Sec-Fetch-Site``."""
    if by is None:
        return "none"
    if _origin(by) == _origin(target):
        return "same-origin"
    return "same-site" if _site(by) == _site(target) else "cross-site"


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _site(url: str) -> tuple[str, str]:
    """Give scheme and registrable domain; the tests' hosts have public suffixes of one label."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme, host if host.replace(".", "").isdigit() else ".".join(host.split(".")[-2:])
