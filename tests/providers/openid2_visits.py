"""A provider of OpenID 2.0 of the catalogue with its fake, and the browser of a person who is signed in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.responses import Response

from asgi_social import Social, SocialMiddleware
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing import FakeOpenID2, ManualClock, SignedIn, transport_to, user_of
from tests.app import KEY

# The forms of the identifiers, as the sources of the files have them; the others are found by discovery.
IDENTITIES = {
    "fedora": "http://{}.id.fedoraproject.org/",
    "launchpad": "https://login.launchpad.net/+id/{}",
    "livejournal": "http://{}.livejournal.com/",
    "openstack": "https://openstackid.org/{}",
    "openinfra": "https://id.openinfra.dev/{}",
    "opensuse": "https://www.opensuse.org/openid/user/{}",
    "steam": "https://steamcommunity.com/openid/id/7656119796043553{}",
    "ubuntu": "https://login.ubuntu.com/+id/{}",
}
SETTINGS: dict[str, dict[str, Any]] = {
    "livejournal": {"openid_lj_user": "ada"},
    "openid": {"openid_identifier": "https://people.example/ada"},
    "steam": {"api_key": "a-key-of-steam"},
}
PLAYERS = "https://api.steampowered.com/ISteamUser/GetPlayerSummaries/v0002/"


@dataclass(frozen=True)
class Visit:
    """One backend with its fake, and the browser of a person who is signed in."""

    name: str
    social: Social
    fake: FakeOpenID2
    browser: SignedIn
    clock: ManualClock

    async def answer(self, *, deny: bool = False) -> str:
        """Begin a flow, and give the address that leads back from the provider."""
        begun = await self.browser.get(f"/associate/{self.name}/")
        url, _ = await self.fake.sends_back(begun.headers["location"], person="ada", deny=deny)
        return url

    async def answered(self, url: str) -> tuple[int, str | None, str | None]:
        """Open an address as the browser, and give status, code and reason."""
        answer = await self.browser.get(url, headers={"accept": "application/json"})
        said = answer.json() if answer.status_code >= 400 else {}
        return answer.status_code, said.get("code"), said.get("reason")


def identity(name: str, username: str) -> str:
    digits = str(len(username)) if name == "steam" else username
    return IDENTITIES.get(name, "https://people.example/{}").format(digits)


@asynccontextmanager
async def visit(name: str, *, without: str = "", **more: Any) -> AsyncIterator[Visit]:
    """Open an engine with one backend, whose provider is played.

    Args:
        name: The backend's.
        without: A setting that the app leaves to the person.
        more: Further settings.
    """
    settings, clock = {**SETTINGS.get(name, {}), **more}, ManualClock()
    people = {one: identity(name, one) for one in ("ada", "layla", "grace")}
    fake = FakeOpenID2(settings, name=name, identities=people, clock=clock)
    fake.answers[PLAYERS] = {
        "response": {"players": [{"personaname": "Countess", "avatarfull": "https://a.example/a"}]}
    }
    async with httpx.AsyncClient(transport=transport_to([fake])) as http_client:
        social = Social(
            secret_key=KEY,
            backends={name: _of_the_app(settings, without)},
            base_url="https://app.example",
            database=MemoryRepository(),
            http_client=http_client,
            current_user=user_of,
            clock=clock,
        )
        app = SocialMiddleware(Response(), social)
        async with social, SignedIn(app, social=social, fake_providers={name: fake}, user_id="7") as browser:
            yield Visit(name, social, fake, browser, clock)


def _of_the_app(settings: dict[str, Any], without: str) -> dict[str, Any]:
    if not without:
        return settings
    return {**{key: one for key, one in settings.items() if key != without}, "ask_for": [without]}
