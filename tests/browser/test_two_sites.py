"""Two sites: what a browser sends from the provider's to the app's, and what it does not."""

from typing import Any

import pytest
from playwright.async_api import Response

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP, PHONE, Visitor
from tests.browser.world import World

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]

ADA = "Ada Lovelace (ada)"


async def test_every_cookie_is_lax_and_no_script_reads_it(amina: Visitor) -> None:
    answers: list[Response] = []
    amina.context.on("response", lambda answer: answers.append(answer))
    await amina.link()
    await amina.press("Unlink Fake account ada")

    cookies = [line for answer in answers for line in await answer.header_values("set-cookie")]

    # In words: for two minutes Chromium sends a cookie that says nothing along with a POST of another site.
    assert [line for line in cookies if "samesite=lax" not in line.lower() or "httponly" not in line.lower()] == []
    assert {line.partition("=")[0][:12] for line in cookies} == {"social_flow_", "social_messa"}


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
async def test_a_form_post_from_the_provider_links_though_it_comes_without_cookies(
    new_visitor: NewVisitor, world: World, width: int
) -> None:
    person = await new_visitor(width=width)
    await person.sign_in()
    posts: list[Any] = []
    person.context.on("request", lambda request: posts.append(request) if "/complete/" in request.url else None)
    await person.begin("Posting")

    await person.page.get_by_role("button", name=ADA).click()
    await person.page.wait_for_url("**/associate/")

    assert [request.method for request in posts] == ["POST", "GET"]
    assert "cookie" not in await posts[0].all_headers()
    assert "cookie" in await posts[1].all_headers()
    assert "Posting account ada is linked" in await person.text("status")
    assert [one.backend for one in await world.linked()] == ["posting"]


async def test_a_form_post_works_without_scripts(new_visitor: NewVisitor, world: World) -> None:
    person = await new_visitor(scripts=False)
    await person.sign_in()
    await person.begin("Posting")
    await person.press(ADA)

    await person.press("Go on")

    assert "Posting account ada is linked" in await person.text("status")
    assert [one.backend for one in await world.linked()] == ["posting"]


async def test_a_form_post_that_is_sent_again_links_once(amina: Visitor, world: World) -> None:
    await amina.begin("Posting")
    await amina.page.get_by_role("button", name=ADA).click()
    await amina.page.wait_for_url("**/associate/")
    [answer] = {url for url in amina.documents if "/complete/" in url and "answer=" in url}

    await amina.open(answer)

    assert amina.status == 400
    assert len(await world.linked()) == 1
    await amina.follow("Go on to your linked accounts")
    assert "Ada Lovelace" in await amina.text()


async def test_a_no_by_form_post_is_told(amina: Visitor, world: World) -> None:
    await amina.begin("Posting")

    await amina.page.get_by_role("button", name="Nobody: say no and go back").click()
    await amina.page.wait_for_url("**/complete/**")

    await amina.page.get_by_role("heading", name="Nothing was linked").wait_for()
    assert await world.linked() == []


async def test_a_link_on_another_site_only_asks(amina: Visitor, world: World) -> None:
    await amina.begin()
    asked = world.provider.count("/authorize")

    await _from_the_providers_page(amina, f"<a href='{world.base}/associate/fake/'>go</a>")

    assert (amina.path, await amina.page.title()) == ("/associate/fake/", "Link your Fake account?")
    assert world.provider.count("/authorize") == asked


@pytest.mark.parametrize("path", ["/associate/fake/", "/disconnect/fake/"])
async def test_a_form_on_another_site_comes_without_a_session(amina: Visitor, world: World, path: str) -> None:
    await amina.link()
    await amina.begin()

    await _from_the_providers_page(amina, f"<form method='post' action='{world.base}{path}'><button>go</button></form>")

    assert amina.path == "/sign-in"
    assert len(await world.linked()) == 1


@pytest.mark.parametrize("path", ["/associate/fake/", "/disconnect/fake/"])
async def test_a_form_on_another_port_of_this_host_comes_with_the_session_and_only_asks(
    amina: Visitor, world: World, path: str
) -> None:
    await amina.link()
    await amina.open(world.provider.issuer.replace("127.0.0.1", "localhost") + "/authorize")

    await _from_the_providers_page(amina, f"<form method='post' action='{world.base}{path}'><button>go</button></form>")

    assert (amina.path, amina.status) == (path, 403)
    assert len(await world.linked()) == 1


async def _from_the_providers_page(person: Visitor, html: str) -> None:
    """Press the one thing of ``html``, put onto the provider's page."""
    put = "html => { document.querySelector('main').innerHTML = html }"
    await person.page.evaluate(put, html)
    async with person.page.expect_navigation():
        await person.page.locator("main a, main button").click()
