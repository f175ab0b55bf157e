"""``asgi-social migrate``: what it will do, what it does, and what it leaves alone."""

import socket
import sqlite3
from pathlib import Path

import pytest
from databases import DatabaseURL

from asgi_social import Social
from tests.app import settings
from tests.cli.running import TARGET, put, run
from tests.storage.files import raw, url_of


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "their.db"
    put(monkeypatch, Social(**settings(database=url_of(file))))
    return file


def test_a_dry_run_shows_each_step_and_makes_no_file(file: Path) -> None:
    result = run("migrate", TARGET, "--dry-run")

    assert result.exit_code == 0
    assert result.stdout.startswith("The schema is 0, and the newest is 2.\nStep 1:\n  CREATE TABLE social_schema (")
    assert result.stdout.endswith(" ADD COLUMN kept TEXT;\nNothing was changed.\n")
    assert list(file.parent.iterdir()) == []


def test_the_steps_are_shown_and_taken(file: Path) -> None:
    result = run("migrate", TARGET)

    assert (result.exit_code, result.stderr) == (0, "")
    assert "  CREATE TABLE social_association (" in result.stdout
    assert result.stdout.endswith("The schema is 2 now.\n")
    assert raw(file, "SELECT max(version) FROM social_schema") == [(2,)]


@pytest.mark.parametrize("words", [(), ("--dry-run",)], ids=["for real", "dry"])
def test_a_second_run_does_nothing(file: Path, words: tuple[str, ...]) -> None:
    run("migrate", TARGET)
    before = file.read_bytes()

    result = run("migrate", TARGET, *words)

    assert (result.exit_code, result.stdout) == (0, "The schema is 2, which is the newest: nothing to do.\n")
    assert file.read_bytes() == before


@pytest.mark.parametrize("words", [(), ("--dry-run",)], ids=["for real", "dry"])
def test_a_newer_schema_is_refused_and_left_as_it_is(file: Path, words: tuple[str, ...]) -> None:
    with sqlite3.connect(file) as connection:
        connection.executescript("CREATE TABLE social_schema (version INTEGER); INSERT INTO social_schema VALUES (99)")
    before = file.read_bytes()

    result = run("migrate", TARGET, *words)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "the database has schema 99, and this asgi_social knows schema 2 at most\n  install" in result.stderr
    assert file.read_bytes() == before


def test_a_store_of_the_apps_own_is_left_to_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, Social(**settings()))

    result = run("migrate", TARGET)

    assert result.exit_code == 0
    assert "looks after its schema itself" in result.stdout


def test_a_file_that_cannot_be_made_ends_with_1_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(monkeypatch, Social(**settings(database=url_of(tmp_path / "no" / "such" / "social.db"))))

    result = run("migrate", TARGET)

    assert result.exit_code == 1
    assert result.stderr.startswith("open: SQLite answers SQLITE_CANTOPEN\n")


def test_faults_of_the_settings_are_all_told() -> None:
    result = run("migrate", ASGI_SOCIAL_SECRET_KEY=None, ASGI_SOCIAL_BASE_URL="ftp://app.example", ASGI_SOCIAL_APP=None)

    assert result.exit_code == 1
    assert "the setting secret_key is missing\n  " in result.stderr
    assert "the setting base_url is not a public https address\n  " in result.stderr


@pytest.mark.parametrize("words", [(), ("--dry-run",)], ids=["for real", "dry"])
def test_quiet_tells_nothing_where_all_is_well(file: Path, words: tuple[str, ...]) -> None:
    result = run("migrate", TARGET, "--quiet", *words)

    assert (result.exit_code, result.output) == (0, "")


def test_what_the_app_prints_is_no_part_of_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "wordy.py").write_text("print('hello')\nfrom asgi_social import Social\napp = None\n")

    result = run("migrate", "wordy:app")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "hello\n" in result.stderr


def test_a_server_is_migrated_by_the_command_alone_and_a_second_run_does_nothing(
    new_server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, Social(**settings(database=new_server_url)))

    dry = run("migrate", TARGET, "--dry-run")
    made = run("migrate", TARGET)
    again = run("migrate", TARGET)

    assert (dry.exit_code, made.exit_code, again.exit_code) == (0, 0, 0)
    assert dry.stdout.startswith("The schema is 0, and the newest is 2.\nStep 1:\n  CREATE TABLE ")
    assert dry.stdout.endswith("Nothing was changed.\n")
    assert made.stdout.endswith("The schema is 2 now.\n")
    assert again.stdout == "The schema is 2, which is the newest: nothing to do.\n"


def test_a_server_that_does_not_answer_ends_with_1_and_shows_no_password(
    server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = DatabaseURL(server_url).replace(port=closed.getsockname()[1], password="hunter2")
        put(monkeypatch, Social(**settings(database=str(url))))

        result = run("migrate", TARGET)

    assert result.exit_code == 1
    assert result.stderr.startswith("version: ")
    assert "hunter2" not in result.output
