"""Pages stay usable whatever stands on them: odd people, many accounts, a narrow window, four times the size."""

from typing import Any

import pytest
from playwright.async_api import Browser

from asgi_social.testing import Person
from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP, NARROW, PHONE, Visitor, visitor
from tests.browser.world import ADA, LAYLA, World, a_world

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]

LONG = Person(sub="person-3", username="long" * 75, name="Maximiliane" * 28)
SPACED = Person(sub="person-4", username="spaced", name="Anna Maria " * 27)
SCRIPT = Person(sub="person-5", username="script", name="Eve", picture="javascript:document.title='oh'")
MARKUP = Person(sub="person-6", username="<script>document.title='oh'</script>", name="<img src=x onerror=alert()>")
TURNED = Person(sub="person-7", username="turned", name="\N{RIGHT-TO-LEFT OVERRIDE}drawkcab")
MANY = [Person(sub=f"many-{number}", username=f"many{number}", name=f"Person {number}") for number in range(60)]

WINDOWS: list[Any] = [
    pytest.param({"width": NARROW}, id="320px"),
    pytest.param({"width": NARROW, "zoom": 4}, id="1280px-at-400-percent"),
]
# The widest thing on the page against the window, and the first that sticks out.
_TOO_WIDE = """() => {
    const room = document.documentElement.clientWidth
    const wide = [...document.querySelectorAll('body *')].find(one => one.getBoundingClientRect().right > room + 1)
    return document.documentElement.scrollWidth <= room ? null : wide ? wide.outerHTML : 'the page'
}"""
_TOO_SMALL = """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), summary')]
    .filter(one => { const box = one.getBoundingClientRect(); return box.width < 24 || box.height < 24 })
    .map(one => one.outerHTML)"""


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(
    "people",
    [
        pytest.param([LAYLA], id="arabic"),
        pytest.param([LONG], id="300-characters-without-a-space"),
        pytest.param([SPACED], id="300-characters"),
        pytest.param([SCRIPT], id="picture-of-script"),
        pytest.param([MARKUP], id="markup"),
        pytest.param([TURNED], id="turned-round"),
        pytest.param(MANY, id="60-accounts"),
    ],
)
async def test_the_page_fits_and_the_first_account_can_be_unlinked(
    browser: Browser, people: list[Person], window: dict[str, Any]
) -> None:
    async with a_world(people) as world, visitor(browser, world.base, **window) as person:
        await world.link(*people)
        await person.sign_in()
        await person.open("/associate/")

        names = await person.page.locator("main h2 bdi").all_inner_texts()
        too_wide = await person.page.evaluate(_TOO_WIDE)
        buttons = person.page.get_by_role("button", name="Unlink Fake account")
        shown = await buttons.count()
        async with person.page.expect_navigation():
            await buttons.first.click()

        assert [name[:9] for name in names] == [str(one.name)[:9] for one in people]
        assert too_wide is None
        assert shown == len(people)
        assert await person.page.evaluate(_TOO_WIDE) is None
        assert "unlinked" in await person.text("status")
        assert len(await world.linked()) == len(people) - 1
        assert person.faults == []


@pytest.mark.parametrize("window", WINDOWS)
async def test_pages_that_ask_and_pages_of_errors_fit(new_visitor: NewVisitor, window: dict[str, Any]) -> None:
    person = await new_visitor(**window)
    await person.sign_in()

    for path in ("/associate/", "/associate/fake/", "/disconnect/fake/", "/complete/fake/", "/associate/nothing/"):
        await person.open(path)

        assert await person.page.evaluate(_TOO_WIDE) is None, path


@pytest.mark.parametrize("width", [DESKTOP, PHONE, NARROW])
async def test_everything_to_press_is_at_least_24_pixels_wide_and_high(
    amina: Visitor, world: World, width: int
) -> None:
    await world.link(ADA, LAYLA)
    await amina.page.set_viewport_size({"width": width, "height": 800})

    for path in ("/associate/", "/associate/fake/", "/disconnect/fake/", "/complete/fake/"):
        await amina.open(path)

        assert await amina.page.evaluate(_TOO_SMALL) == [], path


async def test_nothing_moves_for_who_wants_no_motion(amina: Visitor, world: World) -> None:
    await amina.page.emulate_media(reduced_motion="reduce")
    await amina.link()
    await amina.page.get_by_role("button", name="Unlink Fake account ada").hover()

    moving = await amina.page.evaluate("document.getAnimations().length")

    assert moving == 0


async def test_a_picture_that_cannot_be_had_leaves_the_page_as_it_is(browser: Browser) -> None:
    lost = Person(sub="person-8", username="lost", name="Lost", picture="https://127.0.0.1:9/lost.png")
    async with a_world([lost]) as world, visitor(browser, world.base) as person:
        await world.link(lost)
        await person.sign_in()

        await person.open("/associate/")

        assert "Lost" in await person.text()
        assert await person.page.locator(".portrait .mark").is_visible()
        assert [fault for fault in person.faults if "/associate/picture/" not in fault] == []
