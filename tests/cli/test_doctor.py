"""``asgi-social doctor``: what it finds, what it tells, and what it never tells."""

import json
import socket
import sqlite3
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from databases import DatabaseURL
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware

from asgi_social import Social, SocialMiddleware
from asgi_social.testing import FakeProvider
from tests.app import KEY, SignedIn, app_of, settings
from tests.cli.running import TARGET, fake_settings, put, run

ISSUER = "https://id.example"


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider(issuer=ISSUER)


def doctor(monkeypatch: pytest.MonkeyPatch, *words: str, **more: Any) -> tuple[int, list[dict[str, Any]]]:
    """Let the doctor look at an engine with these settings; give the status and what was found."""
    put(monkeypatch, Social(**more))
    result = run("doctor", TARGET, "--json", *words)
    return result.exit_code, json.loads(result.stdout)["findings"]


def states(findings: list[dict[str, Any]]) -> dict[str, str]:
    return {one["check"]: one["state"] for one in findings}


def test_an_app_that_is_well_ends_with_0_and_says_what_to_register_where(
    monkeypatch: pytest.MonkeyPatch, provider: FakeProvider
) -> None:
    put(monkeypatch, app_of(Social(**fake_settings(provider))))

    result = run("doctor", TARGET)

    assert result.exit_code == 0
    assert "\nAll is well.\n" in result.stdout
    assert "id: https://app.example/complete/id/\n    at the console of OpenID Connect\n" in result.stdout
    assert "provider id: answers; its issuer is https://id.example" in result.stdout


def test_the_address_of_the_console_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, Social(**settings()))

    result = run("doctor", TARGET, "--offline")

    where = "https://github.com/settings/developers"
    assert f"github: https://app.example/complete/github/\n    at {where}\n" in result.stdout


def test_json_holds_the_same(monkeypatch: pytest.MonkeyPatch, provider: FakeProvider) -> None:
    put(monkeypatch, app_of(Social(**fake_settings(provider))))

    told = json.loads(run("doctor", TARGET, "--json").stdout)

    every = ["settings", "key", "base URL", "database", "clock", "provider"]
    assert told["ok"] is True
    assert states(told["findings"]) == {**dict.fromkeys(every, "ok"), "protection": "note"}  # of the client
    assert told["register"] == [
        {
            "backend": "id",
            "title": "OpenID Connect",
            "redirect_uri": "https://app.example/complete/id/",
            "console": None,
        }
    ]


def shapes() -> dict[str, Any]:
    engine = Social(**settings())
    wrapped = SocialMiddleware(Starlette(), engine)
    built = app_of(engine)
    built.middleware_stack = built.build_middleware_stack()
    built.user_middleware = []
    return {
        "an engine": engine,
        "our middleware": wrapped,
        "a session around ours": SessionMiddleware(wrapped, secret_key=KEY),
        "Quart's attribute": SimpleNamespace(asgi_app=wrapped),
        "Starlette before its first request": app_of(engine),
        "Starlette with settings": Starlette(
            middleware=[Middleware(SignedIn), Middleware(SocialMiddleware, **settings())]
        ),
        "Starlette after its first request": SimpleNamespace(middleware_stack=SimpleNamespace(app=wrapped)),
    }


@pytest.mark.parametrize("shape", list(shapes()))
def test_the_engine_is_found_in(monkeypatch: pytest.MonkeyPatch, shape: str) -> None:
    put(monkeypatch, shapes()[shape])

    result = run("doctor", TARGET, "--offline")

    assert "backends: github" in result.stdout
    assert result.exit_code == 0


def test_the_app_may_be_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, Social(**settings()))

    result = run("doctor", "--offline", ASGI_SOCIAL_APP=TARGET)

    assert "backends: github" in result.stdout


def test_the_word_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, Social(**settings()))

    result = run("doctor", TARGET, "--offline", ASGI_SOCIAL_APP="no_such_module:app")

    assert result.exit_code == 0


