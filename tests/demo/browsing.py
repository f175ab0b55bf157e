"""A browser without a screen for the demo, which goes page by page, by the forms and links that stand on them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
from starlette.applications import Starlette
from starlette.routing import Router
from starlette.types import ASGIApp

from asgi_social import Social
from asgi_social.testing import FakeProvider, ManualClock
from asgi_social.testing.fake_transport import InProcessTransport
from demo_app import club
from demo_app.app import app_of, settings_of
from demo_app.club import Club
from demo_app.services import routes_of

BASE = "http://localhost:8000"
TUESDAY = 1_795_513_320.0
"""24 November 2026, 09:42 UTC."""


@dataclass(slots=True)
class Button:
    """A button on a page, with the form that it sends."""

    action: str
    method: str
    fields: dict[str, str]
    text: str = ""


@dataclass(slots=True)
class Page:
    """An answer, and where the browser is with it."""

    url: str
    status: int
    text: str
    buttons: list[Button] = field(default_factory=list)

    def button(self, text: str) -> Button:
        """Give the first button in whose label, or text, these words stand."""
        found = [button for button in self.buttons if text in " ".join(button.text.split())]
        assert found, f"{self.url} ({self.status}) has {[button.text for button in self.buttons]}, and no {text!r}"
        return found[0]


class _PageReader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.buttons: list[Button] = []
        self._url = url
        self._form: tuple[str, str, dict[str, str]] = (url, "get", {})
        self._in_button = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        action, method, fields = self._form
        if tag == "form":
            self._form = (urljoin(self._url, known.get("action", "")), known.get("method", "get"), {})
        elif tag == "input":
            fields[known["name"]] = known["value"]
        elif tag == "button":
            own = {known["name"]: known["value"]} if "name" in known else {}
            label = known.get("aria-label", "")
            self.buttons.append(Button(action, method, fields | own, label))
            self._in_button = not label

    def handle_data(self, data: str) -> None:
        if self._in_button:
            self.buttons[-1].text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "button":
            self._in_button = False


class Browser:
    """A browser without a screen: it keeps cookies, follows redirects and says where a click comes from."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._base = str(http.base_url).rstrip("/")

    async def open(self, path: str) -> Page:
        """Type an address."""
        return await self._at("GET", urljoin(self._base, path), {}, {"sec-fetch-site": "none"})

    async def press(self, page: Page, text: str) -> Page:
        """Press a button, and go where its form leads."""
        button = page.button(text)
        from_page = {"sec-fetch-site": "same-origin", "origin": self._base}
        return await self._at(button.method.upper(), button.action, button.fields, from_page)

    async def _at(self, method: str, url: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> Page:
        further = {"accept": "text/html", "sec-fetch-mode": "navigate", **headers}
        answer = await self._http.request(method, url, data=dict(fields) or None, headers=further)
        reader = _PageReader(str(answer.url))
        reader.feed(answer.text)
        return Page(str(answer.url), answer.status_code, answer.text, reader.buttons)


@asynccontextmanager
async def a_browser(app: ASGIApp) -> AsyncIterator[Browser]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, follow_redirects=True) as http:
        yield Browser(http)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """The demo in this process, and its time."""

    app: Starlette
    club: Club
    social: Social
    clock: ManualClock

    def provider(self, name: str = "footfall") -> FakeProvider:
        """Give the provider of a made-up service."""
        return self.club.services[name].provider

    def calls(self) -> httpx.AsyncClient:
        """Give a client at the app that is no browser, and says nothing of where it comes from."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=BASE)


@asynccontextmanager
async def a_demo(
    folder: Path, environment: Mapping[str, str] | None = None, *, footfall_tells: Any = None
) -> AsyncIterator[Demo]:
    """Open the demo; what its engine asks of a made-up service stays in this process.

    Args:
        folder: Where the linked accounts lie.
        environment: What names real services.
        footfall_tells: What Footfall answers with, whoever asks, in place of runs.
    """
    clock = ManualClock(start=TUESDAY)
    runners = club.opened(BASE, clock=clock)
    if footfall_tells is not None:
        footfall = replace(runners.services["footfall"], tell=lambda account, now: footfall_tells)
        runners = replace(runners, services={**runners.services, "footfall": footfall})
    settings = settings_of(runners, folder=str(folder), environment=environment or {})
    services = Router(routes=routes_of(runners.services))
    http = httpx.AsyncClient(transport=InProcessTransport(services))
    async with http, Social(**(settings | {"http_client": http, "clock": clock})) as social:
        yield Demo(app=app_of(runners, social), club=runners, social=social, clock=clock)


async def signed_in(browser: Browser, name: str = "Amina") -> Page:
    """Sign in by the app's own page."""
    return await browser.press(await browser.open("/sign-in"), name)


async def linked(browser: Browser, service: str = "Footfall", account: str = "Amina") -> Page:
    """Link an account, by the library's page and the one of the service; the browser ends on your week."""
    consent = await browser.press(await browser.open("/associate/"), f"Link {service}")
    await browser.press(consent, account)
    return await browser.open("/week")
