"""A backend of SAML with one identity provider or two, and the browser of a person who is signed in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from asgi_social import Social, SocialMiddleware
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing import ManualClock, SignedIn, user_of
from asgi_social.testing.fake_saml import FakeIdentityProvider
from tests.app import KEY

ENTITY_ID = "https://app.example"
JSON = {"accept": "application/json"}


@dataclass(frozen=True)
class Visit:
    """A person's browser, and who it is sent to."""

    social: Social
    idp: FakeIdentityProvider
    other: FakeIdentityProvider
    browser: SignedIn
    clock: ManualClock

    async def begun(self, **params: str) -> str:
        """Begin a flow; give where the browser is sent."""
        answer = await self.browser.get("/associate/saml/", params=params)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    async def posted(self, url: str, form: dict[str, str]) -> tuple[int, str | None, str | None]:
        """Post an answer as the identity provider's page does; give status, code and reason of what comes of it."""
        carried = await self.browser.post(url, data=form)
        assert carried.status_code == 303, carried.text
        answer = await self.browser.get(carried.headers["location"], headers=JSON)
        said = answer.json() if answer.status_code >= 400 else {}
        assert answer.status_code == 303 or len(await self.social.associations("7")) == 0
        return answer.status_code, said.get("code"), said.get("reason")


@asynccontextmanager
async def visit(**more: Any) -> AsyncIterator[Visit]:
    """Open an app."""
    clock = ManualClock()
    idp = FakeIdentityProvider(clock=clock)
    other = FakeIdentityProvider(name="other", host="other.example", clock=clock)
    backend = {
        "sp_entity_id": ENTITY_ID,
        "enabled_idps": {"corp": idp.settings(), "other": other.settings()},
        "idp": "corp",
        **more,
    }
    social = Social(
        secret_key=KEY,
        backends={"saml": {name: one for name, one in backend.items() if one is not None}},
        base_url="https://app.example",
        database=MemoryRepository(),
        current_user=user_of,
        clock=clock,
    )
    app = SocialMiddleware(Response(), social)
    async with social, SignedIn(app, social=social, fake_providers={"saml": idp}, user_id="7") as browser:
        yield Visit(social, idp, other, browser, clock)
