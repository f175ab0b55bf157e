"""The main trip in a real browser: sign in, link, see, renew, unlink; at each width, with scripts and without."""

import re
from typing import Any

import pytest

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP, NARROW, PHONE, Visitor
from tests.browser.world import World

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize(
    "window",
    [
        pytest.param({"width": DESKTOP}, id="desktop"),
        pytest.param({"width": PHONE}, id="phone"),
        pytest.param({"width": NARROW}, id="narrow"),
        pytest.param({"width": DESKTOP, "scripts": False}, id="desktop-without-scripts"),
        pytest.param({"width": PHONE, "scripts": False}, id="phone-without-scripts"),
    ],
)
async def test_a_person_signs_in_links_sees_renews_and_unlinks(
    new_visitor: NewVisitor, world: World, window: dict[str, Any]
) -> None:
    person = await new_visitor(**window)

    await person.open("/associate/")
    assert person.path == "/sign-in"
    await person.press("Amina")
    assert "No account is linked yet" in await person.text()

    await person.press("Link Fake")
    assert person.page.url.startswith("http://127.0.0.1:")
    await person.press("Ada Lovelace (ada)")
    assert (person.path, person.status) == ("/associate/", 200)
    assert "Fake account ada is linked" in await person.text("status")
    assert "Ada Lovelace" in await person.text()

    await person.open("/")
    await person.press("Renew person-1")
    assert world.provider.count("/token") == 2

    await person.follow("Linked accounts")
    await person.press("Unlink Fake account ada")
    assert "Fake account ada is unlinked" in await person.text("status")
    assert "No account is linked yet" in await person.text()
    assert await world.linked() == []


async def test_a_message_is_told_once(amina: Visitor) -> None:
    await amina.link()

    await amina.page.reload()

    assert await amina.page.locator("[role=status]").count() == 0


async def test_who_says_no_at_the_provider_reads_that_nothing_was_linked(amina: Visitor, world: World) -> None:
    await amina.begin()

    await amina.press("Nobody: say no and go back")

    assert (amina.status, await amina.page.title()) == (403, "Nothing was linked")
    assert await world.linked() == []
    await amina.press("Link Fake again")
    await amina.press("Ada Lovelace (ada)")
    assert "Fake account ada is linked" in await amina.text("status")


async def test_a_typed_address_asks_before_it_links(amina: Visitor, world: World) -> None:
    await amina.open("/associate/fake/")
    asked = await amina.page.title()

    await amina.press("Go on to Fake")

    assert asked == "Link your Fake account?"
    await amina.press("Ada Lovelace (ada)")
    assert [one.uid for one in await world.linked()] == ["person-1"]


async def test_all_accounts_of_a_service_are_unlinked_after_a_question(amina: Visitor, world: World) -> None:
    await amina.link()
    await amina.link(account="ليلى حدّاد (layla)")
    await amina.follow("Unlink all 2 Fake accounts")

    await amina.press("Unlink")

    assert "2 Fake accounts are unlinked" in await amina.text("status")
    assert await world.linked() == []


async def test_a_link_that_ended_at_the_provider_is_made_again_from_the_page(amina: Visitor, world: World) -> None:
    await amina.link()
    world.provider.revoke_all("ada")
    await amina.open("/")
    await amina.press("Renew person-1")
    assert amina.status == 403
    await amina.follow("Go on to your linked accounts")
    assert "Needs to be linked again" in await amina.text()

    await amina.press(re.compile("^Link .*again"))
    await amina.press("Ada Lovelace (ada)")

    assert "Needs to be linked again" not in await amina.text()
    assert [one.status for one in await world.linked()] == ["active"]
