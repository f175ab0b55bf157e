"""Backends may be written as variables of the environment, where every value is a text."""

import pytest

from asgi_social.errors import SettingsError
from asgi_social.protocols.client import Client
from asgi_social.registration import backends_from_environment
from asgi_social.settings import checked
from tests.app import KEY


def _github(**variables: str) -> Client:
    """Give the client that GitHub's variables make."""
    named = {"client_id": "an-id", "client_secret": "a-secret", **variables}
    environment = {f"ASGI_SOCIAL_GITHUB_{name.upper()}": value for name, value in named.items()}
    return checked({"secret_key": KEY}, environment=environment).backends["github"].client


def test_the_environment_gives_settings_by_provider_and_name() -> None:
    environment = {
        "ASGI_SOCIAL_GITHUB_CLIENT_ID": "an-id",
        "ASGI_SOCIAL_GITHUB_CLIENT_SECRET": "a-secret",
        "ASGI_SOCIAL_GITHUB_API_URL": "https://github.example/api/v3",
        "ASGI_SOCIAL_GOOGLE_OAUTH2_CLIENT_ID": "another-id",
        "ASGI_SOCIAL_LINKEDIN_OPENIDCONNECT_SCOPE": "openid,email",
        "ASGI_SOCIAL_OAUTH2_CLIENT_ID": "",
        "ASGI_SOCIAL_NOBODY_CLIENT_ID": "lost",
        "GITHUB_CLIENT_ID": "not ours",
    }

    assert backends_from_environment(environment) == {
        "github": {"client_id": "an-id", "client_secret": "a-secret", "api_url": "https://github.example/api/v3"},
        "google-oauth2": {"client_id": "another-id"},
        "linkedin-openidconnect": {"scope": "openid,email"},
    }


def test_a_backend_of_the_environment_without_client_id_is_a_fault() -> None:
    environment = {"ASGI_SOCIAL_GITHUB_CLIENTID": "an-id", "ASGI_SOCIAL_GITHUB_CLIENT_SECRET": "a-secret"}

    with pytest.raises(SettingsError) as caught:
        checked({"secret_key": KEY}, environment=environment)

    assert [problem.setting for problem in caught.value.problems] == [
        "backends.github.clientid",
        "backends.github.client_id",
    ]


@pytest.mark.parametrize(
    ("text", "flag"),
    [("true", True), ("True", True), ("1", True), ("yes", True), ("false", False), ("0", False), ("NO", False)],
)
def test_a_flag_of_the_environment_is_a_word(text: str, flag: bool) -> None:
    assert _github(offline=text).offline is flag


@pytest.mark.parametrize("text", ["read:user user:email", "read:user,user:email", " read:user, user:email "])
def test_a_list_of_the_environment_is_separated_by_spaces_or_commas(text: str) -> None:
    assert _github(scope=text).scope == ("read:user", "user:email")
