"""``asgi-social doctor`` of protections that are off, of where each setting is from, and how it is stopped."""

import asyncio
import json
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from asgi_social import Social
from asgi_social.testing import FakeProvider
from tests.app import BASE, KEY, settings
from tests.cli.running import TARGET, fake_settings, put, run
from tests.cli.test_commands import ROOT
from tests.security.doors import other

GITHUB = {"client_id": "an-id", "client_secret": "hunter2"}


def report(monkeypatch: pytest.MonkeyPatch, *words: str, **more: Any) -> dict[str, Any]:
    """Give what the doctor says of an engine with these settings."""
    put(monkeypatch, Social(**settings(**more)))
    told: dict[str, Any] = json.loads(run("doctor", TARGET, "--json", "--offline", *words).stdout)
    return told


def notes(told: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["backend"], one["message"]) for one in told["findings"] if one["check"] == "protection"]


@pytest.mark.parametrize(
    ("backend", "told"),
    [
        pytest.param(
            {"here": {**other(), "allow_unbound_tokens": True}},
            "allow_unbound_tokens is set: client tokens are taken that nothing shows to be this app's",
            id="allow_unbound_tokens",
        ),
        pytest.param({"slack": GITHUB}, "PKCE is not sent, because the provider does not take it", id="PKCE"),
        pytest.param({"linkedin-openidconnect": GITHUB}, "its ID tokens repeat no nonce", id="nonce"),
        pytest.param(
            {"here": other()}, "unlinking is not told to the provider, which has no way to be told", id="revocation"
        ),
    ],
)
def test_each_protection_that_is_off_has_a_line_and_is_no_fault(
    monkeypatch: pytest.MonkeyPatch, backend: dict[str, Any], told: str
) -> None:
    """Expectation 14."""
    got = report(monkeypatch, backends=backend)

    assert (next(iter(backend)), told) in notes(got)
    assert got["ok"]


def test_checks_that_the_data_of_a_provider_relax_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expectation 14."""
    backend = other()
    backend["provider"]["id_token"] = {"jwks": "https://other.example/keys", "issuer": ["i"], "lax": ["at_hash"]}

    told = notes(report(monkeypatch, backends={"here": backend}))

    assert ("here", "its ID tokens are not held to at_hash") in told


def test_where_nothing_is_off_there_is_no_such_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expectation 14."""
    provider = FakeProvider(issuer="https://id.example")

    told = report(monkeypatch, backends={"id": provider.backend_settings()}, http_client=None)

    assert notes(told) == []


@pytest.mark.parametrize(
    ("more", "told"),
    [
        pytest.param({"sign_up": "allow"}, "sign_up is allow: whoever has an account", id="sign_up"),
        pytest.param({}, "http_client is the app's own: its limits", id="http_client"),
        pytest.param({"backends": {"github": {**GITHUB, "uid": "login"}}}, "backends.github.uid is set", id="uid"),
    ],
)
def test_what_the_app_takes_into_its_own_hands_has_a_line(
    monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], told: str
) -> None:
    """Expectation 14."""
    assert [text for backend, text in notes(report(monkeypatch, **more)) if backend is None and told in text]


@pytest.mark.parametrize("base_url", [None, "http://localhost:8000"])
def test_plain_http_on_a_developers_machine_has_a_line(monkeypatch: pytest.MonkeyPatch, base_url: str | None) -> None:
    """Expectation 14."""
    [line] = [one for one in report(monkeypatch, base_url=base_url)["findings"] if one["check"] == "base URL"]

    assert "plain http" in line["message"]