def test_without_an_app_the_settings_are_those_of_the_environment(tmp_path: Path) -> None:
    result = run(
        "doctor",
        "--offline",
        "--json",
        ASGI_SOCIAL_APP=None,
        ASGI_SOCIAL_SECRET_KEY=f"{KEY} another-{KEY}",
        ASGI_SOCIAL_BASE_URL="https://env.example",
        ASGI_SOCIAL_DATABASE=f"sqlite+aiosqlite:///{tmp_path}/env.db",
        ASGI_SOCIAL_PREFIX="/social",
        ASGI_SOCIAL_GITHUB_CLIENT_ID="an-id",
        ASGI_SOCIAL_GITHUB_CLIENT_SECRET="a-secret",
    )

    told = json.loads(result.stdout)
    [key] = [one["message"] for one in told["findings"] if one["check"] == "key"]
    assert result.exit_code == 0
    assert told["register"][0]["redirect_uri"] == "https://env.example/social/complete/github/"
    assert (tmp_path / "env.db").exists()
    assert key.count(",") == 1  # the ids of two keys


def test_every_problem_is_told_at_once_and_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong: dict[str, Any] = {
        "backends": {"github": {"client_id": "an-id"}, "corp": {}},
        "base_url": "http://app.example",
    }
    put(monkeypatch, Starlette(middleware=[Middleware(SocialMiddleware, secret_key="short", **wrong)]))

    result = run("doctor", TARGET)

    assert result.exit_code == 1
    assert "fault  key: the setting secret_key is too short" in result.stdout
    assert "fault  base URL: the setting base_url is not a public https address" in result.stdout
    assert "fault  settings: the setting backends.github.client_secret is missing" in result.stdout
    assert "fault  settings: the setting backends.corp.provider is not usable" in result.stdout
    assert "the redirect URI to register is" in result.stdout
    assert "\nTo be mended: 4\n" in result.stdout


@pytest.mark.parametrize(
    ("target", "told"),
    [
        pytest.param("app", "'app' is no module:attribute", id="no colon"),
        pytest.param("app:", "'app:' is no module:attribute", id="no attribute"),
        pytest.param("no_such:app", "ModuleNotFoundError: No module named 'no_such'", id="no such module"),
        pytest.param("there:no_such", "AttributeError: module 'there' has no attribute 'no_such'", id="no such name"),
        pytest.param("there:plain", "there:plain is no Social, and holds no SocialMiddleware", id="no middleware"),
        pytest.param("there:circle", "there:circle is no Social, and holds no SocialMiddleware", id="a circle"),
        pytest.param("broken:app", "broken:app cannot be imported: ValueError\n", id="an app that raises"),
        pytest.param("broken:app", "it was raised in broken.py, line 2", id="the line"),
        pytest.param("wrong:app", "key: the setting secret_key is missing", id="settings that are wrong on import"),
    ],
)
def test_an_app_that_cannot_be_used_says_why(tmp_path: Path, target: str, told: str) -> None:
    (tmp_path / "there.py").write_text("plain = object()\nclass Circle: ...\ncircle = Circle()\ncircle.app = circle\n")
    (tmp_path / "broken.py").write_text("password = 'hunter2'\nraise ValueError(password)\n")
    (tmp_path / "wrong.py").write_text("from asgi_social import Social\napp = Social(backends={})\n")

    result = run("doctor", target)

    assert result.exit_code == 1
    assert told in result.stdout
    assert "hunter2" not in result.output
    assert "Traceback" not in result.output


