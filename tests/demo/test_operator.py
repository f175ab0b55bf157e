"""The operator's page: every link, the services, and the renewals of the last hour."""

import re
from pathlib import Path

import pytest

from asgi_social import Event
from asgi_social.testing import ManualClock
from demo_app.journal import MAX_EVENTS, Journal
from tests.demo.browsing import BASE, Browser, Page, a_browser, a_demo, linked, signed_in

_ACTIONS = ["/operator/renew", "/operator/members", "/operator/services/footfall"]


def numbers_of(page: Page) -> list[str]:
    """Give the numbers of the chart's table, each row as a text; rows of nothing are left out."""
    table = page.text.partition("The same as a table")[2].partition("</table>")[0]
    rows = [" ".join(re.findall(r"<t[hd][^>]*>([^<]+)</t[hd]>", row)) for row in table.split("<tr>")[2:]]
    assert len(rows) == 12
    return [row for row in rows if not row.endswith(" 0 0 0")]


async def the_operators(browser: Browser) -> Page:
    await signed_in(browser, "Chiara")
    return await browser.open("/operator")


async def test_a_member_is_refused_and_may_sign_in_as_somebody_else(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser, "Bruno")
        page = await browser.open("/operator")

    assert page.status == 403
    assert "sign in as Chiara Neri" in page.text
    assert 'href="/sign-in?next=/operator"' in page.text


@pytest.mark.parametrize("path", _ACTIONS)
async def test_a_member_can_do_nothing_of_the_operators(tmp_path: Path, path: str) -> None:
    async with a_demo(tmp_path) as demo, demo.calls() as http:
        await http.post("/sign-in", data={"person": "2"})
        answer = await http.post(path, data={"now": "broken"})
        links = [one for person in "1234" for one in await demo.social.associations(person)]

    assert answer.status_code == 403
    assert (links, demo.club.services["footfall"].is_broken) == ([], False)


@pytest.mark.parametrize("path", _ACTIONS)
async def test_who_is_not_signed_in_can_do_nothing_of_the_operators(tmp_path: Path, path: str) -> None:
    async with a_demo(tmp_path) as demo, demo.calls() as http:
        answer = await http.post(path, data={"now": "broken"})

    assert answer.status_code == 401


async def test_a_club_without_links_says_so(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        page = await the_operators(browser)

    assert "Nobody has linked an account yet." in page.text
    assert "No renewal in the last hour." in page.text
    assert numbers_of(page) == []


async def test_every_link_is_listed_with_its_person_and_status(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser, "Amina")
        await linked(browser, "Daymark")
        await browser.press(await linked(browser), "Take access away: Footfall")
        page = await the_operators(browser)

    row = r"Amina Diallo</th><td>{}</td><td><bdi>Amina Diallo</bdi></td>\s*<td><span class=\"badge \w+\">{}</span>"
    assert re.search(row.format("Daymark", "Active"), page.text)
    assert re.search(row.format("Footfall", r"Needs its person \(revoked\)"), page.text)
    assert "<td>Tue 24 Nov, 09:42</td><td>Token good for 1 h</td>" in page.text
    assert "<td>None that is good</td>" in page.text


async def test_the_members_link_what_is_not_linked_yet(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser, "Amina")
        await browser.press(await linked(browser), "Take access away: Footfall")
        page = await browser.press(await the_operators(browser), "Let the members link theirs")
        held = [one for person in "1234" for one in await demo.social.associations(person)]

    assert (page.status, page.url) == (200, f"{BASE}/operator")
    assert "9 accounts are linked now." in page.text
    assert len(held) == 9
    assert [one.status for one in held].count("needs_reauth") == 1  # what was taken away is for its person to give
    assert "<b>9</b> linked accounts" in page.text


async def test_the_renewals_are_counted_by_their_outcome(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        page = await browser.press(await the_operators(browser), "Let the members link theirs")
        demo.club.services["daymark"].breaks()
        demo.provider("tunewell").revoke_all("bruno")
        page = await browser.press(page, "Renew every token now")

    assert "5 renewed, 4 not." in page.text
    assert numbers_of(page) == ["09:40 5 3 1"]
    assert "5 renewed; 3 failed, to be tried again; 1 grant ended." in page.text


async def test_what_is_older_than_the_hour_is_in_the_picture_no_more(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        page = await browser.press(await the_operators(browser), "Let the members link theirs")
        await browser.press(page, "Renew every token now")
        demo.clock.advance(1800)
        both = await browser.press(page, "Renew every token now")
        demo.clock.advance(1800)
        later = await browser.open("/operator")

    assert numbers_of(both) == ["09:40 9 0 0", "10:10 9 0 0"]
    assert numbers_of(later) == ["10:10 9 0 0"]


async def test_a_service_is_put_out_of_order_and_mended(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        broken = await browser.press(await the_operators(browser), "Break Footfall")
        was_broken = demo.club.services["footfall"].is_broken
        mended = await browser.press(broken, "Mend Footfall")

    assert "Footfall is out of order" in broken.text
    assert was_broken
    assert mended.button("Break Footfall")
    assert not demo.club.services["footfall"].is_broken


async def test_a_service_that_does_not_exist_cannot_be_broken(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, demo.calls() as http:
        await http.post("/sign-in", data={"person": "4"})
        answer = await http.post("/operator/services/nosuch", data={"now": "broken"})

    assert answer.status_code == 404


async def test_the_page_holds_no_token(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        page = await browser.press(await the_operators(browser), "Let the members link theirs")

    assert "fake-access" not in page.text
    assert "fake-refresh" not in page.text


def test_the_journal_keeps_so_many_events_and_no_more() -> None:
    journal = Journal(ManualClock())

    for number in range(MAX_EVENTS + 10):
        journal.record(Event(name="renewed" if number >= 10 else "needs_reauth", backend="footfall"))

    assert [renewal.outcome for renewal in journal.renewals()] == ["renewed"] * MAX_EVENTS


async def test_members_whose_service_is_out_of_order_link_the_others(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        broken = await browser.press(await the_operators(browser), "Break Footfall")
        page = await browser.press(broken, "Let the members link theirs")

    assert (page.status, page.url) == (200, f"{BASE}/operator")
    assert "6 accounts are linked now." in page.text


async def test_members_whose_service_cannot_be_found_link_the_others(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        demo.provider().faults.metadata_issuer = "https://other.example"
        page = await browser.press(await the_operators(browser), "Let the members link theirs")

    assert "6 accounts are linked now." in page.text
