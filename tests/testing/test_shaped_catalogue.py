"""What single fakes of the catalogue say, letter by letter: what the engine would take in another form too."""

import base64
import json
from typing import Any

import httpx
import pytest

from asgi_social import providers
from asgi_social.testing import FakeProvider, ManualClock, fakes_of
from asgi_social.testing.clock import START
from tests.testing.trips import settings_of, trip

TENANT = "8c4b1a52-7f1d-4a0e-9d2c-3b5a6e7f8091"


def fake_of(name: str, **more: str) -> FakeProvider:
    """Give the fake of a backend of the catalogue."""
    return fakes_of({name: settings_of(providers.provider(name)) | more}, clock=ManualClock())[name]


def claims_of(fake: FakeProvider, **more: Any) -> dict[str, Any]:
    """Give the claims of an ID token of the first person's."""
    payload = fake.issue_tokens("ada", **more)["id_token"].split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


def test_an_id_token_repeats_no_nonce_where_the_data_know_of_none() -> None:
    assert "nonce" not in claims_of(fake_of("linkedin-openidconnect"), nonce="n")
    assert claims_of(fake_of("google-oauth2"), nonce="n")["nonce"] == "n"


def test_an_id_token_of_a_client_tells_of_the_person_what_the_data_read() -> None:
    claims = claims_of(fake_of("google-oauth2"))

    assert (claims["email"], claims["email_verified"], claims["name"]) == ("ada@people.example", True, "Ada Lovelace")
    assert "preferred_username" not in claims


@pytest.mark.parametrize(("tenant", "tid"), [("common", "fake-tid"), (TENANT, TENANT)])
def test_a_tenant_is_told_by_its_id_and_names_the_issuer(tenant: str, tid: str) -> None:
    claims = claims_of(fake_of("azuread-v2-tenant-oauth2", tenant_id=tenant))

    assert (claims["tid"], claims["iss"]) == (tid, f"https://login.microsoftonline.com/{tid}/v2.0")


@pytest.mark.parametrize(
    ("name", "url", "end"),
    [
        pytest.param("facebook", "https://graph.facebook.com/debug_token", ("expires_at", START + 3600), id="moment"),
        pytest.param("google-oauth2", "https://oauth2.googleapis.com/tokeninfo", ("expires_in", 3600), id="lifetime"),
    ],
)
async def test_a_look_up_tells_the_end_as_its_name_says(name: str, url: str, end: tuple[str, int]) -> None:
    fake = fake_of(name)
    token = fake.issue_tokens("ada")["access_token"]
    app = f"{fake.client_id}|{fake.client_secret}"
    sent = {"input_token": token, "access_token": app} if name == "facebook" else {"access_token": token}

    async with httpx.AsyncClient(transport=fake.transport()) as http:
        said = (await http.get(url, params=sent)).json()

    assert said.get("data", said)[end[0]] == end[1]


async def test_a_renewed_token_lives_as_long_as_the_data_know_where_no_answer_says_it() -> None:
    async with trip("facebook", settings_of(providers.provider("facebook"))) as one:
        renewed = await (await one.link()).refresh_token()
        token = await renewed.get_access_token()
        one.clock.advance(5_000_000)
        alive = token in one.fake.tokens["ada"]
        one.clock.advance(184_000)

    assert alive
    assert token not in one.fake.tokens["ada"]


async def test_a_no_comes_back_under_the_providers_own_name() -> None:
    fake = fake_of("facebook")
    asked = "client_id=an-id&redirect_uri=https%3A%2F%2Fapp.example%2F"

    back = await fake.consent(f"https://www.facebook.com/v24.0/dialog/oauth?{asked}", deny=True)

    assert dict(httpx.URL(back).params) == {"error_code": "access_denied", "error_message": "the person says no"}
