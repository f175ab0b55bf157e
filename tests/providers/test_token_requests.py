"""Renewals and revocations of the catalogue, where a provider does not do as the standards say."""

from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from asgi_social import Event, Social
from tests.app import app_of, browser, linked, query_of, settings
from tests.providers.answering import Answering, backends_of, sent_in

TOKENS = {"access_token": "a-token", "refresh_token": "a-refresh-token", "token_type": "bearer", "expires_in": 3600}
# By provider: the token endpoint, the userinfo endpoint, and the profile.
ENDPOINTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "discord": ("https://discord.com/api/oauth2/token", "https://discord.com/api/users/@me", {"id": "7"}),
    "facebook": (
        "https://graph.facebook.com/v24.0/oauth/access_token",
        "https://graph.facebook.com/v24.0/me",
        {"id": "7"},
    ),
    "github": ("https://github.com/login/oauth/access_token", "https://api.github.com/user", {"id": 7}),
    "gitlab": ("https://gitlab.com/oauth/token", "https://gitlab.com/api/v4/user", {"id": 7}),
    "google-oauth2": (
        "https://oauth2.googleapis.com/token",
        "https://www.googleapis.com/oauth2/v3/userinfo",
        {"sub": "7"},
    ),
    "oauth2": ("https://own.example/token/", "https://own.example/me/", {"id": 7}),
    "spotify": ("https://accounts.spotify.com/api/token", "https://api.spotify.com/v1/me", {"id": "7"}),
    "stripe": ("https://connect.stripe.com/oauth/token", "https://api.stripe.com/v1/account", {}),
    "twitch": ("https://id.twitch.tv/oauth2/token", "https://api.twitch.tv/helix/users", {"data": [{"id": "7"}]}),
}
KEYS = {"client_id": "an-id", "client_secret": "a-secret"}
BASIC = "Basic YW4taWQ6YS1zZWNyZXQ="


def _network(name: str, **more: object) -> Answering:
    token, userinfo, profile = ENDPOINTS[name]
    return Answering({token: {**TOKENS, "stripe_user_id": "7"}, userinfo: profile, **more})


async def _renewal(name: str) -> tuple[httpx.Request, float | None]:
    """Link an account, renew its tokens: give the request, and when the new ones end."""
    network = _network(name)
    async with Social(**settings(network, backends=backends_of(name))) as social, browser(app_of(social)) as client:
        await linked(client, name)
        [association] = await social.associations("ada")
        network.answers[ENDPOINTS[name][0]] = {"access_token": "a-newer-token", "token_type": "bearer"}
        renewed = await association.refresh_token()
        assert await renewed.get_access_token() == "a-newer-token"
    return network.asked[-1], renewed.expires_at


async def _revocation(name: str, answer: object = None, *, status: int = 200, **more: object) -> list[httpx.Request]:
    """Link an account, unlink it, and see the provider's answer taken as a yes: give what it was asked to revoke."""
    network, told = _network(name), list[Event]()
    backends = backends_of(name, **more)
    async with Social(**settings(network, backends=backends, on_event=told.append)) as social:
        async with browser(app_of(social)) as client:
            await linked(client, name)
        asked = len(network.asked)
        network.otherwise = (status, answer)
        await social.disconnect("ada")
    assert [event.name for event in told] == ["associated", "disconnected"]
    return network.asked[asked:]


async def test_facebook_renews_with_the_access_token_for_sixty_days() -> None:
    request, expires_at = await _renewal("facebook")

    assert request.method == "GET"
    assert sent_in(request) == {**KEYS, "grant_type": "fb_exchange_token", "fb_exchange_token": "a-token"}
    assert expires_at == 1_800_000_000 + 5184000


async def test_stripe_renews_with_nothing_but_the_refresh_token_and_its_key() -> None:
    request, _ = await _renewal("stripe")

    assert request.headers["authorization"] == "Bearer a-secret"
    assert sent_in(request) == {"grant_type": "refresh_token", "refresh_token": "a-refresh-token"}


async def test_spotify_renews_with_basic() -> None:
    request, _ = await _renewal("spotify")

    assert request.headers["authorization"] == BASIC
    assert sent_in(request) == {"grant_type": "refresh_token", "refresh_token": "a-refresh-token"}


