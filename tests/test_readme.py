"""README and docs: every block of Python runs and does what the text says, and the tables are those of the code.

Its first app is served on 127.0.0.1, because it is to run as pasted and so reaches its provider over a socket.
"""

import os
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from asgi_social import Association, SettingsError, Social, SocialError
from asgi_social.settings import Settings
from asgi_social.testing import FakeProvider, ManualClock
from tests.app import BASE, KEY, app_of, browser, github, linked, query_of, settings
from tests.served import Browser, listener, serving, url_of

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HOW_IT_WORKS = (ROOT / "docs/explanation/how_it_works.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
BLOCKS = _BLOCK.findall(README)


@pytest.fixture
def bound() -> Iterator[socket.socket]:
    with listener() as one:
        yield one


@pytest.fixture
def readme(bound: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run all the blocks in their order, as one file; give what they define."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRET_KEY", KEY)
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(block.replace("http://localhost:8000", url_of(bound)), names)  # noqa: S102  # the README's own
    return names


@asynccontextmanager
async def a_fake_association(clock: ManualClock) -> AsyncIterator[tuple[FakeProvider, Association[Any]]]:
    """Give an account linked at the fake provider."""
    provider = FakeProvider(issuer="https://id.example", clock=clock)
    http = httpx.AsyncClient(transport=provider.transport())
    backends = {"fake": provider.backend_settings()}
    engine = Social(**settings(backends=backends, http_client=http, clock=clock))
    async with engine, browser(app_of(engine)) as client:
        begun = await client.get("/associate/fake/")
        await client.get(await provider.consent(begun.headers["location"]))
        [association] = await engine.associations("ada")
        yield provider, association


def table_of(heading: str) -> list[list[str]]:
    """Give the rows of a table, by its first column's heading."""
    lines = README.partition(f"| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def named_in(cells: list[str]) -> set[str]:
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


async def test_the_first_app_links_lists_and_unlinks_as_pasted(
    bound: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first: dict[str, Any] = {}
    exec(BLOCKS[0].replace("http://localhost:8000", url_of(bound)), first)  # noqa: S102  # the README's own
    async with (
        serving(first["app"], bound),
        httpx.AsyncClient(base_url=url_of(bound), trust_env=False, timeout=20) as http,
    ):
        person = Browser(http)
        before = await http.get("/")
        begun = await person.click("/associate/fake/")
        asked = await http.get(begun.headers["location"])
        back = await first["provider"].consent(begun.headers["location"], person="ada")
        completed = await person.arrive(back)
        with_one = await http.get("/")
        page = await http.get("/associate/", headers={"accept": "text/html"})
        [unlink] = re.findall(r'action="(/disconnect/fake/[^"]+)"', page.text)
        await person.click(unlink)
        after = await http.get("/")

    assert [answer.text[:8] for answer in (before, with_one, after)] == ["0 linked", "1 linked", "0 linked"]
    assert 'href="/associate/"' in before.text
    assert "Who are you?" in asked.text
    assert (completed.status_code, completed.headers["location"]) == (303, "/associate/")
    assert "ada" in page.text


def test_the_first_app_has_at_most_twenty_lines() -> None:
    assert len(BLOCKS[0].splitlines()) <= 20


async def test_the_github_variant_sends_the_person_to_github(readme: dict[str, Any]) -> None:
    newest, *_ = readme["app"].user_middleware
    async with (
        Social(**newest.kwargs, current_user=lambda connection: "7") as social,
        browser(app_of(social), base="https://app.example") as client,
    ):
        begun = await client.get("/associate/github/")

    assert begun.headers["location"].startswith("https://github.com/login/oauth/authorize?")
    assert query_of(begun.headers["location"])["redirect_uri"] in README


async def test_the_views_see_and_unlink_everything(readme: dict[str, Any]) -> None:
    views = [Route("/overview", readme["overview"]), Route("/gone", readme["unlink_everything"])]
    async with Social(**settings()) as social, browser(app_of(social, routes=views)) as client:
        await linked(client)
        overview = await client.get("/overview")
        gone = await client.get("/gone")
        left = await social.associations("ada")

    assert overview.json() == [["github", "octocat", "active"]]
    assert (gone.text, left) == ("1 unlinked", [])


@pytest.mark.parametrize(
    ("app_id", "sign_up", "expected"),
    [
        pytest.param("1234", "allow", (200, "id"), id="a token of ours names the user"),
        pytest.param("1234", "refuse", (403, "detail"), id="an account of nobody here signs nobody in"),
        pytest.param("999", "allow", (401, "code"), id="a token of another app is refused"),
    ],
)
async def test_a_phone_sends_its_token_in(
    readme: dict[str, Any], app_id: str, sign_up: str, expected: tuple[int, str]
) -> None:
    look_up = {"app_id": app_id, "type": "USER", "user_id": "42", "is_valid": True, "expires_at": 0}

    def facebook(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": look_up, "id": "42", "name": "Ada"})

    backends = {"facebook": {"client_id": "1234", "client_secret": "a-secret"}}
    engine = Social(**settings(facebook, backends=backends, embedded_users=True, sign_up=sign_up))
    views = [Route("/phone", readme["phone"], methods=["POST"])]
    async with engine, browser(app_of(engine, routes=views), user=None) as client:
        answer = await client.post("/phone", json={"access_token": "t"}, headers={"accept": "application/json"})

    assert answer.status_code == expected[0]
    assert expected[1] in answer.json()


async def test_the_stored_token_asks_github_for_the_repositories(readme: dict[str, Any]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/user/repos":
            return httpx.Response(200, json=[request.headers["authorization"]])
        return github(request)

    views = [Route("/repositories", readme["repositories"])]
    async with Social(**settings(answer)) as social, browser(app_of(social, routes=views)) as client:
        await linked(client)
        repositories = await client.get("/repositories")

    assert repositories.json() == ["Bearer gho_secret"]


async def test_a_token_is_had_and_renewed_by_hand(readme: dict[str, Any]) -> None:
    async with a_fake_association(ManualClock()) as (provider, association):
        token, renewed = await readme["by_hand"](association)
        newer = await renewed.get_access_token()

    assert token != newer
    assert {token, newer} <= set(provider.tokens["ada"])


async def test_a_worker_needs_no_request(readme: dict[str, Any]) -> None:
    shared = settings()
    async with Social(**shared) as social, browser(app_of(social)) as client:
        await linked(client)

        tokens = await readme["nightly"]("ada", **shared)

    assert tokens == ["gho_secret"]


async def test_who_has_to_link_again_is_sent_there(readme: dict[str, Any]) -> None:
    clock = ManualClock()
    async with a_fake_association(clock) as (provider, association):
        good = await readme["token_or_link"](association)
        provider.revoke_all("ada")
        clock.advance(4000)
        ended = await readme["token_or_link"](association)

    assert good.startswith("fake-")
    assert ended == "/associate/fake/"


async def test_the_test_of_an_app_passes(readme: dict[str, Any], tmp_path: Path) -> None:
    await readme["test_ada_links_her_account"](tmp_path)


def test_the_settings_are_those_of_the_code() -> None:
    assert named_in([row[0] for row in table_of("setting")]) == set(Settings.__annotations__)


def test_the_settings_of_a_backend_are_those_of_the_code() -> None:
    backends = {"discord": {"client_id": "i", "client_secret": "s", "nonsense": ""}}

    with pytest.raises(SettingsError) as caught:
        Social(secret_key=KEY, base_url=BASE, backends=backends)

    assert caught.value.allowed is not None
    assert named_in([row[0] for row in table_of("setting of a backend")]) == set(caught.value.allowed.split(", "))


def test_the_errors_are_those_of_the_code() -> None:
    def leaves(kind: type[SocialError]) -> Iterator[type[SocialError]]:
        for one in kind.__subclasses__():
            yield one
            yield from leaves(one)

    ours = {one for one in leaves(SocialError) if one.__module__.startswith("asgi_social.")}
    families = {"Refused", "ProviderError"}
    expected = {(f"`{one.__name__}`", str(one.status)) for one in ours if one.__name__ not in families}

    assert {(name, status) for name, status, _ in table_of("error")} == expected


@pytest.mark.parametrize("command", ["scripts/demo", "scripts/test"])
def test_the_commands_are_there_and_can_be_run(command: str) -> None:
    assert f"    {command}\n" in README
    assert os.access(ROOT / command, os.X_OK)


def test_what_is_linked_is_there() -> None:
    places = re.findall(r"\]\(([^)]+)\)", README)

    assert places
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_the_conversation_of_the_docs_is_played_as_they_say() -> None:
    names: dict[str, Any] = {}

    [block] = _BLOCK.findall(HOW_IT_WORKS)
    exec(block, names)  # noqa: S102  # the docs' own

    assert f'result = end.value  # "{names["result"]}"' in block
    assert [request.url for request in names["asked"]] == ["https://one.example", "https://two.example"]


def test_the_docs_name_every_file_of_the_house_and_no_other() -> None:
    package = ROOT / "asgi_social"
    rooms = table_rooms()

    there = {one.name for one in package.iterdir() if one.suffix == ".py"} | {
        f"{one.name}/" for one in package.iterdir() if (one / "__init__.py").exists()
    }
    named = set(re.findall(r"`([a-z0-9_/]+\.py)`", HOW_IT_WORKS))
    files = {one.relative_to(package).as_posix() for one in package.rglob("*.py")}

    assert rooms == there - {"__init__.py"}
    assert [name for name in named if not any(one == name or one.endswith(f"/{name}") for one in files)] == []


def table_rooms() -> set[str]:
    rows = HOW_IT_WORKS.partition("| files | are |")[2].partition("\n\n")[0].splitlines()[2:]
    return named_in([row.split("|")[1] for row in rows])
