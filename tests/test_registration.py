"""A backend's settings are held against its provider when the app starts, and every fault is told at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_social.errors import SettingsError
from asgi_social.protocols.client import Client
from asgi_social.registration import registered
from asgi_social.settings import checked
from tests.app import BASE, KEY, settings

KEYS = {"client_id": "an-id", "client_secret": "a-secret"}
PROTECTED = (
    *("client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce"),
    *("code_challenge", "code_challenge_method", "request", "request_uri"),
)
OWN: Mapping[str, Any] = {
    "name": "own",
    "title": "Own",
    "authorize": {"url": "https://own.example/authorize", "params": {"resource": "{setting.resource}"}},
    "token": {"url": "https://own.example/token"},
    "userinfo": {"url": "https://own.example/me"},
}


def _read(
    name: str, values: Mapping[str, object], *, development: bool = False
) -> tuple[Client | None, list[SettingsError]]:
    """Read one backend's settings: give the client, and what is wrong."""
    faults: list[SettingsError] = []
    redirect_uri = f"{BASE}/complete/{name}/"
    return registered(name, values, redirect_uri=redirect_uri, development=development, faults=faults), faults


def _client(name: str, values: Mapping[str, object], *, development: bool = False) -> Client:
    """Give the client of settings that are right."""
    client, faults = _read(name, {**KEYS, **values}, development=development)
    assert faults == []
    assert client is not None
    return client


def _own(**variable: object) -> dict[str, object]:
    """Give a backend whose provider has one variable, in its address."""
    token = {"url": "https://own.example/token"}
    return {"provider": {**OWN, "vars": {"v": variable}, "token": token, "uid": {"authority": "{v}"}}}


def test_a_backend_of_the_catalogue_needs_its_keys_alone() -> None:
    client = _client("github", {})

    assert (client.name, client.client_id, client.client_secret.reveal()) == ("github", "an-id", "a-secret")
    assert (client.audience, client.scope, client.offline, client.allow_unbound_tokens) == (
        ("an-id",),
        (),
        False,
        False,
    )


