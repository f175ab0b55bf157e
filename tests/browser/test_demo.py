"""The demo in a real browser: each of its steps at a wide and a narrow window, and every page against WCAG 2.2 AA."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser

from asgi_social import Social
from asgi_social.testing import ManualClock
from demo_app import club
from demo_app.app import app_of, settings_of
from tests.browser.axe import broken_rules
from tests.browser.visitor import DESKTOP, PHONE, Visitor, visitor
from tests.served import listener, serving, url_of

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]

AMINA = re.compile("^Amina Diallo")


@asynccontextmanager
async def a_runner(browser: Browser, folder: Path, *, width: int = DESKTOP) -> AsyncIterator[Visitor]:
    """Serve the demo, and give a person at it; nothing may have gone wrong on a page."""
    clock = ManualClock()
    with listener() as bound:
        runners = club.opened(url_of(bound), clock=clock)
        settings = settings_of(runners, folder=str(folder), environment={})
        app = app_of(runners, Social(**(settings | {"clock": clock})))
        async with serving(app, bound), visitor(browser, url_of(bound), width=width) as person:
            yield person
            assert person.faults == []


async def press(person: Visitor, name: str | re.Pattern[str]) -> None:
    async with person.page.expect_navigation():
        await person.page.get_by_role("button", name=name).first.click()


async def sign_in(person: Visitor, name: str = "Amina Diallo") -> None:
    await person.open("/sign-in")
    await press(person, re.compile(f"^{name}"))


async def link(person: Visitor, service: str = "Footfall") -> None:
    await person.open("/week")
    await press(person, f"Link {service}")
    await press(person, AMINA)


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
async def test_a_member_links_sees_their_week_renews_and_unlinks(browser: Browser, tmp_path: Path, width: int) -> None:
    async with a_runner(browser, tmp_path, width=width) as person:
        await sign_in(person)
        await link(person)
        assert (person.path, person.status) == ("/week", 200)
        assert "Footfall" in await person.text()

        await press(person, "Renew Footfall, Amina Diallo")
        assert "renewed" in (await person.text("status")).lower()

        await person.open("/associate/")
        await press(person, re.compile("^Unlink Footfall account"))
        assert "is unlinked" in await person.text("status")


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
async def test_access_that_was_taken_away_is_given_again(browser: Browser, tmp_path: Path, width: int) -> None:
    async with a_runner(browser, tmp_path, width=width) as person:
        await sign_in(person)
        await link(person)
        await person.page.get_by_text("What if access ends there?").first.click()
        await press(person, "Take access away: Footfall, Amina Diallo")
        assert "Link ended" in await person.text()

        await press(person, "Link again: Footfall, Amina Diallo")
        await press(person, AMINA)

        assert "Link ended" not in await person.text()


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
async def test_a_phone_is_welcomed_and_a_token_of_another_app_refused(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    async with a_runner(browser, tmp_path, width=width) as person:
        await sign_in(person)
        await link(person)
        await person.open("/phone")
        await press(person, "Continue as Amina Diallo")
        await person.page.get_by_role("heading", name="Welcome, Amina").wait_for()
        await press(person, "Start again")

        await press(person, "Send a token of another app")

        await person.page.get_by_role("heading", name="Token refused").wait_for()


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
async def test_the_operator_links_the_members_and_renews_their_tokens(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    async with a_runner(browser, tmp_path, width=width) as person:
        await sign_in(person, "Chiara Neri")
        await person.open("/operator")
        await press(person, "Let the members link theirs")

        await press(person, "Renew every token now")

        assert (person.path, person.status) == ("/operator", 200)


async def test_no_automated_rule_is_broken_on_a_page_of_the_demo(browser: Browser, tmp_path: Path) -> None:
    async with a_runner(browser, tmp_path) as person:
        await person.open("/")
        broken = await broken_rules(person)
        await person.open("/sign-in")
        broken += await broken_rules(person)
        await sign_in(person)
        for path in ("/", "/week", "/phone", "/operator"):
            await person.open(path)
            broken += await broken_rules(person)
        await link(person)
        for path in ("/week", "/associate/", "/associate/daymark/", "/complete/footfall/"):
            await person.open(path)
            broken += await broken_rules(person)
        await sign_in(person, "Chiara Neri")
        await person.open("/operator")
        await press(person, "Let the members link theirs")
        broken += await broken_rules(person)

    assert broken == []


@pytest.mark.parametrize("path", ["/", "/sign-in", "/week", "/associate/", "/phone", "/operator"])
async def test_a_page_of_the_demo_fits_into_320_pixels(browser: Browser, tmp_path: Path, path: str) -> None:
    async with a_runner(browser, tmp_path, width=320) as person:
        await sign_in(person, "Chiara Neri")
        await person.open("/operator")
        await press(person, "Let the members link theirs")

        await person.open(path)

        room = await person.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert room[0] <= room[1]