@pytest.mark.parametrize("name", ["discord", "github", "gitlab", "google-oauth2", "oauth2", "twitch"])
async def test_the_others_renew_as_the_standard_says(name: str) -> None:
    request, _ = await _renewal(name)

    assert (request.method, request.headers.get("authorization")) == ("POST", None)
    assert sent_in(request) == {**KEYS, "grant_type": "refresh_token", "refresh_token": "a-refresh-token"}


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("discord", "https://discord.com/api/oauth2/token/revoke"),
        ("gitlab", "https://gitlab.com/oauth/revoke"),
        ("google-oauth2", "https://oauth2.googleapis.com/revoke"),
        ("twitch", "https://id.twitch.tv/oauth2/revoke"),
    ],
)
async def test_tokens_are_revoked_as_the_standard_says(name: str, url: str) -> None:
    [request] = await _revocation(name)

    assert (request.method, str(request.url)) == ("POST", url)
    assert sent_in(request) == {**KEYS, "token": "a-refresh-token"}


async def test_a_provider_of_ones_own_is_told_where_it_has_an_address() -> None:
    assert await _revocation("oauth2") == []
    [request] = await _revocation("oauth2", revoke_url="https://own.example/revoke/")

    assert str(request.url) == "https://own.example/revoke/"


@pytest.mark.parametrize("answer", [True, {"success": True}])
async def test_facebook_is_told_by_the_person(answer: object) -> None:
    [request] = await _revocation("facebook", answer)

    assert (request.method, request.url.path) == ("DELETE", "/v24.0/7/permissions")
    assert set(sent_in(request)) == {"access_token", "appsecret_proof"}


@pytest.mark.parametrize(("name", "answer"), [("facebook", {"success": False}), ("github", {})])
async def test_another_answer_is_no_yes(name: str, answer: object) -> None:
    with pytest.raises(AssertionError, match="revocation_failed"):
        await _revocation(name, answer)


async def test_github_is_told_the_token_by_the_app() -> None:
    [request] = await _revocation("github", status=204)

    assert (request.method, request.url.path) == ("DELETE", "/applications/an-id/token")
    assert request.headers["authorization"] == BASIC
    assert sent_in(request) == {"access_token": "a-token"}


async def test_stripe_is_told_the_account_by_the_app() -> None:
    [request] = await _revocation("stripe")

    assert (request.method, str(request.url)) == ("POST", "https://connect.stripe.com/oauth/deauthorize")
    assert request.headers["authorization"] == "Bearer a-secret"
    assert sent_in(request) == {"client_id": "an-id", "stripe_user_id": "7"}


async def test_a_provider_that_cannot_be_told_is_not_asked() -> None:
    assert await _revocation("spotify") == []


async def test_google_gives_a_refresh_token_only_where_it_is_asked_offline_with_consent() -> None:
    backends = backends_of("google-oauth2", offline=True)
    network = _network("google-oauth2")
    async with Social(**settings(network, backends=backends)) as social, browser(app_of(social)) as client:
        first = await client.get("/associate/google-oauth2/")
        await linked(client, "google-oauth2")
        again = await client.get("/associate/google-oauth2/")

    asked, later = query_of(first.headers["location"]), query_of(again.headers["location"])
    assert (asked["access_type"], asked["prompt"]) == ("offline", "consent")
    assert later["access_type"] == "offline"
    assert "prompt" not in later


async def test_any_openid_provider_is_asked_for_a_refresh_token_by_its_scope_and_consent() -> None:
    metadata = {"issuer": "https://own.example", "authorization_endpoint": "https://own.example/authorize"}
    network = Answering({"https://own.example/.well-known/openid-configuration": metadata})
    backends = backends_of("oidc", offline=True)
    async with Social(**settings(network, backends=backends)) as social, browser(app_of(social)) as client:
        begun = await client.get("/associate/oidc/")

    asked = query_of(begun.headers["location"])
    assert (asked["scope"], asked["prompt"]) == ("openid profile email offline_access", "consent")


async def test_a_space_is_sent_to_apple_as_it_reads_it() -> None:
    pem = ECKey.generate_key("P-256").as_pem(private=True).decode()
    backends = backends_of("apple-id", client_secret=pem)
    async with Social(**settings(Answering({}), backends=backends)) as social, browser(app_of(social)) as client:
        begun = await client.get("/associate/apple-id/")

    assert "scope=name%20email&" in begun.headers["location"]
