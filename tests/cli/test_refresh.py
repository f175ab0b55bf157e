"""``asgi-social refresh``: what is due is renewed, told by its outcome, and only an operator's matters are faults."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from asgi_social import Social
from asgi_social.cli.refresh import counts, faults
from asgi_social.refresh.sweep import Swept
from asgi_social.testing import ManualClock, MemoryRepository
from tests.app import app_of, browser, settings
from tests.cli.running import TARGET, put, run
from tests.renewing import Acme, _code, backend_at


class Machine:
    """An app that has one linked account, whose token ends soon, and what a person's shell shows of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.acme = Acme()
        self.clock = ManualClock()
        self.repository = MemoryRepository(clock=self.clock)
        self.social: Social
        self._monkeypatch = monkeypatch

    async def link(self) -> None:
        async with self._social() as social, browser(app_of(social)) as client:
            begun = await client.get("/associate/acme/")
            await client.get(await _code(begun.headers["location"]))
        self.clock.advance(3500)

    def use(self, **backend: Any) -> None:
        """Let the command find the app."""
        put(self._monkeypatch, self._social(**backend))

    def _social(self, **backend: Any) -> Social:
        return Social(
            **settings(
                backends={"acme": {**backend_at(), **backend}},
                http_client=httpx.AsyncClient(transport=httpx.MockTransport(self.acme)),
                database=self.repository,
                clock=self.clock,
            )
        )


@pytest.fixture
async def linked(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(monkeypatch)
    await machine.link()
    return machine


def test_what_is_due_is_renewed_and_counted(linked: Machine) -> None:
    linked.use()

    result = run("refresh", TARGET)

    assert (result.exit_code, result.stdout, result.stderr) == (0, "1 renewed\n", "")
    assert len(linked.acme.renewals) == 1


def test_a_second_run_finds_nothing_due(linked: Machine) -> None:
    linked.use()
    run("refresh", TARGET)

    result = run("refresh", TARGET)

    assert (result.exit_code, result.stdout) == (0, "Nothing was due.\n")
    assert len(linked.acme.renewals) == 1


def test_quiet_tells_nothing_of_what_is_well(linked: Machine) -> None:
    linked.use()

    result = run("refresh", TARGET, "--quiet", "--limit", "5")

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_a_provider_that_is_down_is_no_fault_of_an_operator(linked: Machine) -> None:
    linked.acme.answers = [httpx.Response(503)]
    linked.use()

    result = run("refresh", TARGET)

    assert (result.exit_code, result.stdout) == (0, "1 failed, and tried again later\n")


def test_credentials_that_are_not_taken_end_it_with_1(linked: Machine) -> None:
    linked.acme.answers = [httpx.Response(401, json={"error": "invalid_client"})]
    linked.use()

    result = run("refresh", TARGET)

    assert result.exit_code == 1
    assert result.stderr.startswith("acme: the provider does not take client_id and client_secret")
    assert "a-secret" not in result.output


def test_what_cannot_be_renewed_ends_it_with_1(linked: Machine) -> None:
    linked.use(client_id="another-id")

    result = run("refresh", TARGET)

    assert (result.exit_code, result.stdout) == (1, "1 not to be renewed\n")
    assert "1 cannot be renewed: see the settings client_id, former_token_hosts and secret_key" in result.stderr
    assert linked.acme.renewals == []


def test_a_database_that_does_not_open_ends_it_with_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "their.db").write_bytes(b"no database" * 100)
    put(monkeypatch, Social(**settings(database=f"sqlite+aiosqlite:///{tmp_path}/their.db")))

    result = run("refresh", TARGET)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "SQLITE_NOTADB" in result.stderr


def test_settings_that_are_wrong_are_told_one_by_one() -> None:
    result = run("refresh", ASGI_SOCIAL_SECRET_KEY="short", ASGI_SOCIAL_BASE_URL="ftp://x")

    assert result.exit_code == 1
    assert "the setting secret_key" in result.stderr
    assert "the setting base_url" in result.stderr


def test_the_counts_name_each_outcome_that_there_was() -> None:
    swept = Swept(renewed=1200, failed=3, needs_reauth=2, cannot_renew=1, elsewhere=4, refused_backends={"acme"})

    assert counts(swept) == (
        "1,200 renewed, 3 failed, and tried again later, 2 to be linked again by their users, "
        "1 not to be renewed, 4 left to another process"
    )
    assert len(faults(swept)) == 2
    assert swept.total == 1210
