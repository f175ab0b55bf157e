"""What a user expects of the start and of the configuration: expectations 1 to 12, where no other test holds them."""

import os
from pathlib import Path
from typing import Any

import pytest

from asgi_social import SettingsError, Social
from asgi_social.settings import Settings, checked
from tests.app import BASE, KEY, app_of, browser, github, linked, settings
from tests.storage.files import raw

GITHUB = {"client_id": "an-id", "client_secret": "a-secret"}
OF_A_BACKEND = (
    *("client_id", "client_secret", "client_ids", "scope", "further_scope", "offline", "params"),
    *("api_hosts", "allow_unbound_tokens", "provider", "enabled", "account", "uid"),
)


def problems(**written: Any) -> dict[str, SettingsError]:
    """Give what is wrong with these settings, by the setting's name."""
    values: dict[str, Any] = {"secret_key": KEY, "backends": {"github": GITHUB}, **written}
    with pytest.raises(SettingsError) as caught:
        checked(values)  # type: ignore[arg-type]  # it is what a slip looks like
    return {problem.setting: problem for problem in caught.value.problems}


def of_one_letter(name: str, place: int) -> str:
    """Give a name with one letter changed into another."""
    return name[:place] + ("x" if name[place] != "x" else "y") + name[place + 1 :]


