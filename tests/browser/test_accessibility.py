"""Every page of the package against the automated rules of WCAG 2.2 AA, in light and dark, wide and narrow."""

from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from tests.browser.axe import broken_rules
from tests.browser.visitor import Visitor
from tests.browser.world import ADA, LAYLA, World

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]

YES = "Ada Lovelace (ada)"


async def nothing_linked(person: Visitor, world: World) -> None:
    await person.open("/associate/")


async def just_linked(person: Visitor, world: World) -> None:
    await person.link()


async def just_unlinked(person: Visitor, world: World) -> None:
    await world.link(ADA)
    await person.open("/associate/")
    await person.press("Unlink Fake account ada")


async def several_linked(person: Visitor, world: World) -> None:
    await world.link(ADA, LAYLA)
    await person.open("/associate/")


async def link_ended(person: Visitor, world: World) -> None:
    await renewal_refused(person, world)
    await person.open("/associate/")


async def asked_to_link(person: Visitor, world: World) -> None:
    await person.open("/associate/fake/")


async def asked_to_unlink(person: Visitor, world: World) -> None:
    await world.link(ADA)
    await person.open("/disconnect/fake/")


async def renewal_refused(person: Visitor, world: World) -> None:
    await person.link()
    world.provider.revoke_all("ada")
    await person.open("/")
    await person.press("Renew person-1")


async def said_no(person: Visitor, world: World) -> None:
    await person.begin()
    await person.press("Nobody: say no and go back")


async def lost_cookie(person: Visitor, world: World) -> None:
    await person.begin()
    await person.forget("social_flow_")
    await person.press(YES)


async def lost_session(person: Visitor, world: World) -> None:
    await person.begin()
    await person.forget("session")
    await person.press(YES)


async def taken(person: Visitor, world: World) -> None:
    await world.link(ADA, user="2")
    await person.link()


async def provider_refused(person: Visitor, world: World) -> None:
    world.provider.faults.invalid_grant = world.provider.faults.invalid_client = True
    await person.link()


async def provider_broken(person: Visitor, world: World) -> None:
    world.provider.faults.token_body = (b"<html>", "text/html")
    await person.link()


async def provider_unreachable(person: Visitor, world: World) -> None:
    world.provider.faults.token_status = 503
    await person.link()


async def unknown_service(person: Visitor, world: World) -> None:
    await person.open("/associate/nothing/")


async def nothing_to_unlink(person: Visitor, world: World) -> None:
    await person.open("/disconnect/fake/nothing/")
    await person.press("Unlink")


async def wrong_method(person: Visitor, world: World) -> None:
    form = f"<form method=post action='{world.base}/complete/fake/'><button>go</button></form>"
    await person.page.evaluate("html => { document.querySelector('main').innerHTML = html }", form)
    await person.press("go")


PAGES: list[tuple[Callable[[Visitor, World], Awaitable[None]], int]] = [
    (nothing_linked, 200),
    (just_linked, 200),
    (just_unlinked, 200),
    (several_linked, 200),
    (link_ended, 200),
    (asked_to_link, 200),
    (asked_to_unlink, 200),
    (renewal_refused, 403),
    (said_no, 403),
    (lost_cookie, 400),
    (lost_session, 401),
    (taken, 409),
    (provider_refused, 502),
    (provider_broken, 502),
    (provider_unreachable, 503),
    (unknown_service, 404),
    (nothing_to_unlink, 404),
    (wrong_method, 405),
]


@pytest.mark.parametrize(("page", "status"), [pytest.param(*row, id=row[0].__name__) for row in PAGES])
async def test_no_automated_rule_is_broken(
    amina: Visitor, world: World, page: Callable[[Visitor, World], Awaitable[None]], status: int
) -> None:
    await page(amina, world)
    assert amina.status == status

    broken = await broken_rules(amina)

    assert broken == []


async def test_a_broken_rule_is_found(amina: Visitor) -> None:
    await amina.page.evaluate("document.querySelector('main').innerHTML = '<input><button></button>'")

    broken = await broken_rules(amina, counts=Counter())

    assert len([rule for rule in broken if ": label: " in rule]) == 4
    assert len([rule for rule in broken if ": button-name: " in rule]) == 4
