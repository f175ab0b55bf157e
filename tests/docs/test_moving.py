"""The pages for those who come from elsewhere: each new name is one of ours, and each old name leads to it."""

import re
import shlex
from typing import Any

import pytest

from asgi_social import Association, Backend, RequestSocial, SettingsError, Social
from tests.app import BASE, KEY
from tests.docs.pages import blocks_of, rows_of, section_of, text_of

PAGES = ["how-to/moving_from_social_auth.md", "how-to/moving_from_allauth.md", "how-to/moving_from_others.md"]
SOCIAL_AUTH = text_of(PAGES[0])
_NAME = re.compile(r"`([^`]+)`")
_SETTING = re.compile(r"[a-z][a-z_]+")
_OBJECTS: dict[str, type] = {"association": Association, "backend": Backend, "social": RequestSocial}


def faults_of(**settings: Any) -> dict[str, str]:
    """Give what is said of settings when an app starts, by the setting's name."""
    try:
        Social(**{"secret_key": KEY, "base_url": BASE, **settings})
    except SettingsError as error:
        return {str(one.setting): one.message for one in error.problems or [error]}
    return {}


def is_setting(name: str) -> bool:
    return "is not known" not in faults_of(**{name: None}).get(name, "")


def is_setting_of(backend: str, name: str, *, provider: str | None = None) -> bool:
    values = {name: "x", **({"provider": provider} if provider and name != "provider" else {})}
    return "is not known" not in faults_of(backends={backend: values}).get(f"backends.{backend}.{name}", "")


def is_setting_of_one(name: str) -> bool:
    return any(is_setting_of(backend, name) for backend in ("oidc", "apple-id", "azuread-v2-tenant-oauth2"))


def settings_in(cell: str) -> list[str]:
    return [name for name in _NAME.findall(cell) if _SETTING.fullmatch(name)]


_OF_EACH = [
    name for row in rows_of(section_of(SOCIAL_AUTH, "Settings of each backend")) for name in settings_in(row[1])
]
_OF_THE_APP = [name for row in rows_of(section_of(SOCIAL_AUTH, "Settings of the app")) for name in settings_in(row[1])]
_OF_ONE = [
    pytest.param(row[1].strip("`"), name, id=f"{row[1]} {name}")
    for row in rows_of(section_of(SOCIAL_AUTH, "Settings of single backends"))
    for name in settings_in(row[2])
    if "…" not in row[1]
]


@pytest.mark.parametrize("name", sorted(set(_OF_EACH)))
def test_every_backend_knows_the_new_name(name: str) -> None:
    assert is_setting_of("github", name)


@pytest.mark.parametrize("name", sorted(set(_OF_THE_APP)))
def test_the_app_has_the_new_name(name: str) -> None:
    assert is_setting(name)


@pytest.mark.parametrize(("backend", "name"), _OF_ONE)
def test_the_backend_knows_the_new_name(backend: str, name: str) -> None:
    assert is_setting_of(backend, name, provider={"auth0": "oidc"}.get(backend))


@pytest.mark.parametrize(
    ("backend", "old", "value"),
    [
        pytest.param("apple-id", "TEAM", "DEF123GHIJ", id="apple's team"),
        pytest.param("apple-id", "KEY", "ABC123DEFG", id="apple's key"),
        pytest.param("facebook", "API_VERSION", "23.0", id="facebook's version"),
        pytest.param("azuread-v2-tenant-oauth2", "TENANT_ID", "organizations", id="the tenant"),
        pytest.param("azuread-v2-tenant-oauth2", "AUTHORITY_HOST", "login.microsoftonline.us", id="its host"),
        pytest.param("gitlab", "API_URL", "https://gitlab.example.com", id="gitlab's address"),
        pytest.param("slack", "TEAM", "T0123", id="slack's workspace"),
        pytest.param("github", "SCOPE", ["read:user"], id="the scope"),
    ],
)
def test_social_auths_name_in_lower_case_works(backend: str, old: str, value: object) -> None:
    credentials = {"client_id": "an-id", "client_secret": "a-secret", "key": "ABC123DEFG", "team": "DEF123GHIJ"}
    needed = credentials if backend == "apple-id" else {"client_id": "an-id", "client_secret": "a-secret"}

    assert faults_of(backends={backend: {**needed, old.lower(): value}}) == {}


@pytest.mark.parametrize(
    ("old", "new"), [pytest.param("key", "client_id", id="key"), pytest.param("secret", "client_secret", id="secret")]
)
def test_social_auths_key_and_secret_are_errors_that_name_the_new_ones(old: str, new: str) -> None:
    faults = faults_of(backends={"github": {"key": "an-id", "secret": "a-secret"}})

    assert f"'{new}'" in faults[f"backends.github.{old}"]


def test_the_settings_of_the_example_are_good() -> None:
    example = blocks_of(SOCIAL_AUTH, "python")[1].text
    names: dict[str, Any] = {}
    exec(example.replace('os.environ["SECRET_KEY"]', repr(KEY)), names)  # noqa: S102  # the page's own

    assert faults_of(**names["settings"]) == {}


def test_the_redirect_uris_are_those_of_social_auth() -> None:
    social = Social(secret_key=KEY, base_url=BASE, prefix="/oauth", backends={})

    assert social.settings.redirect_uri("github", base=BASE) == f"{BASE}/oauth/complete/github/"
    assert 'prefix="/oauth"' in SOCIAL_AUTH


@pytest.mark.parametrize("page", PAGES)
def test_each_call_that_a_page_names_is_there(page: str) -> None:
    text = text_of(page)
    new = " ".join(row[1] for row in rows_of(text))

    named = re.findall(r"\b(association|backend|social)\.([a-z_]+)", new)

    assert named
    assert [pair for pair in named if not hasattr(_OBJECTS[pair[0]], pair[1])] == []


@pytest.mark.parametrize(("page", "library"), [(PAGES[0], "social-auth"), (PAGES[1], "allauth")])
def test_a_page_shows_the_import_first_dry_and_then_for_real(page: str, library: str) -> None:
    [block] = [one.text for one in blocks_of(text_of(page), "sh") if "import" in one.text]

    commands = [shlex.split(line) for line in block.splitlines()]
    assert [command[:3] for command in commands] == [["asgi-social", "import", library]] * 2
    assert commands[0] == [*commands[1], "--dry-run"]


def test_the_page_of_the_others_says_plainly_that_there_is_no_import() -> None:
    assert "For none of them is there an import" in text_of(PAGES[2])


@pytest.mark.parametrize("page", PAGES[1:])
def test_each_setting_that_a_page_of_another_package_names_is_ours(page: str) -> None:
    rows = rows_of(section_of(text_of(page), "Settings"))
    names = {name for row in rows for name in settings_in(row[1])}

    assert names
    assert [name for name in names if not is_setting(name) and not is_setting_of_one(name)] == []
