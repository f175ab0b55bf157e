"""The examples for each framework: one scenario, in which only the app differs; each runs as it is pasted."""

import importlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from asgi_social.testing import FakeProvider, ManualClock, MemoryRepository
from tests.app import BASE, CLICK, KEY, query_of
from tests.test_lifespan import Server

ROOT = Path(__file__).parents[2]
NAMES = ["plain_app", "starlette_app", "fastapi_app", "quart_app", "litestar_app", "django_app"]
SCRIPT = {"accept": "application/json"}


@pytest.fixture(scope="module", params=NAMES)
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Import an example as a server does, with the environment that it asks for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET_KEY", KEY)
        patch.setenv("BASE_URL", BASE)
        patch.setenv("ASGI_SOCIAL_GITHUB_CLIENT_ID", "an-id")
        patch.setenv("ASGI_SOCIAL_GITHUB_CLIENT_SECRET", "a-secret")
        patch.setenv("HOST", "app.example")
        patch.setenv("DATABASE", str(tmp_path_factory.mktemp("users") / "users.db"))
        module = importlib.import_module(f"examples.{request.param}")
        if request.param == "django_app":
            _make_django_users()
        yield module


def _make_django_users() -> None:
    from django.contrib.auth import get_user_model  # here, because Django's models exist only in a made app
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    for user_id, name in ((7, "Ada"), (8, "Grace")):
        get_user_model().objects.get_or_create(pk=user_id, username=name)
    connection.close()


class Visit:
    """A browser at an example, and the provider that the example's ``github`` is."""

    def __init__(self, app: Any, http: httpx.AsyncClient, provider: FakeProvider) -> None:
        self.app = app
        self.http = http
        self.provider = provider

    async def sign_in(self, user_id: str = "7") -> None:
        answer = await self.http.post(f"sign-in/{user_id}")
        assert answer.is_success, answer.text

    async def link(self, person: str = "ada") -> httpx.Response:
        begun = await self.http.get("associate/github/", headers=CLICK)
        assert begun.status_code == 303, begun.text
        return await self.http.get(await self.provider.consent(begun.headers["location"], person=person), headers=CLICK)

    async def phone(self, token: str) -> httpx.Response:
        return await self.http.post("phone", headers={"authorization": f"Bearer {token}"})


@asynccontextmanager
async def visit(example: ModuleType, *, mount: str = "") -> AsyncIterator[Visit]:
    clock = ManualClock()
    provider = FakeProvider(issuer="https://id.example", clock=clock)
    toml = str(ROOT / "demo_app" / "fake.toml")
    async with httpx.AsyncClient(transport=provider.transport()) as network:
        app = example.make_app(
            secret_key=KEY,
            backends={"github": {**provider.backend_settings(), "provider": toml}},
            base_url=f"{BASE}{mount}",
            database=MemoryRepository(),
            http_client=network,
            clock=clock,
        )
        transport = httpx.ASGITransport(app=app, root_path=mount)
        async with httpx.AsyncClient(transport=transport, base_url=f"{BASE}{mount}/", headers=SCRIPT) as http:
            server = Server(app)
            started = await server.starts()
            assert started["type"] == "lifespan.startup.complete"
            yield Visit(app, http, provider)
            await server.stops()


@asynccontextmanager
async def visit_again(first: Visit) -> AsyncIterator[Visit]:
    transport = httpx.ASGITransport(app=first.app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=SCRIPT) as http:
        yield Visit(first.app, http, first.provider)


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


@pytest.mark.parametrize("example", ["django_app"], indirect=True)
async def test_a_django_session_from_before_a_change_of_password_is_nobodys(example: ModuleType) -> None:
    async with visit(example) as browser:
        await browser.sign_in("8")
        before = await browser.http.get("")
        user = await example.load_user(8)
        user.set_unusable_password()  # another random text each time
        await user.asave()
        after = await browser.http.get("")

    assert (before.status_code, after.status_code) == (200, 401)


async def test_all_of_it_works_under_a_mount(example: ModuleType) -> None:
    async with visit(example, mount="/mount") as browser:
        await browser.sign_in()
        linked = await browser.link()
        home = await browser.http.get("")
        renewed = await browser.http.post("renew")
        user = await browser.phone(browser.provider.issue_tokens("ada")["access_token"])
        unlinked = await browser.http.post("disconnect/github/", headers=CLICK)
        left = await browser.http.get("")

    assert linked.headers["location"].startswith("/mount/")
    assert (home.json(), renewed.json(), user.json()) == (["ada"], ["active"], {"name": "Ada"})
    assert (unlinked.status_code, left.json()) == (303, [])


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
