"""A person in front of Chromium: they read, press and type; and whatever a page does wrong meanwhile is written down.

Wrong is: an error in the console (what a Content-Security-Policy stops is one), an exception, a request that fails, and
any request to another machine, which the browser cannot reach here anyway.
"""

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, Response, WebError
from playwright.async_api import async_playwright as playwright

DESKTOP, PHONE, NARROW = 1200, 360, 320
_HERE = frozenset({"localhost", "127.0.0.1"})
_PATIENCE_MS = 10_000
_ARGUMENTS = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Give the system's Chromium, which finds no machine but this one."""
    async with playwright() as driver:
        browser = await driver.chromium.launch(executable_path=shutil.which("chromium"), args=_ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


class Visitor:
    """A person with a browser of their own: a window at the app, and a jar of cookies.

    Attributes:
        context: The browser.
        page: The tab in front.
        status: The HTTP status of the document in it.
        faults: What went wrong on the pages so far.
        documents: The addresses of all documents that were asked for, in order.
    """

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.context = context
        self.page = page
        self.status = 0
        self.faults: list[str] = []
        self.documents: list[str] = []
        context.on("request", self._asked)
        context.on("requestfailed", self._failed)
        context.on("response", self._answered)
        context.on("console", self._said)
        context.on("weberror", self._raised)

    async def open(self, path: str) -> None:
        """Type an address."""
        await self.page.goto(path)

    async def press(self, button: str | re.Pattern[str]) -> None:
        """Press the one button of this name, and see the page that comes of it."""
        await self._leads_on(self.page.get_by_role("button", name=button, exact=True))

    async def follow(self, link: str) -> None:
        """Follow the one link of this name."""
        await self._leads_on(self.page.get_by_role("link", name=link, exact=True))

    async def sign_in(self, user: str = "1") -> None:
        """Sign in to the app, past its page."""
        answer = await self.context.request.post("/sign-in", form={"user": user}, max_redirects=0)
        assert answer.status == 303

    async def begin(self, backend: str = "Fake") -> None:
        """Go from the page of linked accounts to the provider's page that asks."""
        await self.open("/associate/")
        await self.press(f"Link {backend}")

    async def link(self, backend: str = "Fake", account: str = "Ada Lovelace (ada)") -> None:
        """Link an account from the first click to the end."""
        await self.begin(backend)
        await self.press(account)

    @property
    def path(self) -> str:
        """The path in the address bar."""
        return urlsplit(self.page.url).path

    async def text(self, role: str = "main") -> str:
        """Give the text of the one part of the page that has a role."""
        return await self.page.locator(role if role == "main" else f"[role={role}]").inner_text()

    async def new_tab(self) -> Page:
        """Bring a new tab to the front, and give it."""
        self.page = await self.context.new_page()
        return self.page

    async def forget(self, prefix: str) -> None:
        """Lose the cookies whose names begin so; there is at least one."""
        lost = [cookie["name"] for cookie in await self.context.cookies() if cookie["name"].startswith(prefix)]
        assert lost
        for name in lost:
            await self.context.clear_cookies(name=name)

    async def _leads_on(self, locator: Locator) -> None:
        async with self.page.expect_navigation():
            await locator.click()

    def _asked(self, request: Request) -> None:
        if request.is_navigation_request():
            self.documents.append(request.url)
        host = urlsplit(request.url).hostname
        if host not in _HERE:
            self.faults.append(f"a request to {host or request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure == "net::ERR_ABORTED":  # the person went on before it had come
            return
        self.faults.append(f"{request.url.partition('?')[0]}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.request.is_navigation_request():
            self.status = response.status

    def _said(self, message: ConsoleMessage) -> None:
        # Chromium notes each document with an error status, which is meant here, and the icon that no page asks for.
        is_noted = message.text.startswith("Failed to load resource: the server responded with a status of")
        url = message.location["url"]
        is_meant = url in self.documents or urlsplit(url).path == "/favicon.ico"
        if message.type == "error" and not (is_noted and is_meant):
            self.faults.append(f"console: {message.text} ({url.partition('?')[0]})")

    def _raised(self, error: WebError) -> None:
        self.faults.append(f"exception: {error.error}")


@asynccontextmanager
async def visitor(
    browser: Browser, base: str, *, width: int = DESKTOP, scripts: bool = True, zoom: int = 1
) -> AsyncIterator[Visitor]:
    """Give a person with a fresh browser.

    Args:
        browser: The process.
        base: The app's address.
        width: Of the window, in CSS pixels.
        scripts: Whether pages may run any.
        zoom: How many pixels of the screen one CSS pixel is wide.
    """
    context = await browser.new_context(
        base_url=base,
        viewport={"width": width, "height": 800},
        java_script_enabled=scripts,
        device_scale_factor=zoom,
        has_touch=width <= PHONE,
        locale="en-GB",
    )
    context.set_default_timeout(_PATIENCE_MS)
    try:
        yield Visitor(context, await context.new_page())
    finally:
        await context.close()
