"""The guided first minute: each step is done once it has really happened, and the next one is marked."""

import re
from pathlib import Path

import pytest

from tests.demo.browsing import BASE, Page, a_browser, a_demo, linked, signed_in


def states_of(page: Page) -> str:
    """Give the state of each step, in their order, as one word."""
    found = re.findall(r'<span class="state">(\w+)</span>', page.text)
    assert len(found) in (0, 6)
    return " ".join(found)


async def test_a_new_visitor_begins_with_signing_in(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        page = await browser.open("/")

    assert page.status == 200
    assert "0 of 6 steps done" in page.text
    assert states_of(page) == "Next Later Later Later Later Later"
    assert re.search(r'aria-current="step">.*?href="/sign-in"', page.text, re.DOTALL)


async def test_each_step_is_done_once_it_has_happened(tmp_path: Path) -> None:
    seen = []
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        seen.append(states_of(await signed_in(browser)))
        consent = await browser.press(await browser.open("/associate/"), "Link Footfall")
        await browser.press(consent, "Amina")
        seen.append(states_of(await browser.open("/")))
        week = await browser.open("/week")
        seen.append(states_of(await browser.open("/")))
        await browser.press(week, "Renew Footfall")
        seen.append(states_of(await browser.open("/")))
        await browser.press(await browser.open("/phone"), "Continue as Amina")
        seen.append(states_of(await browser.open("/")))
        await browser.press(await browser.open("/associate/"), "Unlink")
        last = await browser.open("/")

    assert seen == [
        "Done Next Later Later Later Later",
        "Done Done Next Later Later Later",
        "Done Done Done Next Later Later",
        "Done Done Done Done Next Later",
        "Done Done Done Done Done Next",
    ]
    assert states_of(last) == "Done Done Done Done Done Done"
    assert "All done." in last.text


async def test_steps_may_be_done_in_another_order(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo:
        async with a_browser(demo.app) as browser:
            await signed_in(browser)
            await linked(browser)
        async with a_browser(demo.app) as other:
            await other.press(await other.open("/phone"), "Continue as Amina")
            page = await other.open("/")

    assert states_of(page) == "Next Later Later Later Done Later"


@pytest.mark.parametrize("button", ["Send a token of another app", "Continue as Bruno"])
async def test_a_token_that_opens_nothing_is_no_step(tmp_path: Path, button: str) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await browser.press(await browser.open("/phone"), button)
        page = await browser.open("/")

    assert states_of(page) == "Next Later Later Later Later Later"


async def test_a_week_without_data_and_a_renewal_that_fails_are_no_steps(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser)
        consent = await browser.press(await browser.open("/associate/"), "Link Footfall")
        await browser.press(consent, "Amina")
        demo.club.services["footfall"].breaks()
        await browser.press(await browser.open("/week"), "Renew Footfall")
        page = await browser.open("/")

    assert states_of(page) == "Done Done Next Later Later Later"


async def test_what_one_browser_has_done_is_not_done_for_another(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo:
        async with a_browser(demo.app) as browser:
            await signed_in(browser, "Amina")
            await linked(browser)
        async with a_browser(demo.app) as other:
            page = await signed_in(other, "Bruno")

    assert states_of(page) == "Done Next Later Later Later Later"


async def test_progress_outlives_a_change_of_person(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser, "Amina")
        await linked(browser)
        await browser.press(await browser.open("/"), "Sign out")
        page = await signed_in(browser, "Chiara")

    assert states_of(page) == "Done Done Done Next Later Later"


async def test_the_guide_is_put_away_and_brought_back(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        away = await browser.press(await browser.open("/"), "Hide the guide")
        still = await browser.open("/")
        back = await browser.press(still, "Show the guide again")

    assert (away.status, away.url) == (200, f"{BASE}/")
    assert states_of(still) == ""
    assert states_of(back) == "Next Later Later Later Later Later"
