"""The tutorial does what it says: its files are written as pasted, served on this machine, and every claim is tried."""

import asyncio
import importlib
import re
import runpy
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from asgi_social import Social
from tests.app import KEY, app_of, browser, github, linked, query_of, settings
from tests.docs.pages import blocks_of, text_of
from tests.served import Browser, listener, serving, url_of

PAGE = text_of("tutorial/index.md")
SECTIONS = {int(text.partition(".")[0]): text for text in PAGE.split("\n## ")[1:] if text[0].isdigit()}
_BLOCK = re.compile(r"```python\n# (.*?)\n(.*?)```", re.DOTALL)
_MODULES = ("provider", "views", "app")


@pytest.fixture
def sockets() -> Iterator[dict[str, socket.socket]]:
    with listener() as of_app, listener() as of_provider:
        yield {"app": of_app, "provider": of_provider}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the empty folder in which everything happens, with the key in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SECRET_KEY", KEY)
    yield tmp_path
    _forget()


def _forget() -> None:
    importlib.invalidate_caches()
    for name in _MODULES:
        sys.modules.pop(name, None)


def paste(folder: Path, sockets: dict[str, socket.socket], *, section: int) -> None:
    """Do what a section says to do with its blocks, at the two ports that are free here."""
    for place, text in _BLOCK.findall(SECTIONS[section]):
        text = text.replace("http://localhost:8000", url_of(sockets["app"]))
        text = text.replace("127.0.0.1:8001", f"127.0.0.1:{sockets['provider'].getsockname()[1]}")
        if place.startswith("add at the end of "):
            path = folder / place.removeprefix("add at the end of ")
            path.write_text(f"{path.read_text()}\n\n{text}")
        elif place == "add to app.py, before app = …":
            path = folder / "app.py"
            path.write_text(path.read_text().replace("\napp = ", f"\n{text}\napp = "))
        else:
            (folder / place).write_text(text)


@asynccontextmanager
async def after(folder: Path, sockets: dict[str, socket.socket], *, section: int) -> AsyncIterator["Reader"]:
    """Serve provider and app as they stand at the end of a section, and give who reads the tutorial."""
    for number in range(2, section + 1):
        paste(folder, sockets, section=number)
    _forget()
    provider, app = importlib.import_module("provider"), importlib.import_module("app")
    async with (
        serving(provider.app, sockets["provider"]),
        serving(app.app, sockets["app"]),
        httpx.AsyncClient(base_url=url_of(sockets["app"]), trust_env=False, timeout=20) as http,
    ):
        yield Reader(http, provider)


class Reader(Browser):
    """Somebody who does what the tutorial says, in a browser."""

    def __init__(self, http: httpx.AsyncClient, provider: ModuleType) -> None:
        super().__init__(http)
        self.provider = provider.provider

    async def see(self, path: str) -> str:
        """Open a page, and give what one sees of it."""
        answer = await self.http.get(path, headers={"accept": "text/html"}, follow_redirects=True)
        assert answer.status_code == 200, answer.text
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.text))

    async def link(self) -> list[str]:
        """Sign in, press the buttons of section 4, and give what was seen on the way."""
        await self.see("/sign-in/7")
        begun = await self.click("/associate/fake/")
        asked = await self.http.get(begun.headers["location"])
        back = await self.provider.consent(begun.headers["location"], person="ada")
        completed = await self.arrive(back)
        return [asked.text, await self.see(completed.headers["location"])]


def says(section: int, text: str) -> bool:
    """Say whether a section promises its reader this text."""
    return text in re.sub(r"\s+", " ", SECTIONS[section])


async def test_ada_signs_in_and_a_database_is_there(folder: Path, sockets: dict[str, socket.socket]) -> None:
    async with after(folder, sockets, section=3) as reader:
        before = await reader.see("/")
        signed_in = await reader.see("/sign-in/7")

    assert before.startswith("Nobody is signed in. Sign in as Ada")
    assert signed_in.startswith("Hello Ada. Linked: none. Your linked accounts")
    assert says(3, "*Nobody is signed in.*")
    assert says(3, "*Hello Ada. Linked: none.*")
    assert (folder / "social.db").exists()