@pytest.mark.parametrize(
    ("name", "values", "setting", "what"),
    [
        pytest.param("github", {"client_id": None}, "client_id", "is missing", id="no client_id"),
        pytest.param("github", {"client_id": ""}, "client_id", "is missing", id="an empty client_id"),
        pytest.param("github", {"client_id": 7}, "client_id", "is a int", id="a number as client_id"),
        pytest.param("github", {"client_secret": ""}, "client_secret", "is missing", id="no client_secret"),
        pytest.param("github", {"client_di": "a"}, "client_di", "is not known, did you mean 'client_id'?", id="a slip"),
        pytest.param("github", {"tenant_id": "a"}, "tenant_id", "is not known", id="a setting of another provider"),
        pytest.param("github", {"scope": 7}, "scope", "is no list of texts", id="a number as scope"),
        pytest.param("github", {"scope": ["a", ""]}, "scope", "is no list of texts", id="an empty scope"),
        pytest.param("github", {"client_ids": [7]}, "client_ids", "is no list of texts", id="numbers as client_ids"),
        pytest.param("github", {"further_scope": {}}, "further_scope", "is no list of texts", id="a table as scope"),
        pytest.param("github", {"api_hosts": 7}, "api_hosts", "is no list of texts", id="a number as api_hosts"),
        pytest.param(
            "github",
            {"api_hosts": ["api.example", "https://api.example"]},
            "api_hosts",
            "holds 'https://api.example', which is no host",
            id="an address as host",
        ),
        pytest.param("github", {"api_hosts": ["*.com"]}, "api_hosts", "holds '*.com', which", id="every host of com"),
        pytest.param("github", {"api_hosts": "*"}, "api_hosts", "holds '*', which is no host", id="every host"),
        pytest.param(
            "own",
            {"provider": {**OWN, "vars": {"v": {"kind": "text"}}, "api_hosts": ["{v}.example"]}, "v": "a@b"},
            "provider",
            "holds 'a@b.example', which is no host",
            id="a variable that makes no host",
        ),
        pytest.param("github", {"offline": "perhaps"}, "offline", "is 'perhaps'", id="a word that is no flag"),
        pytest.param("github", {"enabled": 1}, "enabled", "is 1", id="a number as flag"),
        pytest.param("github", {"renewals_at_once": 0}, "renewals_at_once", "is 0", id="none at once"),
        pytest.param("github", {"renewals_at_once": True}, "renewals_at_once", "is True", id="a flag as number"),
        pytest.param("github", {"renewals_at_once": "many"}, "renewals_at_once", "is 'many'", id="a word as number"),
        pytest.param("github", {"params": "prompt"}, "params", "is no table of texts", id="params as text"),
        pytest.param("github", {"params": {"a": 1}}, "params", "is no table of texts", id="a number in params"),
        pytest.param("github", {"url": "http://github.example"}, "url", "is no url", id="plain http"),
        pytest.param("github", {"url": "https://a:b@github.example"}, "url", "is no url", id="a password in a url"),
        pytest.param("github", {"url": "https://github.example/?a"}, "url", "is no url", id="a query in a url"),
        pytest.param("github", {"url": "https://github.example#a"}, "url", "is no url", id="a fragment in a url"),
        pytest.param("github", {"url": ""}, "url", "is no url", id="an empty url"),
        pytest.param("github", {"url": ["https://a.example"]}, "url", "is a list", id="a list as url"),
        pytest.param("oidc", {}, "issuer", "is missing", id="no issuer"),
        pytest.param("own", _own(kind="label") | {"v": "a.b"}, "v", "is no label", id="a label with a dot"),
        pytest.param("own", _own(kind="label") | {"v": "-a"}, "v", "is no label", id="a label that begins with a dash"),
        pytest.param("own", _own(kind="host") | {"v": "a"}, "v", "is no host", id="a host without a dot"),
        pytest.param("own", _own(kind="host") | {"v": "a.example:80"}, "v", "is no host", id="a host with a port"),
        pytest.param("own", _own(kind="host") | {"v": "a.example/"}, "v", "is no host", id="a host with a path"),
        pytest.param("own", _own(kind="text") | {"v": "a b"}, "v", "is no text", id="a text with a space"),
        pytest.param("own", _own(kind="text", pattern="[0-9]+") | {"v": "12\n"}, "v", "is no text", id="a line break"),
        pytest.param("own", _own(kind="text", pattern="a|b") | {"v": "ab"}, "v", "is no text", id="a part that fits"),
        pytest.param("github", {"account": "login"}, "account", "is no table", id="account as text"),
        pytest.param(
            "github",
            {"account": {"user_name": "a"}},
            "account.user_name",
            "is not known, did you mean 'username'?",
            id="a field that there is not",
        ),
        pytest.param(
            "github", {"account": {"email": "a["}}, "account.email", "cannot be read", id="half an expression"
        ),
        pytest.param("github", {"uid": 7}, "uid", "cannot be read", id="a number as expression"),
        pytest.param(
            "github",
            {"account": {"email": "$email[0].email"}},
            "account.email",
            "names $email, which is not known",
            id="a root that there is not",
        ),
        pytest.param(
            "github", {"provider": "githup"}, "provider", "no provider is called 'githup'", id="no such provider"
        ),
        pytest.param("own", {"provider": "own.toml"}, "provider", "own.toml cannot be read", id="no such file"),
        pytest.param(
            "own",
            {"provider": {"name": "own"}},
            "provider",
            "backends.own.provider.authorize.url is missing",
            id="half",
        ),
        pytest.param(
            "azuread-v2-tenant-oauth2", {"tenant_id": "contoso.example"}, "tenant_id", "is no text", id="a domain"
        ),
    ],
)
def test_a_fault_names_the_setting_and_the_redirect_uri_to_register(
    name: str, values: Mapping[str, object], setting: str, what: str
) -> None:
    client, faults = _read(name, {**KEYS, **values})

    assert client is None
    [fault] = faults
    assert fault.setting == f"backends.{name}.{setting}"
    assert fault.message.startswith(f"the setting backends.{name}.{setting} ")
    assert what in fault.message
    assert fault.allowed
    assert fault.hint.endswith(f"the redirect URI to register is {BASE}/complete/{name}/")
    assert fault.backend == name


@pytest.mark.parametrize("name", ["complete", "", "-a", "a b", "a/b", "ä", "a" * 65])
def test_a_name_that_cannot_be_a_part_of_our_paths_is_refused(name: str) -> None:
    client, [fault] = _read(name, {**KEYS, "provider": "github"})

    assert client is None
    assert fault.setting == f"backends.{name}"


@pytest.mark.parametrize("protected", PROTECTED)
def test_what_the_safety_of_a_flow_hangs_on_cannot_be_set(protected: str) -> None:
    client, [fault] = _read("github", {**KEYS, "params": {protected: "a", "login": "ada"}})

    assert client is None
    assert fault.setting == f"backends.github.params.{protected}"


