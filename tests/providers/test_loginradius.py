"""LoginRadius: the token of its script is traded with the app's secret."""

import httpx
import pytest

from asgi_social.errors import ProviderBroken, ProviderRefused
from tests.providers.widgets import SECRET, page

PERSON = {
    "ID": "424000",
    "Provider": "github",
    "NickName": "ada",
    "Email": [{"Type": "Primary", "Value": "ada@people.example"}],
    "FullName": "Ada Lovelace",
    "FirstName": "Ada",
    "LastName": "Lovelace",
}


def loginradius(request: httpx.Request) -> httpx.Response:
    """Answer as LoginRadius does to one token and one app."""
    asked = dict(request.url.params)
    if request.url.path == "/api/v2/userprofile":
        assert asked["access_token"] == "a-token"
        return httpx.Response(200, json=PERSON)
    assert (request.method, request.url.path) == ("POST", "/api/v2/access_token")
    if asked != {"token": "a-page-token", "secret": SECRET}:
        return httpx.Response(403, json={"error": "invalid_token"})
    return httpx.Response(200, json={"access_token": "a-token", "expires_in": 3600})


async def test_the_token_of_a_page_links_the_account() -> None:
    async with page("loginradius", loginradius) as one:
        association = await one.link("a-page-token")

    assert (association.uid, association.account["email"]) == ("github-424000", "ada@people.example")
    assert await association.get_access_token() == "a-token"


async def test_a_token_that_was_made_for_another_app_is_refused() -> None:
    async with page("loginradius", loginradius) as one:
        with pytest.raises(ProviderRefused):
            await one.link("another-token")


async def test_an_answer_without_a_token_is_told() -> None:
    async with page("loginradius", lambda _: httpx.Response(200, json={})) as one:
        with pytest.raises(ProviderBroken):
            await one.link("a-page-token")
