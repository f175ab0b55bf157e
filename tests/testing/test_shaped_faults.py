"""The faults of a fake in a provider's shape: the same switches, told in that provider's way."""

from typing import Any

import pytest

from asgi_social import CannotRenew, NeedsReauth, ProviderUnreachable, providers
from tests.testing.trips import settings_of, trip


def of(name: str) -> dict[str, Any]:
    """Give the settings of a backend of the catalogue."""
    return settings_of(providers.provider(name))


@pytest.mark.parametrize(
    ("name", "switch", "value", "answer"),
    [
        pytest.param("github", "deny", True, "403.*consent_denied", id="deny"),
        pytest.param("apple-id", "deny", True, "403.*consent_denied", id="deny by a form post"),
        pytest.param("facebook", "deny", True, "403.*consent_denied", id="deny under another name"),
        pytest.param("facebook", "error", "server_error", "502.*provider_refused", id="error under another name"),
        pytest.param("github", "wrong_state", True, "400.*flow_refused", id="state"),
        pytest.param("github", "down", True, "503.*provider_unreachable", id="down"),
        pytest.param("github", "limited", 30, "503.*provider_unreachable", id="limited"),
        pytest.param("github", "huge_body", 2_000_000, "502.*provider_broken", id="huge"),
        pytest.param("github", "cut", "before", "503.*provider_unreachable", id="cut"),
        pytest.param("github", "no_userinfo_sub", True, "502.*provider_broken", id="no uid"),
        pytest.param("twitch", "no_access_token", True, "502.*provider_broken", id="no access token"),
        pytest.param("apple-id", "nonce", "other", "502.*nonce", id="nonce"),
        pytest.param("google-oauth2", "nonce", "other", "502.*nonce", id="nonce beside OAuth 2"),
        pytest.param("azuread-v2-tenant-oauth2", "audience", "other", "502.*audience", id="audience"),
        pytest.param("linkedin-openidconnect", "signed_by_other_key", True, "502.*signature", id="key"),
        pytest.param("oidc", "alg_none", True, "502.*signature", id="no signature"),
        pytest.param("apple-id", "wrong_issuer", True, "502.*issuer", id="issuer"),
        pytest.param("oidc", "metadata_issuer", "https://other.example", "502.*issuer", id="issuer of the metadata"),
    ],
)
async def test_a_fault_is_told_in_the_providers_way_and_refused(
    name: str, switch: str, value: object, answer: str
) -> None:
    async with trip(name, of(name)) as one:
        setattr(one.fake.faults, switch, value)

        with pytest.raises((AssertionError, ProviderUnreachable), match=f"(?s)answers {answer}"):
            await one.link()

        setattr(one.fake.faults, switch, getattr(type(one.fake.faults)(), switch))
        one.clock.advance(90_000)  # after which no metadata are kept
        assert (await one.link()).uid == one.fake.uid_of("ada")


@pytest.mark.parametrize("name", ["github", "apple-id", "azuread-v2-tenant-oauth2", "slack"])
async def test_an_account_without_an_e_mail_address_is_linked_without(name: str) -> None:
    async with trip(name, of(name)) as one:
        one.fake.faults.no_email = True

        association = await one.link()

    assert not association.email
    assert association.uid == "person-1"


async def test_without_a_refresh_token_there_is_nothing_to_renew_with() -> None:
    async with trip("google-oauth2", of("google-oauth2")) as one:
        one.fake.faults.no_refresh_token = True
        association = await one.link()

        with pytest.raises(CannotRenew):
            await association.refresh_token()


@pytest.mark.parametrize("name", ["facebook", "spotify"])
async def test_a_refused_renewal_is_understood_in_the_providers_way(name: str) -> None:
    async with trip(name, of(name)) as one:
        association = await one.link()
        one.fake.faults.invalid_grant = True

        with pytest.raises(NeedsReauth):
            await association.refresh_token()


async def test_an_odd_lifetime_is_told_as_it_is() -> None:
    async with trip("github", of("github")) as one:
        one.fake.faults.expires_in = "soon"
        association = await one.link()
        one.clock.advance(1_000_000)

        token = await association.get_access_token()

    assert token.startswith("fake-access-ada-")
    assert one.fake.count("/token") == 1


@pytest.mark.parametrize(("switch", "value"), [("down", True), ("limited", 30)])
async def test_the_page_of_a_provider_that_is_down_or_limited_is_still_there(switch: str, value: object) -> None:
    async with trip("github", of("github")) as one:
        begun = await one.browser.get("/associate/github/")
        setattr(one.fake.faults, switch, value)

        back = await one.fake.consent(begun.headers["location"])

    assert back.startswith("https://app.example/complete/github/?code=")