def test_what_the_app_prints_is_no_part_of_the_report(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text("print('hello')\napp = None\n")

    result = run("doctor", "loud:app", "--json")

    assert json.loads(result.stdout)["ok"] is False
    assert "hello" in result.stderr


def test_an_app_is_looked_for_in_the_present_folder_once(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("from asgi_social import Social\napp = Social(backends={})\n")

    results = [run("doctor", "beside:app") for _ in range(2)]

    assert ["secret_key is missing" in one.stdout for one in results] == [True, True]
    assert sys.path.count(str(tmp_path)) == 1


def test_the_environment_alone_may_lack_everything() -> None:
    result = run("doctor", ASGI_SOCIAL_APP=None, ASGI_SOCIAL_SECRET_KEY=None)

    assert result.exit_code == 1
    assert "fault  key: the setting secret_key is missing" in result.stdout


def test_no_backend_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    status, findings = doctor(monkeypatch, **settings(backends={}))

    assert (status, states(findings)["settings"]) == (1, "fault")


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        pytest.param(None, "note", id="none"),
        pytest.param("http://localhost:8000", "note", id="a developer's machine"),
        pytest.param("https://app.example", "ok", id="public"),
    ],
)
def test_a_base_url_that_others_cannot_reach_is_noted(
    monkeypatch: pytest.MonkeyPatch, base_url: str | None, expected: str
) -> None:
    status, findings = doctor(monkeypatch, "--offline", **settings(base_url=base_url))

    assert (status, states(findings)["base URL"]) == (0, expected)


def test_a_database_that_does_not_open_is_a_fault_and_the_providers_are_asked_all_the_same(
    monkeypatch: pytest.MonkeyPatch, provider: FakeProvider, tmp_path: Path
) -> None:
    nowhere = f"sqlite+aiosqlite:///{tmp_path}/no/such/folder/social.db"

    status, findings = doctor(monkeypatch, **fake_settings(provider, database=nowhere))

    assert status == 1
    assert (states(findings)["database"], states(findings)["provider"]) == ("fault", "ok")


def test_a_server_without_our_tables_is_a_fault_that_says_what_to_run(
    monkeypatch: pytest.MonkeyPatch, new_server_url: str
) -> None:
    status, findings = doctor(monkeypatch, "--offline", **settings(database=new_server_url))

    [found] = [one for one in findings if one["check"] == "database"]
    assert (status, found["state"]) == (1, "fault")
    assert "schema 0" in found["message"]
    assert "asgi-social migrate" in found["hint"]


def test_a_server_with_our_tables_is_well_and_its_password_is_not_told(
    monkeypatch: pytest.MonkeyPatch, server_url: str
) -> None:
    url = str(DatabaseURL(server_url).replace(password="hunter2"))
    put(monkeypatch, Social(**settings(database=url if url.startswith("postgresql") else server_url)))

    result = run("doctor", TARGET, "--offline")

    assert "database: opens, and its schema is the one that is known here" in result.stdout
    assert "hunter2" not in result.output


def test_without_a_client_of_the_apps_own_a_database_that_does_not_open_keeps_nobody_from_being_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # it does not listen, so that who connects is refused
        issuer = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        more: dict[str, Any] = {
            "base_url": "http://localhost:8000",
            "backends": {"id": {"provider": "oidc", "issuer": issuer, "client_id": "i", "client_secret": "s"}},
            "database": f"sqlite+aiosqlite:///{tmp_path}/no/such/folder/social.db",
            "http_client": None,
        }

        status, findings = doctor(monkeypatch, **settings(**more))

    assert status == 1
    assert "cannot be reached" in next(one["message"] for one in findings if one["check"] == "provider")


def test_a_schema_of_a_newer_version_is_a_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = sqlite3.connect(tmp_path / "newer.db")
    file.executescript("CREATE TABLE social_schema (version INTEGER); INSERT INTO social_schema VALUES (99)")
    file.close()

    status, findings = doctor(monkeypatch, "--offline", **settings(database=f"sqlite+aiosqlite:///{tmp_path}/newer.db"))

    [message] = [one["message"] for one in findings if one["state"] == "fault"]
    assert status == 1
    assert "schema 99" in message


def test_metadata_of_another_issuer_are_a_fault(monkeypatch: pytest.MonkeyPatch, provider: FakeProvider) -> None:
    provider.faults.metadata_issuer = "https://other.example"

    status, findings = doctor(monkeypatch, **fake_settings(provider))

    [fault] = [one for one in findings if one["state"] == "fault"]
    assert (status, fault["check"], fault["backend"]) == (1, "provider", "id")
    assert "the issuer https://id.example" in fault["message"]


