"""The page about pages of one's own: each file of it does what the text says."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest

from asgi_social import Social
from tests.app import CLICK, app_of, browser, github, linked, query_of, settings
from tests.docs.pages import ROOT, blocks_of, text_of

PAGE = text_of("how-to/own_pages.md")
_FILE = re.compile(r"```\w+\n(?:\{#|/\*) (\S+) (?:#\}|\*/)\n.*?```", re.DOTALL)
TEMPLATES = ROOT / "asgi_social" / "pages" / "templates"


def folder_of(tmp_path: Path, names: Iterable[str]) -> Path:
    """Write some of the page's files as they are pasted, and give their folder."""
    files = {found.group(1): found.group(0) for found in _FILE.finditer(PAGE)}
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(files[name].partition("\n")[2].removesuffix("```"))
    return tmp_path / "social"


async def seen(path: str, **more: Any) -> str:
    """Give what a person with one linked account sees."""
    async with Social(**settings(**more)) as social, browser(app_of(social)) as client:
        await linked(client)
        answer = await client.get(path)
    return answer.text


async def test_colours_stand_behind_our_style_sheet(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ["social/colors.css"])

    style = await seen("/associate/social.css", templates=str(folder))

    assert style.rindex("--social-accent: #58d6a0") > style.rindex(".social-main")


def test_each_property_of_the_table_is_one_of_ours() -> None:
    used = set(re.findall(r"(--social-[a-z-]+):", (TEMPLATES / "social.css").read_text()))

    named = set(re.findall(r"`(--social-[a-z-]+)`", PAGE))

    assert named == used


def test_each_block_of_the_table_is_one_of_ours() -> None:
    sources = {path.name: path.read_text() for path in TEMPLATES.glob("*.html")}
    table = dict(re.findall(r"^\| `([a-z]+\.html)`[^|]*\| ([^|]+) \|$", PAGE, re.MULTILINE))

    for name in ("base.html", "accounts.html"):
        assert {*re.findall(r"`([a-z]+)`", table[name])} >= {*re.findall(r"\{% block (\w+)", sources[name])} - {"title"}
    assert set(sources) <= set(re.findall(r"`([a-z]+\.html)`", PAGE))


async def test_one_block_is_replaced_and_the_rest_is_ours(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ["social/accounts.html"])

    page = await seen("/associate/", templates=str(folder))

    assert page.index("We only read your public profile.") < page.index('action="/associate/github/"')
    assert "octocat" in page


@pytest.mark.parametrize("path", ["/associate/", "/disconnect/github/", "/associate/nowhere/"])
async def test_every_page_is_put_into_the_apps_frame(path: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ["social/base.html"])

    page = await seen(path, templates=str(folder))

    assert '<nav><a href="/">Example</a></nav>' in page
    assert " Example</title>" in page


async def test_the_facts_come_as_the_json_of_the_page() -> None:
    [promised] = (json.loads(block.text) for block in blocks_of(PAGE, "json"))

    async with Social(**settings(_github_with_a_picture)) as social, browser(app_of(social)) as client:
        await linked(client, scope="read:user")
        answer = await client.get("/associate/", headers={"accept": "application/json"})
    facts = answer.json()

    assert _without_id(facts) == promised


async def test_the_form_of_the_page_begins_a_link() -> None:
    action, name, value = re.findall(r'action="(/a[^"]+)">\n  <input type="hidden" name="(\w+)" value="([^"]+)"', PAGE)[
        0
    ]

    async with Social(**settings()) as social, browser(app_of(social)) as client:
        begun = await client.post(action, data={name: value}, headers=CLICK)
        state = query_of(begun.headers["location"])["state"]
        ended = await client.get("/complete/github/", params={"code": "a-code", "state": state})

    assert (ended.status_code, ended.headers["location"]) == (303, value)


def _github_with_a_picture(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/user":
        me = {"id": 583231, "login": "octocat", "name": "The Octocat", "avatar_url": "https://pictures.example/1.png"}
        return httpx.Response(200, json=me)
    return github(request)


def _without_id(facts: dict[str, Any]) -> Any:
    return json.loads(json.dumps(facts).replace(facts["linked"][0]["id"], "…"))
