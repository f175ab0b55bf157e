"""What the app wrote: every fault is found when it starts, and told together with what would be right."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from asgi_social import SettingsError, Social
from asgi_social.clock import SystemClock
from asgi_social.settings import DEFAULT_DATABASE, Checked, Settings, checked
from tests.app import KEY, settings

GITHUB = {"client_id": "an-id", "client_secret": "a-secret"}


def check(*, environment: Mapping[str, str] | None = None, **values: Any) -> Checked:
    """Check settings of which only ``secret_key`` is given beforehand."""
    given = {"secret_key": KEY, "backends": {}, **values}
    return checked(cast(Settings, given), environment=environment or {})


def fault(**values: Any) -> SettingsError:
    """Give the one fault that settings have."""
    with pytest.raises(SettingsError) as raised:
        check(**values)
    assert raised.value.problems == (raised.value,)
    return raised.value


# Seconds


@pytest.mark.parametrize("value", [0, 0.5, -60, float("inf"), float("nan"), True, "60", [60]])
def test_what_is_no_number_of_seconds_is_an_error_that_says_what_is(value: object) -> None:
    error = fault(refresh_every=value)

    assert error.setting == "refresh_every"
    assert "such as 60" in error.allowed


@pytest.mark.parametrize(("value", "seconds"), [(None, None), (60, 60.0), (1.5, 1.5)])
def test_seconds_are_taken_as_they_are(value: object, seconds: float | None) -> None:
    assert check(refresh_every=value).refresh_every == seconds


# Names


def test_a_misspelt_setting_is_an_error_that_names_the_nearest_one() -> None:
    error = fault(base_ulr="https://app.example")

    assert error.setting == "base_ulr"
    assert "'base_url'" in error.message
    assert "base_url" in error.allowed


def test_a_setting_near_to_none_is_an_error_that_names_all() -> None:
    error = fault(xyzzy=1)

    assert "did you mean" not in error.message
    assert set(Settings.__annotations__) <= set(error.allowed.split(", "))


def test_all_faults_are_told_together() -> None:
    with pytest.raises(SettingsError) as raised:
        check(
            secret_key="short",
            base_url="http://app.example",
            prefix="social",
            sign_up="perhaps",
            xyzzy=1,
            backends={"github": {"client_id": "an-id"}, "nobody": {}},
        )

    assert [problem.setting for problem in raised.value.problems] == [
        "xyzzy",
        "secret_key",
        "base_url",
        "prefix",
        "backends.github.client_secret",
        "backends.nobody.provider",
        "sign_up",
    ]
    assert all(problem.message in raised.value.message for problem in raised.value.problems)


def test_what_is_left_out_has_a_default() -> None:
    got = checked({"secret_key": KEY}, environment={})

    assert (got.backends, got.sign_up, got.sign_in_url, got.prefix) == ({}, "refuse", None, "")
    assert (got.base_url, got.complete_path, got.database) == (None, "/complete", DEFAULT_DATABASE)
    assert (got.http_client, got.on_event, type(got.clock)) == (None, None, SystemClock)
    assert (got.hooks.user_id, got.hooks.embedded) == (str, False)


def test_settings_show_neither_key_nor_database() -> None:
    got = check(database="postgresql://ada:hunter2@db.example/app", backends={"github": GITHUB})

    assert KEY not in repr(got)
    assert "hunter2" not in repr(got)
    assert "a-secret" not in repr(got)


# secret_key


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(None, id="None"),
        pytest.param("", id="empty"),
        pytest.param("x" * 31, id="31 bytes"),
        pytest.param(KEY.encode(), id="bytes"),
        pytest.param([], id="no key"),
        pytest.param([KEY, "short"], id="a short one among them"),
        pytest.param([KEY, None], id="None among them"),
        pytest.param(7, id="a number"),
    ],
)
def test_a_secret_key_of_less_than_32_bytes_of_text_is_refused(key: object) -> None:
    error = fault(secret_key=key)

    assert error.setting == "secret_key"
    assert "token_urlsafe" in error.hint
    assert KEY not in str(error)


def test_a_missing_secret_key_is_told_as_missing() -> None:
    with pytest.raises(SettingsError) as raised:
        checked({"backends": {}})

    assert "missing" in raised.value.message


@pytest.mark.parametrize(
    "key",
    [
        *("x" * 40, "abcabcabc" * 5, [KEY, "0" * 64]),
        *("please-change-me-before-you-deploy-this", "Django-Insecure-7rk2mzq94jt8sq2vxw9lmz", [KEY, "CHANGEME" + KEY]),
    ],
)
def test_sr_s03_a_secret_key_that_can_be_guessed_or_is_a_placeholder_is_refused(key: object) -> None:
    assert "guessed" in fault(secret_key=key).message


@pytest.mark.parametrize("key", [None, "secret", "changeme", "x7" * 15 + "z"])
def test_sr_s03_nothing_starts_without_a_key_of_32_bytes(key: str | None) -> None:
    with pytest.raises(SettingsError) as raised:
        Social(**settings(secret_key=key))

    assert raised.value.setting == "secret_key"


def test_bytes_count_and_not_characters() -> None:
    assert check(secret_key="äöüßéèêëçñøåæœðþ")  # 16 characters, 32 bytes


def test_of_a_list_of_keys_the_first_seals_and_the_others_still_open() -> None:
    older, newer = check(), check(secret_key=["another-key-of-the-tests-7Rk2mZq9", KEY])
    value = older.keys.seal("text", purpose="storage", context="c")
    new_value = newer.keys.seal("text", purpose="storage", context="c")

    assert newer.keys.unseal(value, purpose="storage", context="c") == "text"
    assert older.keys.unseal(new_value, purpose="storage", context="c") is None


# base_url


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://app.example", "https://app.example"),
        ("https://app.example/", "https://app.example"),
        ("https://app.example/api/", "https://app.example/api"),
        ("https://app.example:8443", "https://app.example:8443"),
        ("HTTPS://App.Example/Api", "https://app.example/Api"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://localhost", "https://localhost"),
        (None, None),
    ],
)
def test_a_base_url_is_https_or_on_a_loopback_host_and_kept_without_its_last_slash(
    written: str | None, kept: str | None
) -> None:
    assert check(base_url=written).base_url == kept


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("http://app.example", id="http to a public host"),
        pytest.param("http://localhost.evil.example", id="like a loopback host"),
        pytest.param("http://127.0.0.1.evil.example", id="like a loopback address"),
        pytest.param("https://app.example?a=1", id="a query"),
        pytest.param("https://app.example/?", id="an empty query"),
        pytest.param("https://app.example#here", id="a fragment"),
        pytest.param("https://app.example/#", id="an empty fragment"),
        pytest.param("https://ada@app.example", id="a user"),
        pytest.param("https://ada:hunter2@app.example", id="a user and a password"),
        pytest.param("https://@app.example", id="an empty user"),
        pytest.param("https://app.example:port", id="no port"),
        pytest.param("https://app.example:0", id="port 0"),
        pytest.param("https://app.example:70000", id="a port beyond all"),
        pytest.param("https://", id="no host"),
        pytest.param("//app.example", id="no scheme"),
        pytest.param("app.example", id="a host alone"),
        pytest.param("ftp://app.example", id="another scheme"),
        pytest.param("ws://localhost", id="a websocket"),
        pytest.param("https://[app.example", id="half a bracket"),
        pytest.param("https://app.exam\nple", id="a line end"),
        pytest.param("https://app.example/a b", id="a space"),
        pytest.param("https://app.example\\api", id="a backslash"),
        pytest.param("https://bücher.example", id="a host that no browser writes so"),
        pytest.param("", id="empty"),
        pytest.param(7, id="a number"),
    ],
)
def test_another_base_url_is_refused_and_not_shown(written: object) -> None:
    error = fault(base_url=written)

    assert error.setting == "base_url"
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    ("base_url", "development"),
    [
        (None, True),
        ("http://localhost:8000", True),
        ("https://127.0.0.1", True),
        ("https://app.example", False),
        ("HTTPS://APP.EXAMPLE", False),
    ],
)
def test_a_loopback_base_url_or_none_is_development(base_url: str | None, development: bool) -> None:
    assert check(base_url=base_url).development is development


def test_the_base_comes_from_base_url_whatever_the_request_says() -> None:
    got = check(base_url="https://app.example/api")

    assert got.base_of(_scope(b"evil.example", scheme="http", root_path="/other")) == "https://app.example/api"
    assert got.public_path(_scope(b"evil.example", root_path="/other")) == "/api"


@pytest.mark.parametrize(
    ("host", "more", "base"),
    [
        (b"localhost:8000", {}, "http://localhost:8000"),
        (b"127.0.0.1", {"scheme": "https"}, "https://127.0.0.1"),
        (b"[::1]:8000", {"root_path": "/mount/"}, "http://[::1]:8000/mount"),
        (b"localhost", {"scheme": "wss"}, "https://localhost"),
    ],
)
def test_without_base_url_the_base_comes_from_a_request_on_a_loopback_host(
    host: bytes, more: dict[str, str], base: str
) -> None:
    assert check().base_of(_scope(host, **more)) == base


@pytest.mark.parametrize(
    "host", [b"app.example", b"localhost.evil.example", b"localhost@evil.example", b"ada@localhost", b"", b"[::1"]
)
def test_without_base_url_a_request_on_another_host_is_an_error_that_names_the_setting(host: bytes) -> None:
    with pytest.raises(SettingsError) as raised:
        check().base_of(_scope(host))

    assert raised.value.setting == "base_url"


def test_without_base_url_and_host_there_is_no_base() -> None:
    with pytest.raises(SettingsError):
        check().base_of({"type": "http"})


def test_a_mount_is_where_root_path_says_without_base_url() -> None:
    assert check().public_path(_scope(b"localhost", root_path="/mount/")) == "/mount"


def test_a_redirect_uri_is_known_without_a_request() -> None:
    got = check(base_url="https://app.example/api", prefix="/social", complete_path="/back")

    assert got.redirect_uri("github", base="https://app.example/api") == "https://app.example/api/social/back/github/"


# prefix, complete_path, sign_up


@pytest.mark.parametrize(("written", "kept"), [("", ""), ("/", ""), ("/social", "/social"), ("/a/b/", "/a/b")])
def test_a_prefix_is_a_path_or_empty(written: str, kept: str) -> None:
    assert check(prefix=written).prefix == kept


NO_PATHS = [
    pytest.param("social", id="no first slash"),
    pytest.param("//evil.example", id="two slashes"),
    pytest.param("/a//b", id="an empty segment"),
    pytest.param("/a/../b", id="a dot segment"),
    pytest.param("/./a", id="one dot"),
    pytest.param("/a?b", id="a query"),
    pytest.param("/a#b", id="a fragment"),
    pytest.param("/a%2fb", id="percent-encoded"),
    pytest.param("/a\\b", id="a backslash"),
    pytest.param("/a b", id="a space"),
    pytest.param("/a\nb", id="a line end"),
    pytest.param("/ä", id="not ASCII"),
    pytest.param("https://app.example/a", id="an address"),
    pytest.param(None, id="None"),
    pytest.param(7, id="a number"),
]


@pytest.mark.parametrize("setting", ["prefix", "complete_path"])
@pytest.mark.parametrize("written", NO_PATHS)
def test_what_is_no_path_is_refused(setting: str, written: object) -> None:
    assert fault(**{setting: written}).setting == setting


@pytest.mark.parametrize("written", ["", "/", "/associate", "/disconnect/"])
def test_a_complete_path_is_a_path_that_no_other_door_has(written: str) -> None:
    assert fault(complete_path=written).setting == "complete_path"


def test_a_complete_path_of_the_app_s_own_is_kept_without_its_last_slash() -> None:
    assert check(complete_path="/oauth/back/").complete_path == "/oauth/back"


@pytest.mark.parametrize("written", ["perhaps", True, None, "ALLOW", ["allow"]])
def test_sign_up_is_refuse_or_allow(written: object) -> None:
    assert fault(sign_up=written).setting == "sign_up"


@pytest.mark.parametrize("name", ["current_user", "user_id", "load_user", "create_user", "on_event", "limit_tokens"])
def test_what_has_to_be_called_is_callable(name: str) -> None:
    assert fault(**{name: "app.hook"}).setting == name


# backends


@pytest.mark.parametrize("written", [["github"], "github", {"github": "an-id"}, {"github": None}, 7])
def test_backends_are_a_table_of_tables(written: object) -> None:
    assert fault(backends=written).setting == "backends"


def test_a_fault_of_a_backend_names_it_and_the_redirect_uri_to_register() -> None:
    error = fault(
        base_url="https://app.example", prefix="/social", backends={"github": {**GITHUB, "cliend_id": "an-id"}}
    )

    assert (error.setting, error.backend) == ("backends.github.cliend_id", "github")
    assert "'client_id'" in error.message
    assert "https://app.example/social/complete/github/" in error.hint


def test_without_base_url_the_redirect_uri_to_register_is_on_localhost() -> None:
    assert "http://localhost:8000/complete/github/" in fault(backends={"github": {"client_id": "an-id"}}).hint


def test_backends_come_from_the_environment_where_none_are_written() -> None:
    environment = {
        "ASGI_SOCIAL_GITHUB_CLIENT_ID": "an-id",
        "ASGI_SOCIAL_GITHUB_CLIENT_SECRET": "a-secret",
        "ASGI_SOCIAL_GITHUB_SCOPE": "read:user,repo",
        "ASGI_SOCIAL_GITLAB_CLIENT_ID": "",
        "PATH": "/bin",
    }

    got = check(backends=None, environment=environment)

    assert list(got.backends) == ["github"]
    client = got.backends["github"].client
    assert (client.client_id, client.client_secret.reveal()) == ("an-id", "a-secret")
    assert client.scope == ("read:user", "repo")


def test_the_process_s_own_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASGI_SOCIAL_GITHUB_CLIENT_ID", "an-id")
    monkeypatch.setenv("ASGI_SOCIAL_GITHUB_CLIENT_SECRET", "a-secret")

    social = Social(**settings(backends=None))

    assert [backend.name for backend in social.backends()] == ["github"]


def test_backends_that_are_written_keep_the_environment_out() -> None:
    environment = {"ASGI_SOCIAL_GITHUB_CLIENT_ID": "an-id", "ASGI_SOCIAL_GITHUB_CLIENT_SECRET": "a-secret"}

    assert check(backends={}, environment=environment).backends == {}


def test_a_backend_that_is_not_enabled_is_none() -> None:
    assert check(backends={"github": {**GITHUB, "enabled": False}}).backends == {}


def _scope(host: bytes, **more: str) -> dict[str, object]:
    return {"type": "http", "headers": [(b"accept", b"*/*"), (b"host", host)], **more}