def test_a_provider_that_cannot_be_reached_is_a_fault_and_the_next_one_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "github.com":
            raise httpx.ConnectError("a name that leads nowhere")
        return httpx.Response(404)

    backends = {name: {"client_id": "an-id", "client_secret": "a-secret"} for name in ("github", "discord")}
    status, findings = doctor(monkeypatch, **settings(answer, backends=backends))

    assert status == 1
    assert {one["backend"]: one["state"] for one in findings if one["check"] == "provider"} == {
        "github": "fault",
        "discord": "ok",
    }


def test_offline_asks_nobody(monkeypatch: pytest.MonkeyPatch, provider: FakeProvider) -> None:
    provider.faults.metadata_issuer = "https://other.example"

    status, _ = doctor(monkeypatch, "--offline", **fake_settings(provider))

    assert (status, provider.requests) == (0, [])


@pytest.mark.parametrize(
    ("ahead", "expected", "words"),
    [
        pytest.param(0, (0, "ok"), "agrees", id="right"),
        pytest.param(60, (0, "ok"), "agrees", id="a minute behind"),
        pytest.param(-60, (0, "ok"), "agrees", id="a minute ahead"),
        pytest.param(61, (1, "fault"), "61 s behind", id="more than a minute behind"),
        pytest.param(-61, (1, "fault"), "61 s ahead", id="more than a minute ahead"),
        pytest.param(None, (0, "note"), "no provider says", id="nobody says"),
    ],
)
def test_a_clock_that_is_more_than_60_seconds_off_is_a_fault(
    monkeypatch: pytest.MonkeyPatch,
    provider: FakeProvider,
    ahead: float | None,
    expected: tuple[int, str],
    words: str,
) -> None:
    status, findings = doctor(monkeypatch, **fake_settings(provider, ahead=ahead))

    assert (status, states(findings)["clock"]) == expected
    assert words in next(one["message"] for one in findings if one["check"] == "clock")


def test_one_provider_with_a_wrong_clock_is_not_our_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    dates = {"github.com": "Wed, 01 Jan 2020 00:00:00 GMT", "discord.com": "Fri, 15 Jan 2027 08:00:00 GMT"}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"date": dates[request.url.host]})

    backends = {name: {"client_id": "an-id", "client_secret": "a-secret"} for name in ("github", "discord")}
    _, findings = doctor(monkeypatch, **settings(answer, backends=backends))

    assert states(findings)["clock"] == "ok"


@pytest.mark.parametrize("words", [(), ("--json",), ("--offline",)], ids=["text", "json", "offline"])
@pytest.mark.parametrize("broken", [False, True], ids=["well", "broken"])
def test_no_secret_is_told(
    monkeypatch: pytest.MonkeyPatch, provider: FakeProvider, words: tuple[str, ...], broken: bool
) -> None:
    more: dict[str, Any] = {"database": "mongodb://ada:hunter2@db.example/app"} if broken else {}
    every = fake_settings(provider, **more)
    put(monkeypatch, Starlette(middleware=[Middleware(SocialMiddleware, **every)]))

    result = run("doctor", TARGET, *words)

    assert result.exit_code == int(broken)
    assert [one for one in (KEY, provider.client_secret, "hunter2") if one in result.output] == []


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        pytest.param({"FORCE_COLOR": None, "NO_COLOR": None}, False, id="no terminal"),
        pytest.param({"FORCE_COLOR": "1", "NO_COLOR": None}, True, id="a terminal"),
        pytest.param({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, id="a terminal that wants none"),
    ],
)
def test_colours_are_for_terminals_that_want_them(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str | None], coloured: bool
) -> None:
    put(monkeypatch, Social(**settings()))

    result = run("doctor", TARGET, "--offline", TERM="xterm-256color", **environment)

    assert ("\x1b[" in result.stdout) is coloured