async def test_an_account_is_linked_by_its_buttons(folder: Path, sockets: dict[str, socket.socket]) -> None:
    async with after(folder, sockets, section=4) as reader:
        await reader.see("/sign-in/7")
        empty = await reader.see("/associate/")
        asked, accounts = await reader.link()
        home = await reader.see("/")

    assert "No account is linked yet." in empty
    assert says(4, "*No account is linked yet.*")
    assert "Who are you?" in asked
    assert "(ada)" in asked
    assert "ada" in accounts
    assert "Unlink" in accounts
    assert home.startswith("Hello Ada. Linked: ada. ")


async def test_the_provider_keeps_its_own_port(folder: Path, sockets: dict[str, socket.socket]) -> None:
    async with after(folder, sockets, section=4) as reader:
        await reader.see("/sign-in/7")
        begun = await reader.click("/associate/fake/")

    assert httpx.URL(begun.headers["location"]).port == sockets["provider"].getsockname()[1]


async def test_live_data_come_with_the_stored_token(folder: Path, sockets: dict[str, socket.socket]) -> None:
    async with after(folder, sockets, section=5) as reader:
        await reader.link()
        seen = await reader.see("/live")

    assert seen == "The provider says: ada@people.example"
    assert says(5, f"*{seen}*")


async def test_a_phone_of_ours_is_ada_and_another_is_refused(
    folder: Path, sockets: dict[str, socket.socket], capsys: pytest.CaptureFixture[str]
) -> None:
    async with after(folder, sockets, section=6) as reader:
        await reader.link()
        await asyncio.to_thread(runpy.run_path, "phone.py", run_name="__main__")

    [promised] = blocks_of(SECTIONS[6], "text")
    assert capsys.readouterr().out == promised.text


async def test_fifty_callers_make_one_renewal(folder: Path, sockets: dict[str, socket.socket]) -> None:
    async with after(folder, sockets, section=7) as reader:
        await reader.link()
        before = reader.provider.count("/token")
        seen = await reader.see("/renew")
        requests = reader.provider.count("/token") - before
        live = await reader.see("/live")

    assert seen == "50 callers, 1 new token"
    assert says(7, f"*{seen}*")
    assert requests == 1
    assert live == "The provider says: ada@people.example"


def test_the_test_of_ones_own_passes(folder: Path, sockets: dict[str, socket.socket]) -> None:
    for section in range(2, 9):
        paste(folder, sockets, section=section)

    [command] = re.findall(r"```console\npython (.*?)\n```", SECTIONS[8])
    run = subprocess.run([sys.executable, *command.split()], capture_output=True, text=True, check=False)  # noqa: S603

    assert run.stdout.splitlines()[-1].startswith("1 passed"), run.stdout
    assert says(8, "`1 passed`")


async def test_github_has_a_button_of_its_own(folder: Path, sockets: dict[str, socket.socket]) -> None:
    async with after(folder, sockets, section=9) as reader:
        await reader.see("/sign-in/7")
        page = await reader.see("/associate/")
        begun = await reader.click("/associate/github/")

    callback = query_of(begun.headers["location"])["redirect_uri"]
    assert "Link GitHub" in page
    assert begun.headers["location"].startswith("https://github.com/login/oauth/authorize?")
    assert callback.replace(url_of(sockets["app"]), "http://localhost:8000") == "http://localhost:8000/complete/github/"
    assert says(9, "`http://localhost:8000/complete/github/`")


async def test_the_repositories_are_listed(folder: Path, sockets: dict[str, socket.socket]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/user/repos":
            return httpx.Response(200, json=[{"full_name": "octocat/hello"}, {"full_name": "octocat/world"}])
        return github(request)

    for section in (3, 9):
        paste(folder, sockets, section=section)
    views: Any = importlib.import_module("views")
    routes = [Route("/repositories", views.repositories)]
    async with Social(**settings(answer)) as social, browser(app_of(social, routes=routes)) as client:
        await linked(client)
        listed = await client.get("/repositories")

    assert listed.text == "octocat/hello\noctocat/world"
