"""The club's own sign-in, and what a linked account is to the person who linked it."""

from pathlib import Path

import pytest

from tests.demo.browsing import BASE, a_browser, a_demo, linked, signed_in


@pytest.mark.parametrize("path", ["/week", "/operator", "/associate/"])
async def test_who_is_not_signed_in_is_asked_who_it_is_and_comes_back(tmp_path: Path, path: str) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        asked = await browser.open(path)
        after = await browser.press(asked, "Chiara Neri")

    assert (asked.status, asked.url) == (200, f"{BASE}/sign-in?next={path}")
    assert (after.status, after.url) == (200, f"{BASE}{path}")


async def test_the_one_who_signed_in_is_greeted_once(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        page = await signed_in(browser, "Layla")
        again = await browser.open("/")

    assert "Hello, Layla Haddad. You are signed in." in page.text
    assert "You are signed in." not in again.text
    assert "Layla Haddad" in again.text


@pytest.mark.parametrize(
    "elsewhere", ["https://other.example/", "//other.example/", "/\\other.example/", "week", "", "/a\nb"]
)
async def test_a_sign_in_leads_to_no_page_of_another_site(tmp_path: Path, elsewhere: str) -> None:
    async with a_demo(tmp_path) as demo, demo.calls() as http:
        answer = await http.post("/sign-in", data={"person": "1", "next": elsewhere})

    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_a_member_who_does_not_exist_is_refused(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, demo.calls() as http:
        answer = await http.post("/sign-in", data={"person": "nobody"})

    assert answer.status_code == 400
    assert "The club has no such member." in answer.text


async def test_signing_out_keeps_the_linked_account(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser)
        out = await browser.press(await linked(browser), "Sign out")
        asked = await browser.open("/week")
        await signed_in(browser)
        again = await browser.open("/week")

    assert "Your linked accounts stay linked." in out.text
    assert asked.url == f"{BASE}/sign-in?next=/week"
    assert again.button("Renew Footfall, Amina Diallo")


async def test_a_linked_account_is_one_persons_alone(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser, "Amina")
        await linked(browser)
        await signed_in(browser, "Bruno")
        others = await browser.open("/week")
        consent = await browser.press(others, "Link Footfall")
        taken = await browser.press(consent, "Amina")

    assert "Amina Diallo" not in others.text
    assert taken.status == 409
    assert "Harbour Runners" in taken.text  # in the club's frame


async def test_the_person_may_say_no_at_the_service(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser)
        consent = await browser.press(await browser.open("/week"), "Link Footfall")
        refused = await browser.press(consent, "Nobody")
        week = await browser.open("/week")

    assert refused.status == 403
    assert week.button("Link Footfall")


async def test_the_librarys_page_of_linked_accounts_stands_in_the_clubs_frame(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser)
        await linked(browser)
        page = await browser.open("/associate/")
        after = await browser.press(page, "Unlink")

    assert "· Harbour Runners</title>" in page.text
    assert '<a href="/associate/" aria-current="page">Linked accounts</a>' in page.text
    assert page.button("Link Footfall").method == "post"
    assert page.button("Sign out").action == f"{BASE}/sign-out"
    assert "No account is linked yet" in after.text
