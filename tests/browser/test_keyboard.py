"""Everything by the keyboard alone: in order, visibly, and with the message where one is afterwards."""

import pytest

from tests.browser.visitor import Visitor
from tests.browser.world import ADA, LAYLA, World

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]

_MAX_STOPS = 30
_HERE = """() => {
    const one = document.activeElement, style = getComputedStyle(one), heard = one.cloneNode(true)
    heard.querySelectorAll('[aria-hidden=true]').forEach(silent => silent.remove())
    return {
        name: one.getAttribute('aria-label') || heard.textContent.trim().replaceAll(/\\s+/g, ' '),
        role: one.getAttribute('role'),
        outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    }
}"""


async def stop(person: Visitor) -> dict[str, str | bool | None]:
    """Say where the focus is."""
    found: dict[str, str | bool | None] = await person.page.evaluate(_HERE)
    return found


async def tab_to(person: Visitor, name: str) -> list[dict[str, str | bool | None]]:
    """Press Tab until the focus is on what has this name, and give all the stops up to there."""
    stops: list[dict[str, str | bool | None]] = []
    for _ in range(_MAX_STOPS):
        await person.page.keyboard.press("Tab")
        stops.append(await stop(person))
        if stops[-1]["name"] == name:
            return stops
    pytest.fail(f"{name!r} is not among the stops: {[one['name'] for one in stops]}")


async def press_enter(person: Visitor) -> None:
    async with person.page.expect_navigation():
        await person.page.keyboard.press("Enter")


async def on_the_message(person: Visitor) -> None:
    """Wait for the focus that a page asks for: a browser gives it with the first picture of the page, not before."""
    await person.page.wait_for_function("() => document.activeElement.getAttribute('role') === 'status'")


async def test_an_account_is_linked_and_unlinked_by_keyboard_alone(amina: Visitor, world: World) -> None:
    await tab_to(amina, "Link Fake")
    await press_enter(amina)
    await tab_to(amina, "Ada Lovelace (ada)")
    await press_enter(amina)
    assert [one.uid for one in await world.linked()] == ["person-1"]

    await tab_to(amina, "Unlink Fake account ada")
    await press_enter(amina)

    assert await world.linked() == []
    assert "Fake account ada is unlinked" in await amina.text("status")


async def test_the_focus_is_seen_at_every_stop_and_goes_down_the_page(amina: Visitor, world: World) -> None:
    await world.link(ADA, LAYLA)
    await amina.open("/associate/")

    stops = await tab_to(amina, "Unlink all 2 Fake accounts")

    assert [one["name"] for one in stops if not one["outlined"]] == []
    assert [one["name"] for one in stops if str(one["name"]).startswith(("Unlink", "Link"))] == [
        "Unlink Fake account ada",
        "Unlink Fake account layla",
        "Link Fake",
        "Link Posting",
        "Unlink all 2 Fake accounts",
    ]


@pytest.mark.parametrize("action", ["link", "unlink"])
async def test_after_an_action_the_focus_is_on_the_message(amina: Visitor, world: World, action: str) -> None:
    await amina.link()
    if action == "unlink":
        await amina.press("Unlink Fake account ada")
    await on_the_message(amina)

    here = await stop(amina)

    assert here["role"] == "status"
    assert f"{action}ed" in str(here["name"])
    assert here["outlined"]


async def test_from_the_message_tab_goes_on_to_the_first_account(amina: Visitor) -> None:
    await amina.link()
    await on_the_message(amina)

    await amina.page.keyboard.press("Tab")

    assert (await stop(amina))["name"] == "Unlink Fake account ada"


async def test_the_way_on_from_an_error_is_reached_by_keyboard(amina: Visitor) -> None:
    await amina.begin()
    await amina.press("Nobody: say no and go back")
    stops = await tab_to(amina, "Go on to your linked accounts")

    await press_enter(amina)

    assert [one["name"] for one in stops if not one["outlined"]] == []
    assert amina.path == "/associate/"
