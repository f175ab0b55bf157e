"""The examples for each framework: one scenario, in which only the app differs; each runs as it is pasted."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from tests.app import BASE, CLICK, query_of
from tests.examples.test_queue import QUEUE
from tests.examples.visits import NAMES, SCRIPT, visit, visit_again
from tests.test_lifespan import Server

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_each_example_is_tried() -> None:
    assert sorted(path.stem for path in EXAMPLES.glob("*.py")) == sorted([*NAMES, QUEUE])


@pytest.mark.parametrize("name", NAMES)
def test_an_example_has_at_most_forty_lines(name: str) -> None:
    lines = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()

    assert len([line for line in lines if line.strip()]) <= 40
    assert max(map(len, lines)) <= 120


async def test_the_example_knows_who_is_signed_in(example: ModuleType) -> None:
    async with visit(example) as ada, visit_again(ada) as grace:
        await ada.sign_in("7")
        await grace.sign_in("8")
        await ada.link()

        of_ada, of_grace = await ada.http.get(""), await grace.http.get("")

    assert (of_ada.json(), of_grace.json()) == (["ada"], [])


async def test_an_account_is_associated_and_listed(example: ModuleType) -> None:
    async with visit(example) as browser:
        await browser.sign_in()
        linked = await browser.link()
        page = await browser.http.get("associate/", headers=CLICK)

    assert (linked.status_code, linked.headers["location"]) == (303, "/associate/")
    assert "ada" in page.text


async def test_a_phones_token_gives_the_apps_user(example: ModuleType) -> None:
    async with visit(example) as browser:
        await browser.sign_in()
        await browser.link("ada")
        async with visit_again(browser) as phone:
            answer = await phone.phone(browser.provider.issue_tokens("ada")["access_token"])

    assert (answer.is_success, answer.json()) == (True, {"name": "Ada"})


async def test_a_token_that_is_not_the_apps_is_answered_clearly(example: ModuleType) -> None:
    async with visit(example) as phone:
        answer = await phone.phone(phone.provider.issue_tokens("ada", client_id="another-app")["access_token"])

    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["reason"]) == (401, "audience")


async def test_the_tokens_are_renewed(example: ModuleType) -> None:
    async with visit(example) as browser:
        await browser.sign_in()
        await browser.link()
        before = browser.provider.count("/token")
        answer = await browser.http.post("renew")
        after = browser.provider.count("/token")

    assert (answer.json(), before, after) == (["active"], 1, 2)


async def test_a_grant_that_has_ended_is_answered_clearly(example: ModuleType) -> None:
    async with visit(example) as browser:
        await browser.sign_in()
        await browser.link()
        browser.provider.revoke_all("ada")
        answer = await browser.http.post("renew")

    assert (answer.status_code, answer.json()["code"], answer.json()["reason"]) == (403, "needs_reauth", "revoked")


async def test_the_account_is_disconnected_by_the_view(example: ModuleType) -> None:
    async with visit(example) as browser:
        await browser.sign_in()
        await browser.link()
        answer = await browser.http.post("unlink")
        left = await browser.http.get("")

    assert (answer.json(), left.json()) == (1, [])


async def test_the_account_is_disconnected_by_our_path(example: ModuleType) -> None:
    async with visit(example) as browser:
        await browser.sign_in()
        await browser.link()
        answer = await browser.http.post("disconnect/github/", headers=CLICK)
        left = await browser.http.get("")

    assert (answer.status_code, left.json()) == (303, [])


async def test_who_is_not_signed_in_gets_json_as_a_program(example: ModuleType) -> None:
    async with visit(example) as browser:
        answer = await browser.http.get("")

    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


async def test_who_is_not_signed_in_gets_a_page_as_a_person(example: ModuleType) -> None:
    async with visit(example) as browser:
        answer = await browser.http.get("", headers=CLICK)

    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers.get_list("content-length") == [str(len(answer.content))]
    assert answer.status_code == 401


def _bent(value: str) -> str:
    return f"{value[:8]}{'B' if value[8] == 'A' else 'A'}{value[9:]}"


@pytest.mark.parametrize("bend", [pytest.param(_bent, id="one letter"), pytest.param(lambda _: "x", id="all of it")])
async def test_a_session_that_was_changed_on_the_way_is_nobodys(
    example: ModuleType, bend: Callable[[str], str]
) -> None:
    async with visit(example) as browser:
        await browser.sign_in()
        [(name, value)] = browser.http.cookies.items()
        browser.http.cookies.clear()
        browser.http.cookies.set(name, bend(value), domain="app.example")
        answer = await browser.http.get("")

    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


async def test_the_app_of_the_module_takes_its_settings_from_the_environment(
    example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where its database comes to lie
    server = Server(example.app)
    started = await server.starts()
    transport = httpx.ASGITransport(app=example.app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=SCRIPT) as http:
        await http.post("/sign-in/7")
        begun = await http.get("/associate/github/", headers=CLICK)
    await server.stops()

    assert started["type"] == "lifespan.startup.complete"
    assert query_of(begun.headers["location"])["client_id"] == "an-id"
    assert query_of(begun.headers["location"])["redirect_uri"] == f"{BASE}/complete/github/"
