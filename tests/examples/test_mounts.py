"""The examples below a path: told by the server, hidden by a proxy, or mounted in another app."""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import pytest
from starlette.types import ASGIApp

from tests.app import BASE, CLICK, query_of
from tests.examples.visits import Visit, mounted, rooted, stripped, visit

AROUND: Mapping[str, Callable[[ASGIApp], ASGIApp]] = {
    "root_path of the server": lambda app: rooted(app, "/api"),
    "mounted": lambda app: mounted(app, "/api"),
    "proxy that strips": lambda app: stripped(app, "/api"),
}
LOCAL = "http://localhost:8000"


async def _walked(browser: Visit) -> None:
    """Do everything once, and check where the browser is sent."""
    await browser.sign_in()
    linked = await browser.link()
    home = await browser.http.get("")
    page = await browser.http.get("associate/", headers=CLICK)
    renewed = await browser.http.post("renew")
    user = await browser.phone(browser.provider.issue_tokens("ada")["access_token"])
    unlinked = await browser.http.post("disconnect/github/", headers=CLICK)
    left = await browser.http.get("")

    assert (linked.status_code, linked.headers["location"]) == (303, "/api/associate/")
    assert 'action="/api/disconnect/github/' in page.text
    assert (home.json(), renewed.json(), user.json()) == (["ada"], ["active"], {"name": "Ada"})
    assert (unlinked.status_code, unlinked.headers["location"], left.json()) == (303, "/api/associate/", [])


@pytest.mark.parametrize("base", [BASE, LOCAL])
@pytest.mark.parametrize("around", AROUND)
async def test_all_of_it_works_below_a_path(example: ModuleType, around: str, base: str) -> None:
    async with visit(example, base=f"{base}/api", around=AROUND[around]) as browser:
        assert query_of(await _signed_in(browser))["redirect_uri"] == f"{base}/api/complete/github/"
        await _walked(browser)


@pytest.mark.parametrize("around", ["root_path of the server", "mounted"])
async def test_on_a_developers_machine_the_path_need_not_be_said(example: ModuleType, around: str) -> None:
    async with visit(example, base=f"{LOCAL}/api", around=AROUND[around], base_url=None) as browser:
        assert query_of(await _signed_in(browser))["redirect_uri"] == f"{LOCAL}/api/complete/github/"
        await _walked(browser)


@pytest.mark.parametrize("around", AROUND)
async def test_an_error_of_the_view_is_a_page_below_the_path(example: ModuleType, around: str) -> None:
    async with visit(example, base=f"{BASE}/api", around=AROUND[around]) as browser:
        answer = await browser.http.get("", headers=CLICK)

    assert answer.status_code == 401
    assert 'href="/api/associate/social.css' in answer.text


async def _signed_in(browser: Visit) -> Any:
    await browser.sign_in()
    return await browser.begin()
