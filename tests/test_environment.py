"""Backends may be written as variables of the environment, where every value is a text."""

from pathlib import Path

import pytest

from asgi_social.environment import backends_from_environment
from asgi_social.errors import SettingsError
from asgi_social.protocols.client import Client
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
        "ASGI_SOCIAL_NOBODY_SCOPE": "none of a provider, and no client_id",
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


SECRET = "ASGI_SOCIAL_GITHUB_CLIENT_SECRET"


def _problems(**variables: str) -> dict[str, str]:
    """Give what is wrong with settings that come from the environment alone, by the setting or variable."""
    environment = {"ASGI_SOCIAL_SECRET_KEY": KEY, "ASGI_SOCIAL_GITHUB_CLIENT_ID": "an-id", **variables}
    with pytest.raises(SettingsError) as caught:
        checked({}, environment=environment)
    return {problem.setting: str(problem) for problem in caught.value.problems}


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_secret_may_stand_in_a_file_that_a_variable_names(tmp_path: Path, ending: str) -> None:
    (tmp_path / "secret").write_bytes(f"a-secret of a file{ending}".encode())

    client = _github(client_secret="", client_secret_file=str(tmp_path / "secret"))

    assert client.client_secret.reveal() == "a-secret of a file"


def test_a_secret_key_may_stand_in_a_file_and_an_older_one_behind_it(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{KEY}\nanother-{KEY}\n")

    got = checked({"backends": {}}, environment={"ASGI_SOCIAL_SECRET_KEY_FILE": str(tmp_path / "keys")})

    assert repr(got.keys).count(",") == 1


def test_a_variable_and_its_file_together_are_a_fault_that_shows_neither(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2")

    told = _problems(**{SECRET: "hunter3", f"{SECRET}_FILE": str(tmp_path / "secret")})

    assert f"{SECRET} is set, and {SECRET}_FILE too" in told[SECRET]
    assert "hunter" not in str(told)


@pytest.mark.parametrize("content", [None, b"hunter2\xff"], ids=["no such file", "no text"])
def test_a_file_that_cannot_be_read_is_a_fault_that_names_the_variable_alone(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)

    told = _problems(**{f"{SECRET}_FILE": str(tmp_path / "secret")})

    assert f"the variable {SECRET}_FILE names a file that cannot be read" in told[f"{SECRET}_FILE"]
    assert "hunter" not in str(told)


def test_what_the_code_says_goes_before_the_environment() -> None:
    environment = {"ASGI_SOCIAL_BASE_URL": "https://env.example", "ASGI_SOCIAL_PREFIX": "/env"}

    got = checked({"secret_key": KEY, "backends": {}, "base_url": "https://code.example"}, environment=environment)

    assert (got.base_url, got.prefix) == ("https://code.example", "/env")


def test_each_setting_says_where_it_is_from(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a-secret")
    environment = {
        "ASGI_SOCIAL_BASE_URL": "https://env.example",
        "ASGI_SOCIAL_GITHUB_CLIENT_ID": "an-id",
        f"{SECRET}_FILE": str(tmp_path / "secret"),
    }

    of_environment = checked({"secret_key": KEY}, environment=environment).origins
    of_code = checked({"secret_key": KEY, "backends": {"github": {"client_id": "i", "client_secret": "s"}}}).origins

    assert of_environment == {
        "secret_key": "code",
        "base_url": "ASGI_SOCIAL_BASE_URL",
        "backends.github.client_id": "ASGI_SOCIAL_GITHUB_CLIENT_ID",
        "backends.github.client_secret": f"{SECRET}_FILE",
    }
    assert of_code == dict.fromkeys(
        ["secret_key", "backends.github.client_id", "backends.github.client_secret"], "code"
    )


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("ASGI_SOCIAL_GIHUB_CLIENT_ID", ", did you mean ASGI_SOCIAL_GITHUB_CLIENT_ID?"),
        ("ASGI_SOCIAL_GOOGLE_OATH2_CLIENT_SECRET", ", did you mean ASGI_SOCIAL_GOOGLE_OAUTH2_CLIENT_SECRET?"),
        ("ASGI_SOCIAL_NOTHINGLIKEIT_CLIENT_ID", ""),
    ],
)
def test_a_variable_of_no_provider_is_a_fault_that_names_the_nearest(variable: str, nearest: str) -> None:
    told = _problems(**{variable: "an-id"})

    assert f"the variable {variable} is of no provider of the catalogue{nearest} (" in told[variable]


def test_who_collects_no_faults_is_told_the_first() -> None:
    with pytest.raises(SettingsError) as caught:
        backends_from_environment({"ASGI_SOCIAL_GIHUB_CLIENT_ID": "an-id"})

    assert caught.value.setting == "ASGI_SOCIAL_GIHUB_CLIENT_ID"
