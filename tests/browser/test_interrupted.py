"""Trips that do not go as planned: each ends on a page with a way on, nothing is linked twice or to somebody else."""

import asyncio

import pytest

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import Visitor
from tests.browser.world import World

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]

ADA, LAYLA = "Ada Lovelace (ada)", "ليلى حدّاد (layla)"
WAY_ON = "Go on to your linked accounts"


async def uids(world: World, user: str = "1") -> list[str]:
    return sorted(one.uid for one in await world.linked(user))


async def goes_on(person: Visitor) -> None:
    """Take the way on, and link an account from there."""
    await person.follow(WAY_ON)
    if person.path == "/sign-in":
        await person.press("Amina")
    assert (person.path, person.status) == ("/associate/", 200)
    await person.link()
    assert "Fake account ada is linked" in await person.text("status")


async def test_back_after_the_end_and_a_second_yes_link_once(amina: Visitor, world: World) -> None:
    await amina.link()
    await amina.page.go_back()
    assert amina.page.url.startswith(world.provider.issuer)

    await amina.press(ADA)

    assert amina.status == 400
    assert await amina.text("alert")
    assert await uids(world) == ["person-1"]
    await goes_on(amina)
    assert await uids(world) == ["person-1"]


async def test_back_to_the_page_of_linked_accounts_shows_what_is_linked_now(amina: Visitor) -> None:
    await amina.link()
    await amina.page.go_back()

    await amina.page.go_back()

    assert amina.path == "/associate/"
    assert "Ada Lovelace" in await amina.text()


async def test_the_address_of_an_answer_that_is_opened_again_changes_nothing(amina: Visitor, world: World) -> None:
    await amina.link()
    [answer] = [url for url in amina.documents if "/complete/" in url]

    await amina.open(answer)

    assert amina.status == 400
    assert await amina.text("alert")
    assert await uids(world) == ["person-1"]
    await goes_on(amina)


async def test_an_answer_that_is_reloaded_stays_a_page_with_a_way_on(amina: Visitor, world: World) -> None:
    await amina.begin()
    await amina.press("Nobody: say no and go back")

    await amina.page.reload()

    assert amina.path == "/complete/fake/"
    assert amina.status == 400
    assert await uids(world) == []
    await goes_on(amina)


async def test_an_answer_that_arrives_twice_at_once_links_once(amina: Visitor, world: World) -> None:
    await amina.begin()
    answer = await world.provider.consent(amina.page.url)
    first, second = amina.page, await amina.new_tab()

    pages = await asyncio.gather(first.goto(answer), second.goto(answer))

    assert {page.status for page in pages if page} <= {200, 400}
    assert await uids(world) == ["person-1"]


@pytest.mark.parametrize("order", [pytest.param([0, 1], id="as-begun"), pytest.param([1, 0], id="the-other-way")])
async def test_two_tabs_both_complete_in_either_order(amina: Visitor, world: World, order: list[int]) -> None:
    tabs, accounts = [amina.page, await amina.new_tab()], [ADA, LAYLA]
    for amina.page in tabs:
        await amina.begin()

    for number in order:
        amina.page = tabs[number]
        await amina.press(accounts[number])

    assert await uids(world) == ["person-1", "person-2"]
    assert (amina.path, amina.status) == ("/associate/", 200)


async def test_without_the_cookie_of_the_flow_the_page_tells_what_to_do(amina: Visitor, world: World) -> None:
    await amina.begin()
    await amina.forget("social_flow_")

    await amina.press(ADA)

    assert (amina.status, await amina.page.title()) == (400, "This link cannot be completed")
    assert "cookies must be allowed" in await amina.text("alert")
    assert await uids(world) == []
    await goes_on(amina)


async def test_a_browser_without_any_cookie_is_asked_to_sign_in(amina: Visitor, world: World) -> None:
    await amina.begin()
    await amina.context.clear_cookies()

    await amina.press(ADA)

    assert (amina.status, await amina.page.title()) == (401, "Please sign in")
    assert await uids(world) == []
    await goes_on(amina)


async def test_a_session_lost_in_the_middle_links_nothing_and_the_way_on_leads_back(
    amina: Visitor, world: World
) -> None:
    await amina.begin()
    await amina.forget("session")

    await amina.press(ADA)

    assert (amina.status, await amina.page.title()) == (401, "Please sign in")
    assert await uids(world) == []
    await goes_on(amina)
    assert await uids(world) == ["person-1"]


async def test_who_signed_in_meanwhile_gets_no_account_of_another(amina: Visitor, world: World) -> None:
    await amina.begin()
    at_provider = amina.page
    await amina.new_tab()
    await amina.sign_in("2")
    amina.page = at_provider

    await amina.press(ADA)

    assert amina.status == 400
    assert "another user is signed in" in (await amina.text("alert")).lower()
    assert await uids(world, "1") + await uids(world, "2") == []
    await amina.follow(WAY_ON)
    assert (amina.path, amina.status) == ("/associate/", 200)


async def test_an_answer_after_ten_minutes_is_too_late(amina: Visitor, world: World) -> None:
    await amina.begin()
    world.clock.advance(601)

    await amina.press(ADA)

    assert amina.status == 400
    assert "ten minutes" in await amina.text("alert")
    await goes_on(amina)


async def test_an_account_of_another_user_stays_theirs(amina: Visitor, new_visitor: NewVisitor, world: World) -> None:
    await amina.link()
    bruno = await new_visitor()
    await bruno.sign_in("2")

    await bruno.link()

    assert bruno.status == 409
    assert await uids(world, "1") == ["person-1"]
    assert await uids(world, "2") == []
    await bruno.follow(WAY_ON)
    assert "No account is linked yet" in await bruno.text()


@pytest.mark.parametrize("status", [500, 503])
async def test_a_provider_that_breaks_down_at_the_token_endpoint_can_be_tried_again(
    amina: Visitor, world: World, status: int
) -> None:
    world.provider.faults.token_status = status
    await amina.link()
    broken = amina.status, await amina.text("alert")
    world.provider.faults.token_status = None

    await amina.press("Link Fake again")
    await amina.press(ADA)

    assert broken[0] in {502, 503}
    assert broken[1]
    assert await uids(world) == ["person-1"]


@pytest.mark.parametrize(
    ("path", "status"), [("/associate/nothing/", 404), ("/complete/nothing/", 404), ("/complete/fake/", 400)]
)
async def test_an_address_opened_by_hand_is_a_page_with_a_way_on(amina: Visitor, path: str, status: int) -> None:
    await amina.open(path)

    assert amina.status == status
    await amina.follow(WAY_ON)
    assert (amina.path, amina.status) == ("/associate/", 200)


async def test_an_account_that_is_gone_in_another_tab_is_a_page_with_a_way_on(amina: Visitor) -> None:
    await amina.link()
    first = amina.page
    await amina.new_tab()
    await amina.open("/associate/")
    await amina.press("Unlink Fake account ada")
    amina.page = first

    await amina.press("Unlink Fake account ada")

    assert (amina.status, await amina.page.title()) == (404, "There is no such link")
    await amina.follow(WAY_ON)
    assert (amina.path, amina.status) == ("/associate/", 200)
