"""What renews tokens at a fake in a provider's shape is what its data say."""

import httpx
import pytest

from asgi_social import CannotRenew
from tests.testing.trips import SECRET, trip, with_


@pytest.mark.parametrize("offline", [True, False])
async def test_a_refresh_token_comes_where_it_is_asked_for_as_the_data_say(offline: bool) -> None:
    rules = {"offline": {"params": {"keep": "yes"}, "scope": ["lasting"]}}
    async with trip("own", with_(authorize=rules) | {"offline": offline}) as one:
        await one.link()

        kinds = [token.split("-")[1] for token in one.fake.tokens["ada"]]

    assert kinds == ["access", *(["refresh"] if offline else [])]


async def test_where_the_data_renew_nothing_no_refresh_token_comes() -> None:
    async with trip("own", with_(refresh=False)) as one:
        association = await one.link()

        with pytest.raises(CannotRenew):
            await association.refresh_token()

    assert len(one.fake.tokens["ada"]) == 1


async def test_tokens_that_never_expire_are_good_for_ever() -> None:
    async with trip("own", with_(refresh={"never_expires": True})) as one:
        token = await (await one.link()).get_access_token()
        one.clock.advance(1_000_000_000)

    assert token in one.fake.tokens["ada"]


async def test_a_refresh_token_stays_good_where_the_data_say_so() -> None:
    async with trip("own", with_(refresh={"rotates": False})) as one:
        association = await one.link()
        [_, spent] = one.fake.tokens["ada"]

        await association.refresh_token()

    assert spent in one.fake.tokens["ada"]


async def test_an_access_token_is_traded_by_the_app_that_it_was_issued_to_alone() -> None:
    async with trip("own", with_(refresh={"with": "access_token"})) as one:
        theirs = one.fake.issue_tokens("ada", client_id="another-app")["access_token"]
        form = {"client_id": "an-id", "client_secret": SECRET, "grant_type": "refresh_token", "refresh_token": theirs}

        async with httpx.AsyncClient(transport=one.fake.transport()) as http:
            answer = await http.post("https://own.example/token", data=form)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