def test_every_setting_is_told_with_its_place_and_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Expectation 3."""
    (tmp_path / "secret").write_text("hunter2")
    result = run(
        "doctor",
        "--offline",
        ASGI_SOCIAL_APP=None,
        ASGI_SOCIAL_SECRET_KEY=KEY,
        ASGI_SOCIAL_BASE_URL=BASE,
        ASGI_SOCIAL_DATABASE=f"sqlite+aiosqlite:///{tmp_path}/social.db",
        ASGI_SOCIAL_GITHUB_CLIENT_ID="an-id",
        ASGI_SOCIAL_GITHUB_CLIENT_SECRET_FILE=str(tmp_path / "secret"),
        ASGI_SOCIAL_GITHUB_SCOPE="read:user gist",
        ASGI_SOCIAL_GITHUB_API_URL="https://git.example/api/v3",
    )

    told = result.stdout.partition("\nSettings, and where each is from:\n")[2].partition("\n\n")[0].splitlines()
    assert [line for line in told if "_key: Keys(" not in line and " database: " not in line] == [
        f"  base_url: {BASE}  (ASGI_SOCIAL_BASE_URL)",
        "  backends.github.client_id: an-id  (ASGI_SOCIAL_GITHUB_CLIENT_ID)",
        "  backends.github.client_secret: …  (ASGI_SOCIAL_GITHUB_CLIENT_SECRET_FILE)",
        "  backends.github.scope: read:user gist  (ASGI_SOCIAL_GITHUB_SCOPE)",
        "  backends.github.api_url: https://git.example/api/v3  (ASGI_SOCIAL_GITHUB_API_URL)",
    ]
    assert len(told) == 7
    assert [one for one in ("hunter2", KEY) if one in result.output] == []


def test_json_holds_the_settings_of_the_code_and_the_defaults_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expectation 3: functions and objects by their names alone."""
    backend = {**GITHUB, "params": {"login": "hunter2"}, "offline": True, "enabled": True, "provider": "github"}
    renewing = {"renewals_at_once": 3, "former_token_hosts": ["old.example"]}
    backends = {"octo": {**backend, **renewing}}
    told = report(monkeypatch, backends=backends, current_user=KEY.upper, user_id=int, refresh_every=60)

    found = {one["setting"]: (one["value"], one["origin"]) for one in told["settings"]}
    assert found["user_id"] == ("int", "code")
    assert found["current_user"] == ("upper", "code")
    assert found["database"] == ("MemoryRepository", "code")
    assert found["prefix"] == ("", "default")
    assert found["sign_in_url"] == ("None", "default")
    assert found["backends.octo.params"] == ("…", "code")
    assert found["backends.octo.client_id"] == ("an-id", "code")
    assert found["backends.octo.offline"] == ("True", "code")
    assert found["backends.octo.provider"] == ("github", "code")
    assert found["backends.octo.renewals_at_once"] == ("3", "code")
    assert found["backends.octo.former_token_hosts"] == ("old.example", "code")
    assert found["refresh_every"] == ("60.0", "code")
    assert "hunter2" not in str(told)


def test_quiet_tells_faults_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expectation 61."""
    put(monkeypatch, Social(**settings()))
    well = run("doctor", TARGET, "--offline", "--quiet")
    put(monkeypatch, Social(**settings(backends={})))
    ill = run("doctor", TARGET, "--offline", "--quiet")

    assert (well.exit_code, well.output) == (0, "")
    assert (ill.exit_code, ill.stdout.splitlines()[0]) == (1, "fault  settings: no backend is configured")
    assert len(ill.stdout.splitlines()) == 2


def test_providers_are_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expectation 61: several that do not answer cost the time of one."""
    arrived = [asyncio.Event(), asyncio.Event()]

    async def answer(request: httpx.Request) -> httpx.Response:
        mine, other = arrived if request.url.host == "github.com" else reversed(arrived)
        mine.set()
        await other.wait()  # each is answered only where both are asked
        return httpx.Response(404)

    backends = {name: {"client_id": "an-id", "client_secret": "a-secret"} for name in ("github", "discord")}
    http_client = httpx.AsyncClient(transport=httpx.MockTransport(answer))

    put(monkeypatch, Social(**settings(backends=backends, http_client=http_client)))

    result = run("doctor", TARGET, "--json")

    assert result.exit_code == 0
    findings = json.loads(result.stdout)["findings"]
    assert [one["backend"] for one in findings if one["check"] == "provider"] == ["github", "discord"]


def interrupted(request: httpx.Request) -> httpx.Response:
    """Answer nothing, because somebody presses Ctrl-C while the provider is asked."""
    raise KeyboardInterrupt


def test_ctrl_c_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expectation 62."""
    provider = FakeProvider(issuer="https://id.example")
    http_client = httpx.AsyncClient(transport=httpx.MockTransport(interrupted))
    put(monkeypatch, Social(**{**fake_settings(provider), "http_client": http_client}))

    result = run("doctor", TARGET)

    assert result.exit_code == 130
    assert "Stopped. Nothing was changed: run the same command again." in result.stderr
    assert "Traceback" not in result.output


def test_ctrl_c_in_a_process_of_its_own_leaves_a_whole_database(tmp_path: Path) -> None:
    """Expectation 62: while a provider does not answer."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        silent.settimeout(30)
        environment = {
            "PYTHONPATH": str(ROOT),
            "ASGI_SOCIAL_SECRET_KEY": KEY,
            "ASGI_SOCIAL_BASE_URL": "http://localhost:8000",
            "ASGI_SOCIAL_DATABASE": f"sqlite+aiosqlite:///{tmp_path}/social.db",
            "ASGI_SOCIAL_OIDC_CLIENT_ID": "an-id",
            "ASGI_SOCIAL_OIDC_CLIENT_SECRET": "hunter2",
            "ASGI_SOCIAL_OIDC_ISSUER": f"http://127.0.0.1:{silent.getsockname()[1]}",
        }
        command = [sys.executable, "-m", "asgi_social.cli", "doctor"]
        running = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)  # noqa: S603  # the command is ours
        asked, _ = silent.accept()
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=30)
        asked.close()

    assert (running.returncode, told.strip()) == (130, "Stopped. Nothing was changed: run the same command again.")
    assert sqlite3.connect(tmp_path / "social.db").execute("PRAGMA integrity_check").fetchall() == [("ok",)]