async def test_a_key_and_the_credentials_of_one_provider_are_enough_to_link_and_a_file_with_our_tables_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expectation 1: no migration command, and no other table."""
    monkeypatch.chdir(tmp_path)
    written = {"secret_key": KEY, "backends": {"github": GITHUB}}
    http_client = settings(github)["http_client"]  # in place of the network
    social = Social(**written, http_client=http_client)  # type: ignore[arg-type]  # they are right together

    async with browser(app_of(social), base="http://localhost:8000") as client:
        answer = await linked(client)
    await social.close()

    tables = raw(tmp_path / "social.db", "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    assert answer.status_code == 303
    assert [name for (name,) in tables] == ["social_association", "social_flow", "social_schema", "social_user"]
    assert [name for name in os.listdir(tmp_path) if not name.startswith("social.db")] == []


@pytest.mark.parametrize("place", [0, -1, 3], ids=["first", "last", "fourth"])
@pytest.mark.parametrize("name", sorted(Settings.__annotations__))
def test_a_setting_with_one_wrong_letter_is_told_with_its_right_name(name: str, place: int) -> None:
    """Expectation 5, for every setting."""
    slip = of_one_letter(name, place % len(name))

    told = problems(**{slip: None})

    assert told[slip].message == f"the setting {slip} is not known, did you mean {name!r}?"


@pytest.mark.parametrize("place", [0, 2], ids=["first", "third"])  # without its last letter client_ids is client_id
@pytest.mark.parametrize("name", OF_A_BACKEND)
def test_a_setting_of_a_backend_with_one_wrong_letter_is_told_with_its_right_name(name: str, place: int) -> None:
    """Expectation 5, for every setting of a backend."""
    slip = of_one_letter(name, place % len(name))

    told = problems(backends={"github": {**GITHUB, slip: "a"}})

    assert f"is not known, did you mean {name!r}?" in told[f"backends.github.{slip}"].message


@pytest.mark.parametrize(
    ("written", "new"),
    [
        pytest.param({"backends": {"github": {"key": "i", "secret": "s"}}}, "'client_id'", id="key"),
        pytest.param({"backends": {"github": {"KEY": "i"}}}, "'client_id'", id="KEY"),
        pytest.param({"backends": {"github": {**GITHUB, "secret": "s"}}}, "'client_secret'", id="secret"),
        pytest.param({"SOCIAL_AUTH_GITHUB_KEY": "i"}, "'backends.github.client_id'", id="SOCIAL_AUTH_…_KEY"),
        pytest.param(
            {"backends": {"github": {**GITHUB, "SOCIAL_AUTH_GITHUB_SECRET": "s"}}},
            "'backends.github.client_secret'",
            id="SOCIAL_AUTH_…_SECRET in a backend",
        ),
        pytest.param(
            {"SOCIAL_AUTH_GOOGLE_OAUTH2_AUTH_EXTRA_ARGUMENTS": {}},
            "'backends.google-oauth2.params'",
            id="a provider of two words",
        ),
        pytest.param({"SOCIAL_AUTH_GITHUB_API_URL": "u"}, "'backends.github.api_url'", id="a provider's own setting"),
        pytest.param({"SOCIAL_AUTH_LOGIN_URL": "/"}, "'sign_in_url'", id="a setting of no provider"),
    ],
)
def test_a_setting_of_social_auth_is_told_with_the_name_that_it_has_here(written: dict[str, Any], new: str) -> None:
    """Expectations 5 and 12."""
    told = problems(**written)

    assert any(f"is not known, it is {new} here" in one.message for one in told.values())


@pytest.mark.parametrize("name", ["SOCIAL_AUTH_PIPELINE", "SOCIAL_AUTH_GITHUB_ORG_TEAM"])
def test_a_setting_of_social_auth_that_has_no_like_here_is_told_as_any_other(name: str) -> None:
    """Expectation 12."""
    assert "is not known" in problems(**{name: []})[name].message


def test_the_faults_of_settings_backends_and_environment_are_told_together() -> None:
    """Expectation 6: each names its setting, and what is allowed."""
    environment = {"ASGI_SOCIAL_GIHUB_CLIENT_ID": "i", "ASGI_SOCIAL_GITHUB_CLIENT_SECRET": "s"}

    with pytest.raises(SettingsError) as caught:
        checked({"base_url": "ftp://app.example", "prefix": "social"}, environment=environment)

    assert [(problem.setting, bool(problem.allowed)) for problem in caught.value.problems] == [
        ("ASGI_SOCIAL_GIHUB_CLIENT_ID", True),
        ("secret_key", True),
        ("base_url", True),
        ("prefix", True),
        ("backends.github.client_id", True),
    ]


@pytest.mark.parametrize("name", ["gihub", "githup", "Github", "googel-oauth2", "facebok"])
def test_a_provider_with_a_wrong_letter_stops_the_start_with_the_nearest(name: str) -> None:
    """Expectation 5: "unknown provider 'gihub', did you mean 'github'"."""
    told = problems(backends={name: GITHUB})

    assert "did you mean '" in told[f"backends.{name}.provider"].hint


@pytest.mark.parametrize(
    ("name", "title"),
    [("خدمة-الحسابات", "خدمة الحسابات"), ("n" * 300, "T" * 300)],
    ids=["in Arabic", "of 300 characters"],
)
async def test_a_provider_of_ones_own_may_have_any_name(name: str, title: str) -> None:
    """A name is for people: it is shown as it is, and nothing is cut off that a flow needs."""
    place = "https://own.example"
    table = {
        "name": name,
        "title": title,
        "authorize": {"url": f"{place}/authorize"},
        "token": {"url": f"{place}/login/oauth/access_token"},
        "userinfo": {"url": f"{place}/user"},
    }
    async with Social(**settings(backends={"own": {**GITHUB, "provider": table}})) as social:
        async with browser(app_of(social)) as client:
            answer = await linked(client, "own")
            page = await client.get("/associate/")
        [association] = await social.associations("ada")

    assert (answer.status_code, association.backend) == (303, "own")
    assert title in page.text


@pytest.mark.parametrize("name", ["عربي", "n" * 300, "a\u202eb"], ids=["Arabic", "300 characters", "turned round"])
async def test_a_backend_of_a_name_that_there_is_not_is_a_clear_404_on_one_short_line(name: str) -> None:
    """Expectation 5, for a path that somebody made up."""
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        answer = await client.get(f"/associate/{name}/", headers={"accept": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_backend")
    assert len(answer.json()["detail"]) < 250
    assert "\u202e" not in answer.text


def test_the_redirect_uri_to_register_is_known_before_any_request() -> None:
    """Expectation 6: it is told with each fault of a backend."""
    told = problems(base_url=BASE, backends={"github": {}})

    assert all(f"{BASE}/complete/github/" in one.hint for one in told.values())