def test_every_fault_of_every_backend_is_told_together() -> None:
    backends = {
        "github": {"client_secret": "a-secret", "scop": ["a"]},
        "oidc": {**KEYS, "issuer": "id.example"},
        "complete": KEYS,
        "gitlab": KEYS,
    }

    with pytest.raises(SettingsError) as caught:
        checked({**settings(), "backends": backends})  # type: ignore[typeddict-item]

    assert [problem.setting for problem in caught.value.problems] == [
        "backends.github.scop",
        "backends.github.client_id",
        "backends.oidc.issuer",
        "backends.complete",
    ]
    assert f"{BASE}/complete/github/" in caught.value.hint
    assert f"{BASE}/complete/oidc/" in caught.value.hint
    assert "a-secret" not in str(caught.value)


def test_a_fault_without_base_url_names_the_redirect_uri_of_development() -> None:
    with pytest.raises(SettingsError) as caught:
        checked({"secret_key": KEY, "prefix": "/social", "backends": {"github": {}}})

    assert "http://localhost:8000/social/complete/github/" in caught.value.hint


def test_a_backend_that_is_not_enabled_is_left_out_and_not_checked() -> None:
    assert _read("github", {"enabled": False, "nonsense": 7}) == (None, [])


def test_a_backend_may_have_another_name_than_its_provider() -> None:
    client = _client("corp", {"provider": "oidc", "issuer": "https://id.corp.example"})

    assert (client.name, client.provider.name, client.variables) == (
        "corp",
        "oidc",
        {"issuer": "https://id.corp.example"},
    )


def test_a_provider_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        'name = "own"\ntitle = "Own"\n[authorize]\nurl = "https://a.example"\n[token]\nurl = "https://t.example"\n'
        '[userinfo]\nurl = "https://u.example"\n'
    )

    assert _client("mine", {"provider": str(file)}).provider.name == "own"


def test_a_setting_that_a_providers_templates_name_is_known() -> None:
    with_it = _client("own", {"provider": OWN, "resource": "an-api"})
    without = _client("own", {"provider": OWN, "resource": ""})

    assert with_it.settings == {"resource": "an-api"}
    assert without.settings == {}


def test_such_a_setting_is_a_text() -> None:
    client, [fault] = _read("own", {**KEYS, "provider": OWN, "resource": ["an-api"]})

    assert client is None
    assert fault.setting == "backends.own.resource"


def test_a_provider_that_wants_no_secret_gets_none() -> None:
    public = {**OWN, "token": {"url": "https://own.example/token", "auth": "none"}}

    client, faults = _read("own", {"client_id": "an-id", "provider": public})

    assert faults == []
    assert client is not None
    assert not client.client_secret


@pytest.mark.parametrize(
    ("variable", "written", "value"),
    [
        pytest.param({"kind": "label"}, "acme-1", "acme-1", id="label"),
        pytest.param({"kind": "host"}, "acme.eu.auth0.com", "acme.eu.auth0.com", id="host"),
        pytest.param({"kind": "text"}, "A~b.c", "A~b.c", id="text"),
        pytest.param({"kind": "text", "pattern": "[0-9]+"}, "24", "24", id="pattern"),
        pytest.param({"kind": "url"}, "https://id.example/", "https://id.example/", id="a url stays as it is"),
        pytest.param({"default": "eu"}, None, "eu", id="default"),
        pytest.param({"default": ""}, None, "", id="empty by default"),
        pytest.param({"kind": "url", "default": ""}, "", "", id="empty where that is the default"),
        pytest.param({"choices": {"prod": "www", "test": "sandbox"}}, "test", "sandbox", id="choice"),
        pytest.param({"choices": {"prod": "www"}, "default": "prod"}, None, "www", id="choice by default"),
        pytest.param({"setting": "v"}, "acme", "acme", id="setting of its own name"),
    ],
)
def test_a_variable_is_filled_from_its_setting(variable: dict[str, Any], written: str | None, value: str) -> None:
    given = {} if written is None else {"v": written}

    client = _client("own", {**_own(**variable), **given})

    assert client.variables == {"v": value}


def test_a_missing_variable_is_told_with_its_example() -> None:
    client, [fault] = _read("own", {**KEYS, **_own(kind="host", example="acme.example")})

    assert client is None
    assert fault.allowed == "a host, such as acme.example"


@pytest.mark.parametrize("written", ["https://git.example", "https://git.example/", "https://git.example//"])
def test_a_base_is_the_same_with_and_without_its_last_slash(written: str) -> None:
    assert _client("gitlab", {"api_url": written}).variables == {"web": "https://git.example"}


