"""Take the pictures of the demo that the documents show, sharp enough for a fine screen."""

import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Literal

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from asgi_social import Social
from asgi_social.clock import SystemClock
from demo_app import club
from demo_app.app import app_of, settings_of

FOLDER = Path(__file__).parent.parent / "docs" / "images"
MAX_BYTES = 250_000
_SERVICES = ("Footfall", "Daymark", "Tunewell")
_ARGUMENTS = ["--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture.

    Attributes:
        name: Of the file, without ``.png``.
        path: The page.
        width: Of the window, in CSS pixels.
        height: Of the window; what is below is cut off.
        scheme: Light or dark.
        scale: Pixels of the file for one CSS pixel.
        ended: The service where the member's access has ended, if any.
    """

    name: str
    path: str
    width: int
    height: int
    scheme: Literal["light", "dark"] = "light"
    scale: float = 2
    ended: str | None = None


PICTURES = (
    Picture(name="week", path="/week", width=1100, height=810, scale=1.5),
    Picture(name="linked-accounts", path="/associate/", width=1100, height=810, scale=1.5, ended="Daymark"),
    Picture(name="week-phone-dark", path="/week", width=360, height=740, scheme="dark"),
    Picture(
        name="linked-accounts-phone-dark", path="/associate/", width=360, height=740, scheme="dark", ended="Footfall"
    ),
)


def main() -> int:
    """Take all of them; 1 where one is too large for a document."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=_ARGUMENTS)
        sizes = {picture.name: _taken(browser, picture) for picture in PICTURES}
        browser.close()
    for name, size in sizes.items():
        print(f"docs/images/{name}.png  {size / 1000:.0f} kB{'  too large' if size > MAX_BYTES else ''}")
    return int(max(sizes.values()) > MAX_BYTES)


def _taken(browser: Browser, picture: Picture) -> int:
    """Take one, of a demo of its own with a member whose accounts are linked, and give its size."""
    file = FOLDER / f"{picture.name}.png"
    with _the_demo() as base:
        page = browser.new_page(
            base_url=base,
            viewport={"width": picture.width, "height": picture.height},
            device_scale_factor=picture.scale,
            color_scheme=picture.scheme,
            locale="en-GB",
        )
        page.goto("/sign-in")
        _press(page, re.compile("^Amina Diallo"))
        for service in _SERVICES:
            _link(page, service)
        if picture.ended is not None:
            _take_away(page, picture.ended)
        page.goto(picture.path)
        page.screenshot(path=file)
        page.close()
    return file.stat().st_size


def _link(page: Page, service: str) -> None:
    page.goto("/week")
    _press(page, f"Link {service}")
    _press(page, re.compile("^Amina Diallo"))


def _take_away(page: Page, service: str) -> None:
    page.goto("/week")
    page.locator("details").filter(has_text="What if").nth(_SERVICES.index(service)).locator("summary").click()
    _press(page, f"Take access away: {service}, Amina Diallo")


def _press(page: Page, name: str | re.Pattern[str]) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=name).first.click()


@contextmanager
def _the_demo() -> Iterator[str]:
    """Serve the demo in a thread, on a port that is free, and give its address."""
    with socket.create_server(("127.0.0.1", 0)) as bound, tempfile.TemporaryDirectory() as folder:
        base = f"http://localhost:{bound.getsockname()[1]}"
        runners = club.opened(base, clock=SystemClock())
        app = app_of(runners, Social(**settings_of(runners, folder=folder, environment={})))
        server = uvicorn.Server(uvicorn.Config(app, lifespan="on", ws="none", log_level="warning"))
        thread = Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield base
        finally:
            server.should_exit = True
            thread.join()


if __name__ == "__main__":
    sys.exit(main())
