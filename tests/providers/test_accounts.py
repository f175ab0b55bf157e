"""What is read of an account where no recording shows it: pictures, proved addresses, and providers without recordings.

The profiles are short forms of those in the providers' manuals.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from asgi_social import Social
from tests.app import app_of, browser, linked, query_of, settings
from tests.providers.answering import BACKENDS, Answering, backends_of, key_set, sent_in, signed

TENANT = BACKENDS["azuread-v2-tenant-oauth2"]["tenant_id"]
FACEBOOK = "https://graph.facebook.com/v24.0"
PICTURE = "https://pictures.example/7.png"
# By provider: what is answered by address, and what must come out.
PROFILES: Mapping[str, tuple[Mapping[str, object], Mapping[str, object]]] = {
    "discord": (
        {
            "https://discord.com/api/oauth2/token": {"access_token": "a-token"},
            "https://discord.com/api/users/@me": {
                "id": "80351110224678912",
                "username": "nelly",
                "global_name": "Nelly",
                "avatar": "8342729096ea3675442027381ff50dfe",
                "email": "nelly@discord.example",
                "verified": True,
                "locale": "en-US",
            },
        },
        {
            "username": "nelly",
            "fullname": "Nelly",
            "email": "nelly@discord.example",
            "email_verified": True,
            "locale": "en-US",
            "picture": "https://cdn.discordapp.com/avatars/80351110224678912/8342729096ea3675442027381ff50dfe.png",
        },
    ),
    "facebook": (
        {
            f"{FACEBOOK}/oauth/access_token": {"access_token": "a-token"},
            f"{FACEBOOK}/me": {
                "id": "7",
                "name": "Ada Lovelace",
                "email": "ada@example.com",
                "picture": {"data": {"url": PICTURE}},
            },
        },
        {"username": "Ada Lovelace", "email": "ada@example.com", "email_verified": False, "picture": PICTURE},
    ),
    "github": (
        {
            "https://github.com/login/oauth/access_token": {"access_token": "a-token"},
            "https://api.github.com/user": {"id": 7, "login": "ada", "avatar_url": PICTURE, "email": "old@example.com"},
            "https://api.github.com/user/emails": [
                {"email": "other@example.com", "primary": False, "verified": True},
                {"email": "ada@example.com", "primary": True, "verified": True},
            ],
        },
        {"username": "ada", "email": "ada@example.com", "email_verified": True, "picture": PICTURE},
    ),
    "gitlab": (
        {
            "https://gitlab.com/oauth/token": {"access_token": "a-token"},
            "https://gitlab.com/api/v4/user": {"id": 7, "username": "ada", "avatar_url": PICTURE},
        },
        {"username": "ada", "email": "", "email_verified": False, "picture": PICTURE},
    ),
    "google-oauth2": (
        {
            "https://oauth2.googleapis.com/token": {"access_token": "a-token"},
            "https://www.googleapis.com/oauth2/v3/userinfo": {
                "sub": "7",
                "email": "ada@example.com",
                "email_verified": True,
                "picture": PICTURE,
                "locale": "en",
            },
        },
        {"username": "ada", "email_verified": True, "picture": PICTURE, "locale": "en"},
    ),
    "oauth2": (
        {
            "https://own.example/token/": {"access_token": "a-token"},
            "https://own.example/me/": {
                "sub": "7",
                "login": "ada",
                "email": "ada@example.com",
                "given_name": "Ada",
                "family_name": "Lovelace",
                "avatar_url": PICTURE,
            },
        },
        {
            "username": "ada",
            "email": "ada@example.com",
            "email_verified": False,
            "first_name": "Ada",
            "last_name": "Lovelace",
            "picture": PICTURE,
        },
    ),
    "slack": (
        {
            "https://slack.com/api/oauth.access": {"ok": True, "access_token": "a-token"},
            "https://slack.com/api/users.identity": {
                "ok": True,
                "user": {"id": "U7", "name": "ada", "image_192": PICTURE},
                "team": {"id": "T1", "name": "Engines"},
            },
        },
        {"username": "ada@Engines", "email": None, "email_verified": False, "picture": PICTURE},
    ),
    "spotify": (
        {
            "https://accounts.spotify.com/api/token": {"access_token": "a-token"},
            "https://api.spotify.com/v1/me": {
                "id": "7",
                "display_name": "Ada",
                "email": "ada@example.com",
                "images": [{"url": PICTURE}],
            },
        },
        {
            "username": "7",
            "fullname": "Ada",
            "email": "ada@example.com",
            "email_verified": False,
            "picture": PICTURE,
        },
    ),
    "stripe": (
        {
            "https://connect.stripe.com/oauth/token": {"access_token": "a-token", "stripe_user_id": "acct_7"},
            "https://api.stripe.com/v1/account": {"id": "acct_7", "business_profile": {"name": "Engines Ltd"}},
        },
        {"username": "acct_7", "fullname": "Engines Ltd", "email_verified": False, "picture": None},
    ),
    "twitch": (
        {
            "https://id.twitch.tv/oauth2/token": {"access_token": "a-token", "scope": ["user:read:email"]},
            "https://api.twitch.tv/helix/users": {"data": [{"id": "7", "login": "ada", "profile_image_url": PICTURE}]},
        },
        {"username": "ada", "email": None, "email_verified": False, "picture": PICTURE},
    ),
}


@pytest.mark.parametrize("name", PROFILES)
async def test_an_account_is_read_as_the_manual_says(name: str) -> None:
    answers, expected = PROFILES[name]
    async with Social(**settings(Answering(answers), backends=backends_of(name))) as social:
        async with browser(app_of(social)) as client:
            ended = await linked(client, name)
        found = await social.associations("ada")

    assert ended.status_code == 303, ended.text
    assert {field: found[0].account[field] for field in expected} == expected


async def test_an_address_of_github_that_is_not_verified_is_not_proved() -> None:
    answers = {
        **PROFILES["github"][0],
        "https://api.github.com/user/emails": [
            {"email": "ada@example.com", "primary": True, "verified": False},
            {"email": "other@example.com", "primary": False, "verified": True},
        ],
    }
    async with Social(**settings(Answering(answers), backends=backends_of("github"))) as social:
        async with browser(app_of(social)) as client:
            await linked(client, "github")
        [association] = await social.associations("ada")

    assert (association.email, association.account["email_verified"]) == ("ada@example.com", False)


async def _signed_in(
    name: str, answers: Mapping[str, object], claims: Mapping[str, object]
) -> tuple[Answering, dict[str, Any]]:
    """Play a flow whose token answer holds an ID token: give the network, and the account with its uid."""
    network = Answering({})
    async with Social(**settings(network, backends=backends_of(name))) as social:
        network.answers = {address: answer for address, answer in answers.items() if answer is not None}
        async with browser(app_of(social)) as client:
            begun = query_of((await client.get(f"/associate/{name}/")).headers["location"])
            token = {"access_token": "a-token", "id_token": signed(nonce=begun.get("nonce"), **claims)}
            [endpoint] = [address for address, answer in answers.items() if answer is None]
            network.answers[endpoint] = token
            ended = await client.get(f"/complete/{name}/", params={"code": "a-code", "state": begun["state"]})
            assert ended.status_code == 303, ended.text
        [association] = await social.associations("ada")
    return network, {**association.account, "uid": association.uid}


async def test_an_account_of_microsoft_is_read_from_its_id_token() -> None:
    base = f"https://login.microsoftonline.com/{TENANT}"
    answers = {f"{base}/oauth2/v2.0/token": None, f"{base}/discovery/v2.0/keys": key_set()}

    network, account = await _signed_in(
        "azuread-v2-tenant-oauth2",
        answers,
        {
            "iss": f"{base}/v2.0",
            "tid": TENANT,
            "oid": "an-object",
            "sub": "7",
            "name": "Ada Lovelace",
            "given_name": "Ada",
            "family_name": "Lovelace",
            "preferred_username": "ada@corp.example",
            "email_verified": True,
        },
    )

    assert network.addresses == list(answers)
    assert "authorization" not in network.asked[0].headers
    assert sent_in(network.asked[0])["client_secret"] == "a-secret"
    assert account["uid"] == "7"
    assert account["username"] == account["fullname"] == "Ada Lovelace"
    assert (account["first_name"], account["last_name"]) == ("Ada", "Lovelace")
    assert (account["email"], account["email_verified"]) == ("ada@corp.example", False)
    assert account["extra_data"] == {
        "first_name": "Ada",
        "last_name": "Lovelace",
        "sub": "7",
        "oid": "an-object",
        "tid": TENANT,
    }


async def test_an_account_of_any_openid_provider_is_read_by_its_metadata() -> None:
    base = "https://own.example"
    answers = {
        f"{base}/.well-known/openid-configuration": {
            "issuer": base,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "userinfo_endpoint": f"{base}/me",
            "jwks_uri": f"{base}/keys",
        },
        f"{base}/token": None,
        f"{base}/keys": key_set(),
        f"{base}/me": {"sub": "7", "preferred_username": "ada", "email": "ada@example.com", "email_verified": True},
    }

    _, account = await _signed_in("oidc", answers, {"iss": base, "sub": "7"})

    assert (account["uid"], account["username"], account["email"], account["email_verified"]) == (
        "7",
        "ada",
        "ada@example.com",
        True,
    )


async def test_an_account_of_linkedin_is_read_without_metadata() -> None:
    answers = {
        "https://www.linkedin.com/oauth/v2/accessToken": None,
        "https://www.linkedin.com/oauth/openid/jwks": key_set(),
        "https://api.linkedin.com/v2/userinfo": {
            "sub": "7",
            "name": "Ada Lovelace",
            "email": "ada@example.com",
            "email_verified": True,
            "picture": PICTURE,
        },
    }

    network, account = await _signed_in(
        "linkedin-openidconnect", answers, {"iss": "https://www.linkedin.com/oauth", "sub": "7"}
    )

    assert network.addresses == list(answers)
    assert "code_verifier" not in sent_in(network.asked[0])
    assert (account["fullname"], account["email_verified"], account["picture"]) == ("Ada Lovelace", True, PICTURE)
    assert account["extra_data"] == {"id": "7"}


@pytest.mark.parametrize(
    ("name", "scope"), [("facebook", "one,two"), ("github", "one,two"), ("discord", "one two identify")]
)
async def test_scopes_are_joined_by_the_providers_own_separator(name: str, scope: str) -> None:
    backends = backends_of(name, scope=["one", "two"])
    async with Social(**settings(Answering({}), backends=backends)) as social, browser(app_of(social)) as client:
        begun = await client.get(f"/associate/{name}/")

    assert query_of(begun.headers["location"])["scope"] == scope


async def test_facebook_tells_which_scopes_were_granted_in_the_callback() -> None:
    backends = backends_of("facebook")
    async with Social(**settings(Answering(PROFILES["facebook"][0]), backends=backends)) as social:
        async with browser(app_of(social)) as client:
            await linked(client, "facebook", granted_scopes="email", denied_scopes="")
        [association] = await social.associations("ada")

    assert association.account["extra_data"] == {"id": "7", "granted_scopes": "email", "denied_scopes": ""}


async def test_an_error_of_facebook_in_the_callback_is_told() -> None:
    backends = backends_of("facebook")
    async with Social(**settings(Answering({}), backends=backends)) as social, browser(app_of(social)) as client:
        ended = await linked(client, "facebook", code="", error_code="1349048", error_message="Not set up")

    assert ended.status_code == 502
    assert "1349048" in ended.text
    assert "Not set up" in ended.text


async def test_an_error_of_facebook_inside_an_answer_is_told_by_its_number() -> None:
    answers = {f"{FACEBOOK}/oauth/access_token": {"error": {"code": 4711, "message": "Not today"}}}
    backends = backends_of("facebook")
    async with Social(**settings(Answering(answers), backends=backends)) as social, browser(app_of(social)) as client:
        ended = await linked(client, "facebook")

    assert ended.status_code == 502
    assert "4711" in ended.text
    assert "Not today" in ended.text