def test_an_endpoint_keeps_its_last_slash() -> None:
    base = "https://id.example/o"

    client = _client(
        "oauth2",
        {"authorize_url": f"{base}/authorize/", "token_url": f"{base}/token/", "userinfo_url": f"{base}/me/"},
    )

    assert client.variables["token_url"] == f"{base}/token/"
    assert client.variables["revoke_url"] == ""


@pytest.mark.parametrize("development", [True, False])
def test_plain_http_to_a_loopback_host_is_for_development(development: bool) -> None:
    values = {**KEYS, "issuer": "http://127.0.0.1:9400"}

    client, faults = _read("oidc", values, development=development)

    assert (client is not None) == development
    assert bool(faults) != development


@pytest.mark.parametrize("table", ["authorize", "token", "userinfo"])
@pytest.mark.parametrize("host", ["own.example", "127.0.0.1:9400"])
def test_an_address_of_a_provider_is_https_or_on_localhost_in_development(table: str, host: str) -> None:
    values = {**KEYS, "provider": {**OWN, table: {"url": f"http://{host}/a"}}}

    _, [fault] = _read("own", values)
    client, faults = _read("own", values, development=True)

    assert fault.setting == "backends.own.provider"
    assert f"http://{host}/a is no https address" in fault.message
    assert (client is not None, len(faults)) == ((True, 0) if host.startswith("127.") else (False, 1))


def test_the_personal_accounts_of_microsoft_are_a_tenant_with_a_uuid() -> None:
    client = _client("azuread-v2-tenant-oauth2", {"tenant_id": "consumers"})

    assert client.variables["tenant"] == "9188040d-6c67-4c5b-b112-36a304b66dad"


def test_the_apps_scope_comes_before_the_providers_and_each_once() -> None:
    client = _client("google-oauth2", {"scope": ["profile", "calendar"], "further_scope": ["drive"]})

    assert client.scope == ("profile", "calendar", "openid", "email")
    assert client.further_scope == ("drive",)


def test_offline_adds_the_scope_that_brings_a_refresh_token() -> None:
    name = "azuread-v2-tenant-oauth2"

    assert "offline_access" not in _client(name, {}).scope
    assert _client(name, {"offline": True}).scope == ("openid", "profile", "offline_access")


def test_the_app_may_say_where_the_uid_and_the_fields_of_an_account_are() -> None:
    account = {"username": "user.email:before(@)", "picture": "$emails[0].picture"}

    client = _client("github", {"uid": "node_id", "account": account})

    assert client.provider.uid.source == "node_id"
    assert client.provider.account["username"].source == "user.email:before(@)"
    assert client.provider.account["picture"].source == "$emails[0].picture"
    assert client.provider.account["fullname"].source == "name"
    assert _client("github", {}).provider.uid.source == "id"


def test_further_parameters_and_ids_are_taken() -> None:
    client = _client("github", {"params": {"login": "ada"}, "client_ids": ["a-phone"], "allow_unbound_tokens": True})

    assert (client.params, client.audience, client.allow_unbound_tokens) == (
        {"login": "ada"},
        ("an-id", "a-phone"),
        True,
    )


def test_the_hosts_of_the_provider_and_of_the_app_are_taken_together() -> None:
    data = {**OWN, "vars": {"v": {"kind": "host"}, "off": {"default": ""}}, "api_hosts": ["*.{v}", "{off}.example"]}

    client = _client(
        "own", {"provider": data, "v": "Acme.example", "api_hosts": ["own.example:8443", "*.acme.example"]}
    )

    assert [str(one) for one in client.api_hosts] == ["*.acme.example", "own.example:8443", "*.acme.example"]


@pytest.mark.parametrize(("written", "number"), [(None, 10), (3, 3), ("7", 7)])
def test_how_many_are_renewed_at_once_is_a_number_or_its_digits(written: object, number: int) -> None:
    values = {"client_id": "a", "client_secret": "b"} | ({} if written is None else {"renewals_at_once": written})

    assert _client("github", values).renewals_at_once == number


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3),
    max_leaves=6,
)
NAMES = [
    "client_id",
    "client_secret",
    "client_ids",
    "scope",
    "offline",
    "params",
    "api_hosts",
    "provider",
    "account",
    "uid",
    "v",
]


@given(st.dictionaries(st.sampled_from(NAMES) | st.integers(), ANYTHING, max_size=4))
def test_whatever_is_written_gives_a_client_or_its_faults(values: dict[str, object]) -> None:
    client, faults = _read("own", {**KEYS, **_own(kind="url"), **values})

    assert (client is None) == bool(faults)
