"""The services beside the app: three made-up ones, each a provider of tokens with something to tell who has one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from asgi_social.clock import Clock
from asgi_social.testing import FakeProvider, Person
from demo_app import diary
from demo_app.people import PEOPLE

_TOML = Path(__file__).parent / "providers"
CLIENT_ID = "harbour-runners"
_IN_OWN_LETTERS = {"layla": "ليلى حدّاد"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service beside the app.

    Attributes:
        name: The backend's name.
        title: For people.
        purpose: What the club has from it.
        resource: What it has to tell: the last word of its address, and the scope that it wants.
        tell: Gives that, by account and moment.
        provider: Gives its tokens.
        clock: The time.
    """

    name: str
    title: str
    purpose: str
    resource: str
    tell: Callable[[str, float], Mapping[str, object]]
    provider: FakeProvider
    clock: Clock

    @property
    def url(self) -> str:
        """Where it tells what it has to tell."""
        return f"{self.provider.issuer}/api/{self.resource}"

    @property
    def is_broken(self) -> bool:
        """Whether it is out of order."""
        return self.provider.faults.token_status is not None

    def breaks(self) -> None:
        """Answer 503 from now on where data or tokens are asked for."""
        self.provider.faults.token_status = 503

    def works(self) -> None:
        """Answer as it should from now on."""
        self.provider.faults.token_status = None

    def backend_settings(self) -> dict[str, str]:
        """Give the settings of the app's backend for it."""
        return {**self.provider.backend_settings(), "provider": str(_TOML / f"{self.name}.toml")}

    async def answer(self, request: Request) -> Response:
        """Tell what there is to tell, to whoever shows an access token of this provider with the scope for it."""
        if self.is_broken:
            return JSONResponse({"error": "out of order"}, 503)
        sent = {"authorization": request.headers.get("authorization", "")}
        async with httpx.AsyncClient(transport=self.provider.transport()) as http:
            looked_up = await http.get(f"{self.provider.issuer}/token-info", headers=sent)
        if looked_up.status_code != 200:
            return JSONResponse({"error": "invalid_token"}, 401, {"www-authenticate": "Bearer"})
        token = looked_up.json()
        if self.resource not in token["scope"].split():
            return JSONResponse({"error": "insufficient_scope"}, 403)
        return JSONResponse(self.tell(token["sub"], self.clock.now()))


def made_up(base: str, *, clock: Clock) -> dict[str, Service]:
    """Make the services, by name; they lie below the app's own address."""
    told: Sequence[tuple[str, str, str, str, Callable[[str, float], Mapping[str, object]], int | None]] = (
        ("footfall", "Footfall", "Your runs, with distance and pace", "runs", diary.runs, 600),
        ("daymark", "Daymark", "Your calendar, with the club's sessions in it", "events", diary.events, 3600),
        ("tunewell", "Tunewell", "Playlists at the pace of the week", "playlists", diary.playlists, None),
    )
    return {
        name: Service(
            name=name,
            title=title,
            purpose=purpose,
            resource=resource,
            tell=tell,
            provider=_provider(f"{base}/services/{name}", lifetime=lifetime, clock=clock),
            clock=clock,
        )
        for name, title, purpose, resource, tell, lifetime in told
    }


def routes_of(services: Mapping[str, Service]) -> list[BaseRoute]:
    """Give the routes of the services: what each has to tell, and its provider around that."""
    told = [Route(f"/services/{one.name}/api/{one.resource}", one.answer) for one in services.values()]
    return [*told, *(Mount(f"/services/{one.name}", one.provider) for one in services.values())]


def _provider(issuer: str, *, lifetime: int | None, clock: Clock) -> FakeProvider:
    members = [
        Person(
            sub=one.account,
            username=one.account,
            name=_IN_OWN_LETTERS.get(one.account, one.name),
            email=f"{one.account}@runners.example",
            email_verified=True,
        )
        for one in PEOPLE.values()
    ]
    club = Person(sub="harbour", username="harbour", name="Harbour Runners", email="hello@runners.example")
    return FakeProvider(issuer=issuer, client_id=CLIENT_ID, people=(*members, club), lifetime=lifetime, clock=clock)
