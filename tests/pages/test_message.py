"""What was done is told on the page that follows, once, and to the person who did it."""

import re

import httpx
import pytest

from asgi_social import Social
from asgi_social.testing import ManualClock
from tests.app import app_of, browser, linked, settings
from tests.security.doors import other

COOKIE = "__Host-social_message"


def told(page: httpx.Response) -> str | None:
    """Give the message of a page, or None."""
    found = re.search(r'role="status"[^>]*>(.*?)</p>', page.text)
    return re.sub(r"<[^>]+>", "", found[1]) if found else None


async def test_a_linked_account_is_named_once() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        await linked(client)

        first, second = await client.get("/associate/"), await client.get("/associate/")

    assert told(first) == "✓ GitHub account octocat is linked"
    assert "<title>GitHub account octocat is linked · Linked accounts</title>" in first.text
    assert told(second) is None


async def test_an_unlinked_account_is_named() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        await linked(client)
        [association] = await social.associations("ada")
        await client.post(f"/disconnect/github/{association.id}/")

        page = await client.get("/associate/")

    assert told(page) == "✓ GitHub account octocat is unlinked"


async def test_several_unlinked_accounts_are_counted() -> None:
    people = iter(["1", "2"])

    def answering(request: httpx.Request) -> httpx.Response:
        person = {"id": next(people)} if request.url.path == "/me" else {}
        return httpx.Response(200, json={"access_token": "a-token", "token_type": "Bearer", **person})

    async with (
        Social(**settings(answering, backends={"other": other()})) as social,
        browser(app_of(social)) as client,
    ):
        await linked(client, "other")
        await linked(client, "other")
        await client.post("/disconnect/other/")

        page = await client.get("/associate/")

    assert told(page) == "✓ 2 Other accounts are unlinked"


async def test_where_nothing_was_linked_nothing_is_said_to_be_unlinked() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        answer = await client.post("/disconnect/github/")

    assert answer.status_code == 303
    assert COOKIE not in client.cookies


async def test_on_a_page_of_the_apps_own_nothing_is_left_to_be_told_later() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        begun = await client.get("/associate/github/", params={"next": "/settings"})
        state = re.findall(r"[?&]state=([^&]+)", begun.headers["location"])[0]
        ended = await client.get("/complete/github/", params={"code": "a-code", "state": state})

    assert ended.headers["location"] == "/settings"
    assert COOKIE not in client.cookies


async def test_another_person_at_the_same_browser_is_not_told() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        await linked(client)

        page = await client.get("/associate/", headers={"x-user": "bob"})

    assert told(page) is None
    assert "octocat" not in page.text


async def test_after_a_minute_it_is_old_news() -> None:
    clock = ManualClock()
    async with Social(**settings(clock=clock)) as social, browser(app_of(social)) as client:
        await linked(client)
        clock.advance(61)

        page = await client.get("/associate/")

    assert told(page) is None


@pytest.mark.parametrize("value", ["", "x", "v1.aaaaaaaa.AAAA", '["ada", 9e99, "made up"]'])
async def test_a_message_that_is_not_ours_is_not_told(value: str) -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        page = await client.get("/associate/", headers={"cookie": f"{COOKIE}={value}"})

    assert (page.status_code, told(page)) == (200, None)


async def test_the_cookie_tells_nothing_and_is_for_our_site_alone() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        ended = await linked(client)

    [cookie] = [one for one in ended.headers.get_list("set-cookie") if one.startswith(COOKIE)]
    assert "octocat" not in cookie
    assert {part.strip().lower() for part in cookie.split(";")[1:]} >= {
        "httponly",
        "secure",
        "samesite=lax",
        "path=/",
        "max-age=60",
    }


async def test_on_a_developers_machine_the_cookie_has_no_prefix_that_plain_http_would_lose() -> None:
    async with (
        Social(**settings(base_url=None)) as social,
        browser(app_of(social), base="http://localhost:8000") as client,
    ):
        await linked(client)

        page = await client.get("/associate/")

    assert told(page) == "✓ GitHub account octocat is linked"
