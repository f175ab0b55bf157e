"""Steam: the ticket that a game gets, which is taken with the app's own key alone."""

from typing import Any

import httpx
import pytest

from asgi_social.storage.memory import MemoryRepository
from tests.providers.widgets import page

TICKET = "14000000aa55"
ADA = "76561197960287930"
SETTINGS = {"app_id": "480", "api_key": "a-publishers-key"}


class Steam:
    """Steam as a function."""

    def __init__(self, ticket: object = None, status: int = 200) -> None:
        good = {"params": {"result": "OK", "steamid": ADA, "ownersteamid": ADA}}
        self.ticket = good if ticket is None else ticket
        self.status = status
        self.asked: list[httpx.URL] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        if "AuthenticateUserTicket" in request.url.path:
            return httpx.Response(self.status, json={"response": self.ticket})
        return httpx.Response(200, json={"response": {"players": [{"personaname": "ada"}]}})


async def test_a_ticket_links_the_person_whom_steam_names_and_is_not_kept() -> None:
    steam = Steam()
    async with page("steam", steam, **SETTINGS) as one:
        association = await one.link(TICKET)
        store = one.social.settings.database
        assert isinstance(store, MemoryRepository)
        [row] = await store.of_user("7")

        assert await one.backend.do_auth(TICKET) == "7"
    assert (association.uid, association.account["username"], row.access_token) == (ADA, "ada", "")
    assert dict(steam.asked[0].params) == {"key": "a-publishers-key", "appid": "480", "ticket": TICKET}


@pytest.mark.parametrize("missing", SETTINGS)
async def test_without_what_binds_it_no_ticket_is_taken_and_nobody_is_asked(missing: str) -> None:
    steam = Steam()
    async with page("steam", steam, **{name: text for name, text in SETTINGS.items() if name != missing}) as one:
        assert await one.refusal(TICKET) == "unbound"
    assert steam.asked == []


@pytest.mark.parametrize(
    ("ticket", "status", "reason"),
    [
        pytest.param(
            {"error": {"errorcode": 101, "errordesc": "Invalid ticket"}}, 200, "inactive", id="another game's"
        ),
        pytest.param({"params": {"result": "Denied", "steamid": ADA}}, 200, "inactive", id="denied"),
        pytest.param({"params": {"steamid": ADA}}, 200, "inactive", id="no result"),
        pytest.param({"params": {"result": "OK"}}, 200, "subject", id="nobody"),
        pytest.param({"params": {"result": "OK", "steamid": True}}, 200, "subject", id="a truth"),
        pytest.param({"params": []}, 200, "inactive", id="a list"),
        pytest.param({}, 403, "inactive", id="refused"),
    ],
)
async def test_a_ticket_that_steam_does_not_take_is_refused(ticket: Any, status: int, reason: str) -> None:
    async with page("steam", Steam(ticket, status), **SETTINGS) as one:
        assert await one.refusal(TICKET) == reason


async def test_an_unbound_ticket_is_not_let_in_where_one_can_be_proved() -> None:
    async with page("steam", Steam({}), allow_unbound_tokens=True, **SETTINGS) as one:
        assert await one.refusal(TICKET) == "inactive"
